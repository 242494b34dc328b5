/**
 * How a counter is kept in Valkey or Redis: the beginning of each script. It runs there in one step, with the server's
 * clock alone: no pod's clock moves a window.
 *
 * A counter is one hash, so that it can be looked at, and reset (DEL), as one:
 *
 * - `w` of a calendar window its first millisecond; of a rolling one the number of its newest slot
 * - `u` what was used in that window; of a rolling one also each slot, as `0`, `1`, ..., by its number modulo their count
 * - `r` the sum of what is reserved, `d` a time before which no reservation's deadline is
 * - `=<id>` a reservation: its amount, its deadline, and the `w` at which it was made
 *
 * Everything is a whole number below 2^53: Lua counts in doubles. What is none, or a key of another type, is damage:
 * nothing is admitted by such a counter until somebody looks at it. Where the server's clock goes back, a counter stays
 * in its window until time has caught up.
 */
export const COUNTER_LUA = `
local MAX = 9007199254740991
local DAY = 86400000
local PARTS = 60
local MARGIN = 60000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function digits(number)
  return string.format('%.0f', number)
end

local function saturated(number)
  if number < MAX then return number end
  return MAX
end

local function whole(text)
  if type(text) ~= 'string' or #text > 16 or not string.find(text, '^%d+$') then return nil end
  local number = tonumber(text)
  if number > MAX then return nil end
  return number
end

-- Days from 1970-01-01 to the first of a month, in years that begin in March: the leap day is then the last of its year.
local function day_number(months)
  local year = 1970 + math.floor(months / 12)
  local month = months % 12 - 2
  if month < 0 then
    month = month + 12
    year = year - 1
  end
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * month + 2) / 5)
  return era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year - 719468
end

-- The calendar window that holds an instant: its first millisecond, and that of the next.
local function window_of(kind, length, at)
  if kind ~= 'month' then
    local start = math.floor(at / length) * length
    return start, start + length
  end
  local months = math.floor(at / DAY / 30.436875)
  while day_number(months) * DAY > at do months = months - 1 end
  while day_number(months + 1) * DAY <= at do months = months + 1 end
  return day_number(months) * DAY, day_number(months + 1) * DAY
end

local function charge(counter, amount)
  counter.u = saturated(counter.u + amount)
  if counter.ring then
    local at = counter.w % counter.count
    counter.ring[at] = saturated(counter.ring[at] + amount)
    counter.changed[at] = true
  end
end

-- What a reservation comes to whose deadline has passed: all of it, at its deadline.
local function charge_at(counter, amount, at)
  if not counter.ring then
    if window_of(counter.kind, counter.length, at) >= window_of(counter.kind, counter.length, now) then
      charge(counter, amount)
    end
    return
  end
  local slot = math.floor(at / counter.width)
  if slot > counter.w then slot = counter.w end
  if slot <= counter.w - counter.count then return end
  counter.u = saturated(counter.u + amount)
  counter.ring[slot % counter.count] = saturated(counter.ring[slot % counter.count] + amount)
  counter.changed[slot % counter.count] = true
end

-- The slots that are not read yet: only a window that moves on needs them. False: one of them is none.
local function read_ring(counter)
  if counter.complete then return true end
  local names = {}
  for at = 1, counter.count do names[at] = digits(at - 1) end
  local held = redis.call('HMGET', counter.key, unpack(names))
  for at = 0, counter.count - 1 do
    if not counter.changed[at] then
      counter.ring[at] = 0
      if held[at + 1] then
        counter.ring[at] = whole(held[at + 1])
        if not counter.ring[at] then return false end
      end
    end
  end
  counter.complete = true
  return true
end

-- Adds up the reservations anew, and charges those whose deadline has passed. False: something is none.
local function sweep(counter)
  if counter.ring and not read_ring(counter) then return false end
  local all = redis.call('HGETALL', counter.key)
  counter.r = 0
  counter.d = 0
  counter.dirty = true
  for at = 1, #all, 2 do
    if string.sub(all[at], 1, 1) == '=' then
      local amount, deadline = string.match(all[at + 1], '^(%d+) (%d+) %d+$')
      amount = whole(amount)
      deadline = whole(deadline)
      if not amount or not deadline then return false end
      if deadline <= now then
        counter.gone[#counter.gone + 1] = all[at]
        charge_at(counter, amount, deadline)
      else
        counter.r = saturated(counter.r + amount)
        if counter.d == 0 or deadline < counter.d then counter.d = deadline end
      end
    end
  end
  return true
end

local function read(counter)
  local names = { 'w', 'r', 'd', 'u' }
  if counter.ring then names[5] = digits(counter.slot % counter.count) end
  local held = redis.call('HMGET', counter.key, unpack(names))
  local known = {}
  for at, value in ipairs(held) do
    if value then
      known[at] = whole(value)
      if not known[at] then return false end
    end
  end
  counter.w, counter.r, counter.d, counter.u = known[1], known[2], known[3], known[4]
  if not counter.w or not counter.r or not counter.d or not counter.u then return false end
  if not counter.ring then return true end
  counter.ring[counter.slot % counter.count] = known[5] or 0
  return counter.w == counter.slot or read_ring(counter)
end

-- Brings a counter to now, and says when all that is used will be forgotten.
local function advance(counter)
  if not counter.ring then
    local start = window_of(counter.kind, counter.length, now)
    if not counter.w or start > counter.w then
      counter.w = start
      counter.u = 0
    end
    local _, finish = window_of(counter.kind, counter.length, counter.w)
    counter.finish = finish
    return
  end
  if not counter.w then counter.w = counter.slot end
  if counter.slot > counter.w then
    for passed = counter.w + 1, math.min(counter.slot, counter.w + counter.count) do
      if counter.ring[passed % counter.count] ~= 0 then
        counter.ring[passed % counter.count] = 0
        counter.changed[passed % counter.count] = true
      end
    end
    counter.w = counter.slot
    counter.u = 0
    for at = 0, counter.count - 1 do counter.u = saturated(counter.u + counter.ring[at]) end
  end
  counter.finish = (counter.w + counter.count) * counter.width
end

-- A counter as it is now; nil where what is there is none.
local function load(key, kind, length)
  local counter = { key = key, kind = kind, length = length, gone = {}, changed = {}, entries = {}, r = 0, d = 0, u = 0 }
  if kind == 'rolling' then
    counter.width = math.max(1, math.ceil(length / PARTS))
    counter.count = math.ceil(length / counter.width) + 1
    counter.slot = math.floor(now / counter.width)
    counter.ring = {}
  end
  local of = redis.call('TYPE', key).ok
  if of == 'hash' then
    if not read(counter) then return nil end
  elseif of ~= 'none' then
    return nil
  elseif counter.ring then
    for at = 0, counter.count - 1 do counter.ring[at] = 0 end
    counter.complete = true
  end
  advance(counter)
  if counter.finish > now + 1000 * DAY + length then return nil end
  if counter.d > 0 and counter.d <= now and not sweep(counter) then return nil end
  return counter
end

local function save(counter, life)
  local set = { 'w', digits(counter.w), 'r', digits(counter.r), 'd', digits(counter.d), 'u', digits(counter.u) }
  local function put(name, value)
    set[#set + 1] = name
    set[#set + 1] = value
  end
  for at in pairs(counter.changed) do
    if counter.ring[at] == 0 then
      counter.gone[#counter.gone + 1] = digits(at)
    else
      put(digits(at), digits(counter.ring[at]))
    end
  end
  for name, value in pairs(counter.entries) do put(name, value) end
  redis.call('HSET', counter.key, unpack(set))
  for first = 1, #counter.gone, 1000 do
    redis.call('HDEL', counter.key, unpack(counter.gone, first, math.min(first + 999, #counter.gone)))
  end
  local expiry = counter.finish - now + life + MARGIN
  if redis.call('PTTL', counter.key) < expiry then redis.call('PEXPIRE', counter.key, digits(expiry)) end
end

local function hold(counter, id, amount, deadline)
  counter.r = saturated(counter.r + amount)
  if counter.d == 0 or deadline < counter.d then counter.d = deadline end
  counter.entries['=' .. id] = digits(amount) .. ' ' .. digits(deadline) .. ' ' .. digits(counter.w)
end

-- Ends a reservation. Its amount and the w at which it was made; nil where it has ended already, or is none.
local function drop(counter, id)
  local entry = redis.call('HGET', counter.key, '=' .. id)
  if not entry then return nil end
  local amount, deadline, made = string.match(entry, '^(%d+) (%d+) (%d+)$')
  amount = whole(amount)
  deadline = whole(deadline)
  made = whole(made)
  if not amount or not deadline or not made or deadline <= now then return nil end
  if counter.r < amount or counter.r == MAX then
    if not sweep(counter) or counter.r < amount then return nil end
  end
  counter.r = counter.r - amount
  counter.gone[#counter.gone + 1] = '=' .. id
  return amount, made
end

-- When at least so much of what is used will have been forgotten.
local function forgets(counter, amount)
  if not counter.ring or not read_ring(counter) then return counter.finish end
  local free = 0
  for slot = math.max(0, counter.w - counter.count + 1), counter.w do
    free = free + counter.ring[slot % counter.count]
    if free >= amount then return (slot + counter.count) * counter.width end
  end
  return counter.finish
end
`;
