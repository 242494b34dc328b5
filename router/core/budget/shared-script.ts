import { COUNTER_LUA } from "./shared-counter-lua.ts";

/** A script of the shared ledger. Its name is for people. */
export interface SharedScript {
  readonly name: string;
  readonly text: string;
}

/*
 * What a script needs of each key stands in ARGV behind what it needs of the call, in the order of KEYS. Each reads
 * everything before it writes anything, and the first write is one that a full or read-only server refuses: so an
 * error reply means that nothing was done.
 *
 * Each answers with a word, the id it was given, and the server's time; then, where counters were looked at, three
 * numbers for each key: used, reserved, and when it begins anew (-1, -1, 0 for a damaged one).
 */

const ROW = `
local function row(answer, counter)
  answer[#answer + 1] = counter and counter.u or -1
  answer[#answer + 1] = counter and counter.r or -1
  answer[#answer + 1] = counter and counter.finish or 0
end
`;

/**
 * Reserves in all counters, or in none. ARGV: id, the last instant at which this may still happen, the longest that the
 * call may stay open, input tokens, output tokens of one choice, choices, the fewest output tokens, what the call costs
 * without output, what an output token costs; for each key: unit, limit, kind of window, length.
 *
 * - `ok id now output clamp tokens cost rows`: `output` for each choice, lessened by the key with the number `clamp`
 *   (0: none); `tokens` and `cost` are reserved
 * - `no id now rows`: a row's third number is when the rule would have room (0: never) where it refuses
 * - `late id now`: it is too late for that; nothing was done
 * - `damaged id now number`
 */
export const RESERVE: SharedScript = {
  name: "reserve",
  text: `${COUNTER_LUA}${ROW}
local id, life = ARGV[1], tonumber(ARGV[3])
local input, output, choices, least = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local base, price = tonumber(ARGV[8]), tonumber(ARGV[9])
if now > tonumber(ARGV[2]) then return { 'late', id, now } end

local function cost_of(tokens)
  return saturated(math.ceil(base + tokens * choices * price))
end

local function needed(unit)
  if unit == 'requests' then return 1 end
  if unit == 'tokens' then return saturated(input + least * choices) end
  return cost_of(least)
end

-- As outputThatFits in amount.ts.
local function fitting(unit, room)
  if unit == 'requests' then
    if room >= 1 then return output end
    return -1
  end
  if unit == 'tokens' then return math.max(-1, math.min(output, math.floor((room - input) / choices))) end
  if cost_of(0) > room then return -1 end
  local each = price * choices
  if each == 0 then return output end
  local tokens = math.min(output, math.floor((room - base) / each))
  local less = 1
  while tokens > 0 and cost_of(tokens) > room do
    tokens = tokens - less
    less = less * 2
  end
  return math.max(0, tokens)
end

local counters, cap, clamp, refused = {}, output, 0, false
for number, key in ipairs(KEYS) do
  local at = 10 + (number - 1) * 4
  local counter = load(key, ARGV[at + 2], tonumber(ARGV[at + 3]))
  if not counter then return { 'damaged', id, now, number } end
  counters[number] = counter
  counter.unit = ARGV[at]
  local limit = tonumber(ARGV[at + 1])
  local room = limit - (counter.u + counter.r)
  local fits = fitting(counter.unit, room)
  if fits < least then
    refused = true
    local need = needed(counter.unit)
    if need > limit then
      counter.again = 0
    elseif need <= limit - counter.u then
      counter.again = now + 1000
    else
      counter.again = forgets(counter, need - (limit - counter.u))
    end
  elseif fits < cap then
    cap = fits
    clamp = number
  end
end

if refused then
  local answer = { 'no', id, now }
  for _, counter in ipairs(counters) do
    if counter.dirty then save(counter, life) end
    answer[#answer + 1] = counter.u
    answer[#answer + 1] = counter.r
    answer[#answer + 1] = counter.again or counter.finish
  end
  return answer
end

local tokens = saturated(input + cap * choices)
local cost = cost_of(cap)
local answer = { 'ok', id, now, cap, clamp, tokens, cost }
for _, counter in ipairs(counters) do
  -- A request is charged when it is admitted: how long it takes says nothing about how many there are.
  if counter.unit == 'requests' then
    charge(counter, 1)
    hold(counter, id, 0, now + life)
  else
    hold(counter, id, counter.unit == 'tokens' and tokens or cost, now + life)
  end
  save(counter, life)
  row(answer, counter)
end
return answer
`,
};

/**
 * Ends a reservation, and charges what was used, where it is still there; where it is not, it was settled before or
 * charged in full. ARGV: id, life, tokens, cost; for each key: unit, kind of window, length. `ok id now count rows`:
 * in so many counters it was still there.
 */
export const SETTLE: SharedScript = {
  name: "settle",
  text: `${COUNTER_LUA}${ROW}
local id, life = ARGV[1], tonumber(ARGV[2])
local count, counters = 0, {}
for number, key in ipairs(KEYS) do
  local at = 5 + (number - 1) * 3
  local counter = load(key, ARGV[at + 1], tonumber(ARGV[at + 2])) or false
  counters[number] = counter
  if counter and drop(counter, id) then
    count = count + 1
    counter.dirty = true
    if ARGV[at] == 'tokens' then charge(counter, tonumber(ARGV[3])) end
    if ARGV[at] == 'cost' then charge(counter, tonumber(ARGV[4])) end
  end
end
local answer = { 'ok', id, now, count }
for _, counter in ipairs(counters) do
  if counter and counter.dirty then save(counter, life) end
  row(answer, counter)
end
return answer
`,
};

/** Ends a reservation of which nothing was used. ARGV: id, life; for each key: unit, kind of window, length. Answers as SETTLE. */
export const RELEASE: SharedScript = {
  name: "release",
  text: `${COUNTER_LUA}${ROW}
local function take_back(counter, made)
  if not counter.ring then
    if made == counter.w then counter.u = math.max(0, counter.u - 1) end
    return
  end
  if not read_ring(counter) then return end
  local at = made % counter.count
  if made > counter.w - counter.count and made <= counter.w and counter.ring[at] > 0 then
    counter.ring[at] = counter.ring[at] - 1
    counter.u = counter.u - 1
    counter.changed[at] = true
  end
end

local id, life = ARGV[1], tonumber(ARGV[2])
local count, counters = 0, {}
for number, key in ipairs(KEYS) do
  local at = 3 + (number - 1) * 3
  local counter = load(key, ARGV[at + 1], tonumber(ARGV[at + 2])) or false
  counters[number] = counter
  if counter then
    local amount, made = drop(counter, id)
    if amount then
      count = count + 1
      counter.dirty = true
      if ARGV[at] == 'requests' then take_back(counter, made) end
    end
  end
end
local answer = { 'ok', id, now, count }
for _, counter in ipairs(counters) do
  if counter and counter.dirty then save(counter, life) end
  row(answer, counter)
end
return answer
`,
};

/**
 * Charges what was used without a reservation, once for an id (which is remembered for `life`). ARGV: id, life; for each
 * key: kind of window, length, amount. Answers as SETTLE.
 */
export const CHARGE: SharedScript = {
  name: "charge",
  text: `${COUNTER_LUA}${ROW}
local id, life = ARGV[1], tonumber(ARGV[2])
local count, counters = 0, {}
for number, key in ipairs(KEYS) do
  local at = 3 + (number - 1) * 3
  local counter = load(key, ARGV[at], tonumber(ARGV[at + 1])) or false
  counters[number] = counter
  if counter and redis.call('HEXISTS', key, '=' .. id) == 0 then
    count = count + 1
    counter.dirty = true
    charge(counter, tonumber(ARGV[at + 2]))
    hold(counter, id, 0, now + life)
  end
end
local answer = { 'ok', id, now, count }
for _, counter in ipairs(counters) do
  if counter and counter.dirty then save(counter, life) end
  row(answer, counter)
end
return answer
`,
};

/**
 * Looks at counters without changing them, and at whether the server can be written to. KEYS: the alive key, and then
 * the counters'. ARGV: id; for each counter: kind of window, length. `ok id now rows`.
 */
export const LOOK: SharedScript = {
  name: "look",
  text: `${COUNTER_LUA}${ROW}
redis.call('SET', KEYS[1], digits(now), 'PX', '3600000')
local answer = { 'ok', ARGV[1], now }
for number = 2, #KEYS do
  local at = 2 + (number - 2) * 2
  row(answer, load(KEYS[number], ARGV[at], tonumber(ARGV[at + 1])))
end
return answer
`,
};
