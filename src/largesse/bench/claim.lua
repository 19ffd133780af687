-- Requests of customers with random ids, for wrk:
--   wrk -t1 -c64 -d3 -s claim.lua http://127.0.0.1:8000 -- WINNERS ITEMS TEXT…
-- Each request is made from any of the texts (asked.py writes them): {new} becomes another customer,
-- {id} the last one again, {item} the next line of the file ITEMS, and after the last one the first.
-- With WINNERS above 0 every tenth customer is one of w0…01 to w0…WINNERS.
-- What was measured comes as one line of JSON that begins with "measured ".
-- The request is put together by hand: wrk.format costs half of what the server can do.

local texts = {}
local winners = 0
local items, item = {}, 0
local random, char, format, concat = math.random, string.char, string.format, table.concat
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

-- A text as what stands between its marks, and the marks.
local function cut(text)
  local parts, marks, at = {}, {}, 1
  while true do
    local first, last, mark = text:find("{(%l+)}", at)
    if not first then break end
    parts[#parts + 1] = text:sub(at, first - 1)
    marks[#marks + 1] = mark
    at = last + 1
  end
  parts[#parts + 1] = text:sub(at)
  local single = #marks == 2 and marks[1] == "new" and marks[2] == "id"
  return { parts = parts, marks = marks, single = single }
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  local seed = 0
  for line in io.lines("/proc/self/stat") do seed = tonumber(line:match("^%d+")) end
  math.randomseed(seed + os.time())
  winners = tonumber(arguments[1])
  for line in io.lines(arguments[2]) do items[#items + 1] = line end
  for number = 3, #arguments do
    texts[number - 2] = cut(arguments[number])
  end
end

function request()
  local text = texts[#texts > 1 and random(#texts) or 1]
  local parts, marks = text.parts, text.marks
  if text.single then
    local id = customer()
    return parts[1] .. id .. parts[2] .. id .. parts[3]
  end
  local made, id = {}, nil
  for number = 1, #marks do
    if marks[number] == "new" then id = customer() end
    local put = id
    if marks[number] == "item" then
      item = item % #items + 1
      put = items[item]
    end
    made[2 * number - 1], made[2 * number] = parts[number], put
  end
  made[#made + 1] = parts[#parts]
  return concat(made)
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
