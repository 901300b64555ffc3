"""The share of the handler threads that functions given to databases may use, such as those of `FX.QueryDB`."""

from __future__ import annotations

from zefnb.engine import thread_share

DATABASE_THREADS = 32
# Fewer, so that other functions have threads left when all calls of one function wait.
ONE_FUNCTION_THREADS = 24


class ThreadShare(thread_share.ThreadShare):
    """Shares the threads among functions of `FX.QueryDB` and `FX.UpdateDB`: a service of the runtime."""

    kind, one = "Functions of databases", "A function"

    @property
    def limits(self) -> tuple[int, int]:
        return DATABASE_THREADS, ONE_FUNCTION_THREADS
