//! The few steps that must be one step on the server, as Lua. It must not know the envelope or the descriptor.

/// Takes the lease when it is free, expired or ours, and raises the fence.
///
/// Nothing that was put there by hand keeps writers out for ever: a lease that no writer can have made (without TTL, or a
/// longer one than any writer's) gets ours, so that its holder has that long to renew it; a fence that no writer can have
/// made (no string, no whole number, beyond the highest plausible epoch) counts as none. That is safe: batches compare
/// the fence for being equal, and the new epoch is none that was given before. Numbers are doubles here, exact up to 2^53;
/// the highest plausible epoch is far below that, so one more is always another one.
///
/// `KEYS` lease, fence.
/// `ARGV` token, lease in ms, lowest epoch to take, highest plausible epoch, longest lease of any writer in ms.
/// Returns `{1, epoch, 0, replaced}`, or `{0, holder, ms left, {}}`; `replaced` has name and old value of what was not ours.
pub(super) const ACQUIRE: &str = r"
local replaced = {}
local function read(key)
  local value = redis.pcall('GETRANGE', key, 0, 255)
  if type(value) == 'table' and string.find(value.err, 'WRONGTYPE', 1, true) then
    table.insert(replaced, key)
    table.insert(replaced, 'no string')
    return ''
  end
  return value
end
local lease = read(KEYS[1])
if type(lease) == 'table' then return lease end
if lease ~= '' and lease ~= ARGV[1] then
  local left = redis.call('PTTL', KEYS[1])
  if left < 0 or left > tonumber(ARGV[5]) then
    redis.pcall('PEXPIRE', KEYS[1], ARGV[2])
    left = tonumber(ARGV[2])
  end
  return {0, lease, left, {}}
end
local fence = read(KEYS[2])
if type(fence) == 'table' then return fence end
local epoch = tonumber(ARGV[3])
if #fence <= 16 and string.find(fence, '^%d+$') and tonumber(fence) <= tonumber(ARGV[4]) then
  epoch = math.max(epoch, tonumber(fence) + 1)
elseif fence ~= '' then
  table.insert(replaced, KEYS[2])
  table.insert(replaced, fence)
end
local text = string.format('%.0f', epoch)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, text, 0, replaced}
";

/// Renews the lease, and writes the descriptor and the index entry; only while the fence is ours. What is no string in the
/// place of fence or canary counts as gone.
///
/// `KEYS` lease, fence, canary, descriptor, index.
/// `ARGV` token, epoch, lease in ms, descriptor (or empty), descriptor's TTL in ms, now in unix ms, service.
/// Returns `{fence or '', canary or '', written}`; `written` is 0 nothing, 1 all, 2 all but the index, which is of another type.
pub(super) const BEAT: &str = r"
local function read(key)
  local value = redis.pcall('GETRANGE', key, 0, 31)
  if type(value) == 'table' and string.find(value.err, 'WRONGTYPE', 1, true) then return '' end
  return value
end
local fence = read(KEYS[2])
if type(fence) == 'table' then return fence end
local canary = read(KEYS[3])
if type(canary) == 'table' then return canary end
if fence ~= ARGV[2] then return {fence, canary, 0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[5])
  local listed = redis.pcall('ZADD', KEYS[5], ARGV[6], ARGV[7])
  if type(listed) == 'table' then
    if string.find(listed.err, 'WRONGTYPE', 1, true) then return {fence, canary, 2} end
    return listed
  end
end
return {fence, canary, 1}
";

/// Hands the lease back. `KEYS` lease, fence. `ARGV` token, epoch.
pub(super) const RELEASE: &str = r"
if redis.pcall('GET', KEYS[2]) == ARGV[2] and redis.pcall('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
";

/// Sets one internal key, if it still holds what was seen there last; with a fence only while that is ours.
///
/// `KEYS` key, and maybe the fence. `ARGV` what was seen (empty for nothing), new value, and with a fence the epoch.
/// Returns `{1}` if set, `{0}` if the fence is not ours, `{2, what is there}` otherwise.
pub(super) const SWAP: &str = r"
if KEYS[2] and redis.pcall('GET', KEYS[2]) ~= ARGV[3] then return {0, ''} end
local there = redis.pcall('GET', KEYS[1])
if type(there) ~= 'string' then there = '' end
if there ~= ARGV[1] then return {2, there} end
redis.call('SET', KEYS[1], ARGV[2])
return {1, ''}
";

/// Extends the TTL of every key whose value begins and continues as expected.
///
/// `KEYS` fence, then the objects' keys. `ARGV` epoch, TTL in ms, bytes to look at, then for each key what its value
/// begins with and a text that stands further on in those bytes.
/// Returns 1 renewed, 0 missing, 2 other for each key; or -1 when the fence is another's, -2 when it is gone.
pub(super) const RENEW: &str = r"
local fence = redis.pcall('GET', KEYS[1])
if type(fence) ~= 'string' then return -2 end
if fence ~= ARGV[1] then return -1 end
local out = {}
for i = 2, #KEYS do
  local head = redis.pcall('GETRANGE', KEYS[i], 0, ARGV[3] - 1)
  local start = ARGV[2 * i]
  if type(head) ~= 'string' then out[i - 1] = 2
  elseif head == '' then out[i - 1] = 0
  elseif string.sub(head, 1, #start) == start and string.find(head, ARGV[2 * i + 1], #start, true) then
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    out[i - 1] = 1
  else out[i - 1] = 2 end
end
return out
";
