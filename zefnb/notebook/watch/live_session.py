"""A live session: one view of a live widget in a browser, its requests and the messages to it.

It does not depend on the transport: the control channel's socket, or the kernel's channel.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidValue, ZefError, shown
from zefnb.notebook.watch.requests import Request, parsed, request_number
from zefnb.text.short_repr import class_name, short_str

Message = dict[str, Any]


class LiveSession:
    """Handles the requests of one view. Only the loop uses it.

    A subclass has its requests in `actions`, by the name in `do`. Each gets the session and the request, and returns
    the text of its success, perhaps later.
    """

    actions: ClassVar[Mapping[str, Callable[[Any, Request], Any]]]

    def __init__(self, runtime: Runtime, send: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._transport_send = send

    @property
    def has_window(self) -> bool:
        """Whether the view has requested what it shows."""
        raise NotImplementedError

    @property
    def wants_ticks(self) -> bool:
        """Whether the control channel calls `push` at its ticks."""
        raise NotImplementedError

    def push(self, overview: dict[str, Any]) -> bool:
        """Send the changes since the last call. Return whether there were any."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the resources of the view."""
        raise NotImplementedError

    def handle(self, text: str | bytes) -> None:
        """Handle one request, a JSON object with its name in `do`, and reply if it has an `id`.

        Raises `Malformed` if the message is not a request.
        """
        request = parsed(text)
        number = request_number(request)
        try:
            action = self.actions.get(str(request.get("do")))
            if action is None:
                allowed = ", ".join(self.actions)
                raise InvalidValue("request", f"do: got {shown(request.get('do'))}; allowed: {allowed}")
            result = action(self, request)
        except Exception as error:
            return self._done(number, error, "")
        if inspect.isawaitable(result):
            self._runtime.spawn(self._finish(number, result), "an action in a live table")
        else:
            self._done(number, None, result or "")

    async def _finish(self, number: Any, coming: Awaitable[Any]) -> None:
        try:
            text = await coming
        except Exception as error:
            self._done(number, error, "")
        else:
            self._done(number, None, text)

    def _done(self, number: Any, error: BaseException | None, text: str) -> None:
        if number is None and error is None:
            return
        if error is not None:
            # The text of a `ZefError` is complete for users; other exceptions need their type as well.
            text = str(error) if isinstance(error, ZefError) else f"{class_name(error)}: {short_str(error, 500)}"
        self.send({"t": "done", "id": number, "ok": error is None, "text": text})

    def send(self, message: Message) -> None:
        """Send one message to the view."""
        # `json.dumps` escapes: a lone surrogate, which a state can contain, has no UTF-8 encoding.
        self._transport_send(json.dumps(message, separators=(",", ":")))
