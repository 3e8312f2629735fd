"""What happens to a cached value inside Redis, each in one step that nothing can come between.

Every key belongs to an epoch, which is a random text under a key of its own; a step of another
epoch does nothing and answers with the present one. To begin a new epoch forgets every value at
once, for all processes, also those that could not be told.

Whoever forgets a value leaves a note. Whoever fills a gap says which note they saw when they
found it: with another one there now, what they bring may be older than what was forgotten.
"""

from __future__ import annotations

from typing import Final

# KEYS: epoch, value, note. ARGV: epoch, value, milliseconds, the note that was seen.
FILL: Final = """
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return epoch or '' end
if (redis.call('GET', KEYS[3]) or '') ~= ARGV[4] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
"""

# KEYS: epoch, value, note. ARGV: epoch, value, milliseconds, note, its milliseconds, channel,
# message. A Redis that is full must not keep the value before: it is deleted then, and told of.
WRITE: Final = """
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return epoch or '' end
local done = redis.pcall('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if done['err'] then redis.call('DEL', KEYS[2]) end
redis.pcall('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
if done['err'] then return 0 end
return 1
"""

# KEYS: epoch, then value and note of each. ARGV: epoch, note, its milliseconds, channel, message.
DROP: Final = """
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then return epoch or '' end
for i = 2, #KEYS, 2 do
  redis.call('DEL', KEYS[i])
  redis.pcall('SET', KEYS[i + 1], ARGV[2], 'PX', ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
"""

# KEYS: epoch. ARGV: the new one, channel, message.
BEGIN: Final = """
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
"""
