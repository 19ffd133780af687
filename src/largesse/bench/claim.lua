-- Claims of customers with random ids, for wrk:
--   wrk -t1 -c64 -d3 -s claim.lua http://127.0.0.1:8000 -- TARGET AUTHORIZATION [WINNERS]
-- With WINNERS every tenth request is one of the customers w0…01 to w0…WINNERS once more, under his
-- key. What was measured comes as one line of JSON that begins with "measured ".
-- The request is put together by hand: wrk.format costs half of what the server can do.

local head, tail
local winners = 0
local random, char, format = math.random, string.char, string.format
local threads = {}

winners_asked = 0 -- global, because done() reads it from outside of the thread

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
  if winners > 0 and random(10) == 1 then
    winners_asked = winners_asked + 1
    return format("w%017d", random(winners))
  end
  return triples[random(0, 46655)] .. triples[random(0, 46655)] .. triples[random(0, 46655)]
    .. triples[random(0, 46655)] .. triples[random(0, 46655)] .. triples[random(0, 46655)]
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  local seed = 0
  for line in io.lines("/proc/self/stat") do seed = tonumber(line:match("^%d+")) end
  math.randomseed(seed + os.time())
  local target = arguments[1] or "/api/v1/campaigns/camp_00000000000000000000000000/claims"
  local authorization = arguments[2] or "Bearer lgs_00000000000000000000000000000000"
  winners = tonumber(arguments[3] or "0")
  local body_bytes = #'{"customer_id":""}' + 18
  head = "POST " .. target .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " .. authorization
    .. "\r\nContent-Type: application/json\r\nContent-Length: " .. body_bytes .. "\r\nIdempotency-Key: "
  tail = '"}'
end

function request()
  local id = customer()
  return head .. id .. '\r\n\r\n{"customer_id":"' .. id .. tail
end

-- Counts answers by wrk's own counters: a response() of ours would make the client the limit.
function done(summary, latency)
  local asked = 0
  for _, thread in ipairs(threads) do asked = asked + thread:get("winners_asked") end
  local errors = summary.errors
  io.write(format(
    'measured {"answers":%d,"refused":%d,"broken":%d,"seconds":%.6f,"winners_asked":%d,'
      .. '"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, asked, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency:percentile(99.9) / 1e3))
end
