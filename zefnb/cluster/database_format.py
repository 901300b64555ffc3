"""The format of a database in the broker: one hash, and the scripts that change it.

A field is the canonical bytes of a key. Its content is the place of the key in the order of insertion (16 hex digits),
the length of the encoded key, the encoded key, and the encoded value. Before a value with handles are a zero byte, and
the length and the encoded homes of the handles. Fields that begin with a zero byte, as no key
does, have the uid, the last place and the number of changes.
"""

from __future__ import annotations

import struct
from typing import Any

from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.hash_limit import check_hashes
from zefnb.core.codec.scan import Undecodable
from zefnb.errors import InvalidValue
from zefnb.store.key import canonical_key

UID, NEXT, VERSION = b"\0uid", b"\0next", b"\0version"
OWN_FIELDS = 3
_PLACE = 16
_SIZE = struct.Struct(">I")
# Begins a value with homes, as no encoded value does.
HOMES = b"\0"
_HOMES_AT = len(HOMES) + _SIZE.size

# Keys: the database, the registry. Arguments: the uid of a new database, its path. Returns the uid, and the number of
# fields.
OPEN_SCRIPT = r"""
local uid = redis.call('HGET', KEYS[1], '\0uid')
if not uid then
  uid = ARGV[1]
  redis.call('HSET', KEYS[1], '\0uid', uid, '\0next', 0, '\0version', 0)
end
redis.call('HSET', KEYS[2], uid, ARGV[2])
return {uid, redis.call('HLEN', KEYS[1])}
"""

# Makes all changes, if what the writer has read is still so. A writer numbers its batches, and a repeated batch has no
# effect. Keys: the database, the last number of the writer. Arguments: the uid; the number; the version, if the writer
# has read everything; the number of checks; for each check the field and '0', or '1' and its content; for each change
# S (set), N (set at a new place) or D (delete), the field, and its content without the place.
WRITE_SCRIPT = r"""
local db, last = KEYS[1], tonumber(redis.call('GET', KEYS[2]) or '0')
if redis.call('HGET', db, '\0uid') ~= ARGV[1] then return {'lost', 0} end
if last >= tonumber(ARGV[2]) then return {'done', redis.call('HLEN', db)} end
local changed = ARGV[3] ~= '' and redis.call('HGET', db, '\0version') ~= ARGV[3]
local now, at = {}, 5
for i = 1, tonumber(ARGV[4]) do
  local content = redis.call('HGET', db, ARGV[at])
  now[i] = content and ('1' .. content) or '0'
  if now[i] ~= ARGV[at + 1] then changed = true end
  at = at + 2
end
if changed then return {'changed', 0, now} end
if at > #ARGV then return {'done', redis.call('HLEN', db)} end
while at <= #ARGV do
  local op, field = ARGV[at], ARGV[at + 1]
  if op == 'D' then
    redis.call('HDEL', db, field)
  else
    local content = op == 'S' and redis.call('HGET', db, field)
    local place = content and string.sub(content, 1, 16)
    place = place or string.format('%016x', redis.call('HINCRBY', db, '\0next', 1))
    redis.call('HSET', db, field, place .. ARGV[at + 2])
  end
  at = at + 3
end
redis.call('HINCRBY', db, '\0version', 1)
redis.call('SET', KEYS[2], ARGV[2], 'EX', 3600)
return {'done', redis.call('HLEN', db)}
"""


def body(key: Any, value: bytes) -> bytes:
    """Return the content of a field without its place."""
    name = encode(key)
    return _SIZE.pack(len(name)) + name + value


def with_homes(homes: dict[str, str], value: bytes) -> bytes:
    """Return the encoded value with the homes of the handles in it and in its key."""
    if not homes:
        return value
    content = encode(homes)
    return HOMES + _SIZE.pack(len(content)) + content + value


def homes_of(value: bytes) -> Any:
    """Return the homes before an encoded value, which are to be checked. Raises `Undecodable`."""
    return decode(value[_HOMES_AT : _end_of_homes(value)])


def without_homes(value: bytes) -> bytes:
    """Return the encoded value after its homes. Raises `Undecodable`."""
    return value[_end_of_homes(value) :]


def _end_of_homes(value: bytes) -> int:
    if len(value) < _HOMES_AT:
        raise Undecodable("the homes of its handles are missing")
    return _HOMES_AT + int(_SIZE.unpack_from(value, len(HOMES))[0])


def value_of(content: bytes) -> bytes:
    """Return the encoded value in the content of a field, with its homes. Raises `Undecodable`."""
    begin = _PLACE + _SIZE.size
    if len(content) < begin:
        raise Undecodable("its content in the broker is too short")
    return content[begin + _SIZE.unpack_from(content, _PLACE)[0] :]


def place_of(content: bytes) -> bytes:
    """Return the place of a key in the order of insertion."""
    return content[:_PLACE]


def keys_of(contents: dict[bytes, bytes]) -> dict[bytes, Any]:
    """Return the key of each field, in the order of insertion. Raises `Undecodable` for a field of other programs."""
    keys = {}
    for field in sorted(contents, key=lambda field: place_of(contents[field])):
        keys[field] = key = _key_of(contents[field])
        try:
            fits = canonical_key(key) == field
        except (InvalidValue, RecursionError):
            fits = False
        if not fits:
            raise Undecodable("it is not a key, or it is the key of another field")
    check_hashes(list(keys.values()))  # the caller may use them as keys of a dict
    return keys


def _key_of(content: bytes) -> Any:
    begin = _PLACE + _SIZE.size
    if len(content) < begin:
        raise Undecodable("its content in the broker is too short")
    return decode(content[begin : begin + _SIZE.unpack_from(content, _PLACE)[0]])
