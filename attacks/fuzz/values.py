"""Values: any stored bytes are refused, or read, in time and memory that go with their size."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from zefnb.errors import InvalidValue
from zefnb.store.codec import decode, encode
from zefnb.store.scan import Undecodable

_SECONDS = 1.0
_TEXT_PER_BYTE = 200


def check(_: Any, data: bytes) -> None:
    """`AssertionError` for what is read and could not be shown, or written again."""
    begin = time.process_time()
    # What is read and cannot be written is, for one, a part whose text is longer than the part was.
    with contextlib.suppress(Undecodable, InvalidValue):
        value = decode(data)
        shown = repr(value)
        assert len(shown) < _TEXT_PER_BYTE * len(data) + 1_000, (len(shown), len(data))
        encode(value)
    assert time.process_time() - begin < _SECONDS
