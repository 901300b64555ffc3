"""A stored value: the bytes that a store outside the memory of the process keeps for the value of a key."""

from __future__ import annotations

from typing import Any

from zefnb.core.codec.codec import DATABASE, Destination, decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.errors import InvalidValue, StorageFailed
from zefnb.store.key import key_name
from zefnb.store.tree import named_refusal, tree_snapshot


def stored_value(key: Any, value: Any, destination: Destination = DATABASE, topics: set[str] | None = None) -> bytes:
    """Return the bytes of a value. Raises `InvalidValue`, which names the key, for one that cannot be stored.

    The names and uids of the topics in it are added to `topics`, if it is given.
    """
    try:
        return encode(tree_snapshot(value), destination, topics)
    except InvalidValue as error:
        raise named_refusal(key, error) from None


def restored_value(path: str, key: Any, stored: bytes) -> Any:
    """Return the value of bytes. Raises `StorageFailed`, which names the store and the key, for other bytes."""
    try:
        return decode(stored)
    except Undecodable as error:
        raise StorageFailed(f"{path}: the value of {key_name(key)} cannot be read: {error}") from None
