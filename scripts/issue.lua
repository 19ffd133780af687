-- Claims for wrk, each by another customer: `-- rest CAMPAIGN_ID KEY`, `-- connect NUMBER KEY` or `-- binary NUMBER KEY`.
-- Requests are put together by hand, because wrk.format is slower than the server.

local head, body, keyed

local function varint(value)
  local bytes = {}
  while value > 127 do
    bytes[#bytes + 1] = string.char(value % 128 + 128)
    value = math.floor(value / 128)
  end
  bytes[#bytes + 1] = string.char(value)
  return table.concat(bytes)
end

local function field(number, text)
  return string.char(number * 8 + 2) .. varint(#text) .. text
end

function init(args)
  local way, campaign, key = args[1], args[2], args[3]
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 100000)
  local path, kind
  if way == "rest" then
    path, kind = "/api/v1/campaigns/" .. campaign .. "/claims", "application/json"
    body = function(id) return '{"customer_id":"' .. id .. '"}' end
  else
    path = "/largesse.v1.CouponService/IssueCoupon"
    if way == "connect" then
      kind = "application/json"
      body = function(id)
        return '{"campaignId":"' .. campaign .. '","customerId":"' .. id .. '","idempotencyKey":"' .. id .. '"}'
      end
    else
      kind = "application/proto"
      body = function(id) return string.char(8) .. varint(tonumber(campaign)) .. field(2, id) .. field(3, id) end
    end
  end
  head = "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " .. key ..
    "\r\nContent-Type: " .. kind .. "\r\n"
  if way ~= "rest" then head = head .. "Connect-Protocol-Version: 1\r\n" end
  keyed = way == "rest"
end

function request()
  local id = string.format("%09d%09d", math.random(0, 999999999), math.random(0, 999999999))
  local said = body(id)
  local key = keyed and ("Idempotency-Key: " .. id .. "\r\n") or ""
  return head .. key .. "Content-Length: " .. #said .. "\r\n\r\n" .. said
end
