"""File locks between processes. The system releases one when its process ends, also after `kill -9`."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

_POLL = 0.1

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Cancelled(Exception):
    """The caller waits no longer."""


@contextlib.contextmanager
def file_lock(path: Path, cancelled: threading.Event) -> Iterator[None]:
    """Hold the lock during the block. Raises `Cancelled` if the event is set while it waits for the lock.

    The file stays, since removing it could let two processes lock two files of one name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        while not _try_lock(descriptor):
            if cancelled.wait(_POLL):
                raise Cancelled
        yield
    finally:
        os.close(descriptor)
