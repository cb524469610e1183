//! The few steps that must be one step on the server, as Lua. It must not know the envelope or the descriptor.

/// Takes the lease when it is free, expired or ours, and raises the fence.
///
/// `KEYS` lease, fence. `ARGV` token, lease in ms, now in unix ms.
/// Returns `{1, epoch, 0}`, or `{0, holder, ms left}`.
pub(super) const ACQUIRE: &str = r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {0, holder, redis.call('PTTL', KEYS[1])} end
local epoch = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, tonumber(ARGV[3]))
local text = string.format('%.0f', epoch)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, text, 0}
";

/// Renews the lease, and writes the descriptor and the index entry; only while the fence is ours.
///
/// `KEYS` lease, fence, canary, descriptor, index.
/// `ARGV` token, epoch, lease in ms, descriptor (or empty), descriptor's TTL in ms, now in unix ms, service.
/// Returns `{fence or '', canary or '', 1 if written}`.
pub(super) const BEAT: &str = r"
local fence = redis.call('GET', KEYS[2]) or ''
local canary = redis.call('GET', KEYS[3]) or ''
if fence ~= ARGV[2] then return {fence, canary, 0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[5])
  redis.call('ZADD', KEYS[5], ARGV[6], ARGV[7])
end
return {fence, canary, 1}
";

/// Hands the lease back. `KEYS` lease, fence. `ARGV` token, epoch.
pub(super) const RELEASE: &str = r"
if redis.call('GET', KEYS[2]) == ARGV[2] and redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
";

/// Sets one internal key, if it still holds what was seen there last; with a fence only while that is ours.
///
/// `KEYS` key, and maybe the fence. `ARGV` what was seen (empty for nothing), new value, and with a fence the epoch.
/// Returns `{1}` if set, `{0}` if the fence is not ours, `{2, what is there}` otherwise.
pub(super) const SWAP: &str = r"
if KEYS[2] and redis.call('GET', KEYS[2]) ~= ARGV[3] then return {0, ''} end
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
local fence = redis.call('GET', KEYS[1])
if not fence then return -2 end
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
