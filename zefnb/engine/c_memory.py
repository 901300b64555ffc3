"""The memory of the C library: how much freed memory the process keeps. Only glibc needs this.

glibc gives each new thread an arena of its own, up to eight for each processor. An arena keeps up to 64 MB of freed
memory at its end, which `malloc_trim` does not return. A few large responses, made in different threads, would thus
keep hundreds of megabytes for ever. Python runs one thread at a time, so these need few arenas.
"""

from __future__ import annotations

import os
import sys
from typing import Any

# Bytes: when more than this has been held and released, it is worth the time to return it to the system.
MUCH = 16 << 20
# The parameter of `mallopt`, from malloc.h.
_M_ARENA_MAX = -8
# The user's own choice, which is left alone.
_OWN_CHOICE = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def share_arenas() -> None:
    """Let later threads share one arena for each processor, beside that of the main thread."""
    if any(name in os.environ for name in _OWN_CHOICE):
        return
    mallopt = _function("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, (os.cpu_count() or 1) + 1)


def release_freed_memory() -> None:
    """Return freed memory to the system."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    """The C function of this name; `None` where there is none."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes
    except ImportError:
        return None
    return getattr(ctypes.CDLL(None), name, None)
