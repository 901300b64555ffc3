"""The flow control of an HTTP connection: uvicorn's, with one more reason not to read from the peer."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.flow_control import FlowControl


class ParseFlow(FlowControl):
    """Also pauses reading while received bytes wait to be parsed."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._has_unparsed = False

    def set_unparsed(self, has_unparsed: bool) -> None:
        """Pause reading until `set_unparsed(False)`, whatever `resume_reading` requests."""
        if has_unparsed == self._has_unparsed:
            return
        self._has_unparsed = has_unparsed
        if self.read_paused or self._transport.is_closing():
            return
        if has_unparsed:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def enforce(self) -> None:
        """Pause reading again: uvicorn resumes it directly when a request ends after its response."""
        is_paused = self._has_unparsed or self.read_paused
        if is_paused and self._transport.is_reading() and not self._transport.is_closing():
            self._transport.pause_reading()

    def pause_reading(self) -> None:
        if self._has_unparsed:
            self.read_paused = True
        else:
            super().pause_reading()

    def resume_reading(self) -> None:
        if self._has_unparsed:
            self.read_paused = False
        else:
            super().resume_reading()
