"""Worker threads of our own, on which others wait: code of a user that strikes there must not wait for them."""

from __future__ import annotations

import threading

from zefnb.errors import WouldBlock


class WorkerThread(threading.Thread):
    """A thread that does what the loop and other threads wait for.

    A finalizer runs in whichever thread frees its object. One that waits in such a thread would wait for itself.
    """


def refuse_to_wait() -> None:
    """Raise `WouldBlock` in such a thread."""
    if isinstance(threading.current_thread(), WorkerThread):
        name = threading.current_thread().name
        raise WouldBlock(
            f"this runs in the thread {name}, in a finalizer perhaps, and would wait for it; do it in another thread"
        )
