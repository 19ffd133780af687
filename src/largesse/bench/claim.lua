-- Claims of customers with random ids, for wrk:
--   wrk -t1 -c64 -d3 -s claim.lua http://127.0.0.1:8000 -- TARGET AUTHORIZATION
-- The request is put together by hand: wrk.format costs half of what the server can do.

local head, tail
local random, char = math.random, string.char

-- Eighteen letters and digits, from three numbers of 36^6 each.
local digits = {}
for value = 0, 35 do
  digits[value] = value < 10 and char(48 + value) or char(87 + value)
end
local triples = {}
for value = 0, 46655 do
  triples[value] = digits[math.floor(value / 1296)] .. digits[math.floor(value / 36) % 36] .. digits[value % 36]
end

local function customer()
  return triples[random(0, 46655)] .. triples[random(0, 46655)] .. triples[random(0, 46655)]
    .. triples[random(0, 46655)] .. triples[random(0, 46655)] .. triples[random(0, 46655)]
end

function init(arguments)
  local seed = 0
  for line in io.lines("/proc/self/stat") do seed = tonumber(line:match("^%d+")) end
  math.randomseed(seed + os.time())
  local target = arguments[1] or "/api/v1/campaigns/camp_00000000000000000000000000/claims"
  local authorization = arguments[2] or "Bearer lgs_00000000000000000000000000000000"
  local body_bytes = #'{"customer_id":""}' + 18
  head = "POST " .. target .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " .. authorization
    .. "\r\nContent-Type: application/json\r\nContent-Length: " .. body_bytes .. "\r\nIdempotency-Key: "
  tail = '"}'
end

function request()
  local id = customer()
  return head .. id .. '\r\n\r\n{"customer_id":"' .. id .. tail
end
