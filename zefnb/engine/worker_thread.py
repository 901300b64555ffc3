"""Worker threads of zefnb, which other threads wait for: a finalizer that runs in one must not wait for it."""

from __future__ import annotations

import threading

from zefnb.errors import WouldBlock


class WorkerThread(threading.Thread):
    """A thread that the loop and other threads wait for.

    A finalizer runs in the thread that frees its object. If it waited in such a thread, it would wait for itself.
    """


def refuse_to_wait() -> None:
    """Raise `WouldBlock` in such a thread."""
    if isinstance(threading.current_thread(), WorkerThread):
        name = threading.current_thread().name
        raise WouldBlock(
            f"this runs in the thread {name}, in a finalizer perhaps, and would wait for it; do it in another thread"
        )
