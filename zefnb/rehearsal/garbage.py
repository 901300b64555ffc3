"""Full garbage collections, which are rare during a rehearsal.

Python starts one whenever a quarter more objects are in use. Each visits all objects of the process, and holds the GIL
meanwhile. Where all of 100,000 messages differ, they took a third of the time, and what was in use was no garbage.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Collections of the middle generation for each full one, 10 by default: with this many, every 7 million new objects.
_MANY = 1_000
_lock = threading.Lock()
_users = 0
_before = gc.get_threshold()


@contextmanager
def rarer_collections() -> Iterator[None]:
    """Make full collections rarer. A change that other code makes meanwhile stays."""
    _use(1)
    try:
        yield
    finally:
        _use(-1)


def _use(change: int) -> None:
    global _users, _before
    with _lock:
        _users += change
        now = gc.get_threshold()
        if change == _users == 1 and now[2]:
            _before = now
            gc.set_threshold(*now[:2], max(now[2], _MANY))
        elif not _users and now == (*_before[:2], max(_before[2], _MANY)):
            gc.set_threshold(*_before)
