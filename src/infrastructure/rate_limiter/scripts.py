"""The same arithmetic inside Redis: one atomic script each, on the server's own clock.

Time is in microseconds there, for a Lua number is exact up to 2^53 only. A clock that was set back
does not go back for a key: it stands still until it has caught up.

Each takes KEYS[1] and answers {allowed, remaining, retry, reset}, durations in microseconds.
ARGV: cost (0 only looks; below 0 gives back), amount, window in microseconds, burst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local cost, amount = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = tonumber(ARGV[3])
"""

# The list holds the moments of what was admitted, newest first; what is too old leaves at its end.
SLIDING_WINDOW: Final = (
    _NOW
    + """
local key = KEYS[1]
local newest = tonumber(redis.call('LINDEX', key, 0) or 0)
if newest > now then now = newest end
local oldest = redis.call('LINDEX', key, -1)
while oldest and tonumber(oldest) <= now - window do
  redis.call('RPOP', key)
  oldest = redis.call('LINDEX', key, -1)
end
local count = redis.call('LLEN', key)
if cost < 0 then
  for _ = 1, -cost do redis.call('LPOP', key) end
  return {1, 0, 0, 0}
end
if cost > 0 and count + cost > amount then
  local leaving = count + cost - amount
  local retry = window
  if leaving <= count then
    retry = tonumber(redis.call('LINDEX', key, -leaving)) + window - now
  end
  local reset = 0
  if count > 0 then reset = newest + window - now end
  return {0, amount - count, retry, reset}
end
if cost > 0 then
  local stamp = string.format('%.0f', now)
  for _ = 1, cost do redis.call('LPUSH', key, stamp) end
  redis.call('PEXPIRE', key, math.ceil(window / 1000) + 1000)
  newest, count = now, count + cost
end
local reset = 0
if count > 0 then reset = newest + window - now end
return {1, amount - count, 0, reset}
"""
)

# A token is worth `window` units, and `amount` units flow in with every microsecond.
TOKEN_BUCKET: Final = (
    _NOW
    + """
local key, burst = KEYS[1], tonumber(ARGV[4])
local full = burst * window
local kept = redis.call('HMGET', key, 'level', 'at')
local level, at = tonumber(kept[1] or full), tonumber(kept[2] or now)
if at > now then now = at end
local passed = now - at
if passed * amount >= full - level then level = full else level = level + passed * amount end
local ok, retry = 1, 0
if level - cost * window < 0 then
  ok, retry = 0, math.ceil((cost * window - level) / amount)
else
  level = math.min(full, level - cost * window)
end
if cost ~= 0 then
  redis.call('HSET', key, 'level', string.format('%.0f', level), 'at', string.format('%.0f', now))
  redis.call('PEXPIRE', key, math.ceil((full - level) / amount / 1000) + 1000)
end
return {ok, math.floor(level / window), retry, math.ceil((full - level) / amount)}
"""
)

SCRIPTS: Final[Mapping[str, str]] = {
    "sliding-window": SLIDING_WINDOW,
    "token-bucket": TOKEN_BUCKET,
}
