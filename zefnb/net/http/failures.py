"""Failures of requests: their entries in the journal, and the responses with status 500."""

from __future__ import annotations

import asyncio

from zefnb.core.entity import Entity
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidBody
from zefnb.net.http.response import Disconnected, Response, as_refusal
from zefnb.net.http.responses import InvalidResponse, plain

FAILED = (500, "Internal Server Error")
_EXPECTED = (InvalidResponse, InvalidBody, Disconnected, asyncio.CancelledError)


def is_failure(error: BaseException) -> bool:
    """Whether an exception of a handler is an error of the program, and does not mean a response."""
    return not issubclass(type(error), _EXPECTED) and as_refusal(error) is None


class Failures:
    """Writes the failures of one server's requests to the journal."""

    def __init__(self, runtime: Runtime, server: Entity) -> None:
        self._runtime = runtime
        self._server = server

    def handler_failed(self, name: str, handler: str | None, path: str, error: BaseException) -> None:
        """Add the exception of a handler. In any thread: making its text calls its `__str__`, which may take time."""
        if self._runtime.is_alive:  # otherwise the handler was interrupted by the runtime's end
            self._runtime.journal.exception(name, error, example=path, handler=handler, server=self._server, path=path)

    def response_failed(self, name: str, handler: str | None, path: str, error: Exception) -> Response:
        """Add an error that occurred in making or sending a response. Returns the response with status 500."""
        journal = self._runtime.journal
        if isinstance(error, InvalidResponse):
            key = ("response", self._server, name, error.part)
            text = f"{name}: {error}"
            journal.note("error", text, key=key, example=path, server=self._server, path=path, handler=handler)
        else:
            journal.exception(f"the response of {name}", error, server=self._server, path=path, handler=handler)
        return plain(*FAILED)
