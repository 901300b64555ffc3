"""Values: any stored bytes are refused or read, in time and memory in proportion to their size."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.errors import InvalidValue

_SECONDS = 1.0
_TEXT_PER_BYTE = 200


def check(_: Any, data: bytes) -> None:
    """Raises `AssertionError` for a value that is read but cannot be shown, or written again."""
    begin = time.process_time()
    # For example, a part whose text is longer than the part can be read but not written.
    with contextlib.suppress(Undecodable, InvalidValue):
        value = decode(data)
        shown = repr(value)
        assert len(shown) < _TEXT_PER_BYTE * len(data) + 1_000, (len(shown), len(data))
        encode(value)
    assert time.process_time() - begin < _SECONDS
