"""The share of the handler threads that HTTP may use: requests that wait cannot use up the actors' threads."""

from __future__ import annotations

from zefnb.engine import thread_share

HTTP_THREADS = 64
# Fewer, so that other handlers have threads left when all requests of one handler wait.
ONE_HANDLER_THREADS = 48


class ThreadShare(thread_share.ThreadShare):
    """Shares the threads among HTTP handlers: a service of the runtime."""

    kind, one = "HTTP handlers", "A handler"

    @property
    def limits(self) -> tuple[int, int]:
        return HTTP_THREADS, ONE_HANDLER_THREADS
