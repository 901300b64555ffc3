"""A live widget: its views connect to the loop by the control channel, so that they work while a cell is busy."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import anywidget

from zefnb.core.uid import generate_uid
from zefnb.engine.runtime import Runtime
from zefnb.notebook.overview import on_loop
from zefnb.notebook.watch.access_token import AccessToken
from zefnb.notebook.watch.control import Control, MakeSession
from zefnb.notebook.widgets.child_models import close_child_models

STATIC = Path(__file__).parents[1] / "static"
# The files of the channel, which every live widget joins into its module.
CHANNEL_PARTS = ("watch/dom", "watch/format", "watch/proof", "watch/visibility", "watch/channel")
_EVERY_VIEW = "*"
# Seconds before each offer of the token.
_OFFERS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_LONGEST_NAME = 260


def joined(*parts: str) -> str:
    """Return JavaScript files of `static/` as one module."""
    return "\n".join((STATIC / f"{part}.js").read_text("utf-8") for part in parts)


class LiveWidget(anywidget.AnyWidget):
    """The base of the live widgets: `make_session` makes the session of each view; by default that of a live table.

    The synced traits are saved with the notebook, so a subclass puts no secret there. `close()` ends all views.
    """

    noun = "live widget"

    def __init__(
        self, runtime: Runtime, table: str = "clients", make_session: MakeSession | None = None, /, **traits: Any
    ) -> None:
        self._runtime = runtime
        # A uid, as handles have one: the registry of cells identifies the widget by it.
        self._uid = generate_uid()
        self._control = runtime.service(Control)
        self._token: AccessToken | None = on_loop(runtime, lambda: self._control.open(table, make_session))
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        """Handle a view's message through the kernel: in the kernel's thread, which queues the request for the loop."""
        if not isinstance(content, dict) or self._token is None or not self._runtime.is_alive:
            return
        view = str(content.get("view"))
        if content.get("get") == "token":
            self._runtime.call_queue.put(self._admit, view, content.get("host"), content.get("origin"))
        elif isinstance(content.get("request"), str):
            send = partial(self._send_text, view)
            self._runtime.call_queue.put(self._control.handle_request, self._token, view, content["request"], send)

    def _send_text(self, view: str, text: str) -> None:
        self.send({"view": view, "message": text})

    def _admit(self, view: str, host: Any, origin: Any) -> None:
        if all(isinstance(name, str) and 0 < len(name) < _LONGEST_NAME for name in (host, origin)) and origin != "null":
            self._control.allow(host, origin)
        self._give_token(view)

    def _give_token(self, view: str) -> None:
        if self._token is None:
            return
        token = {
            "port": self._control.port,
            "name": self._token.name,
            "secret": self._token.reveal(),
            "base": os.environ.get("JUPYTERHUB_SERVICE_PREFIX", ""),
        }
        # Sent as a message, because a synced trait is saved with the notebook.
        self.send({"view": view, "token": token})

    def _offer(self, number: int = 0) -> None:
        """Offer the token until a view is connected: during a long cell no request of a view arrives."""
        if self._token is None or self._control.has_views(self._token) or number == len(_OFFERS):
            return
        if number:
            self._give_token(_EVERY_VIEW)
        self._runtime.loop.call_later(_OFFERS[number], self._offer, number + 1)

    def close(self) -> None:
        """End every view of this widget."""
        token, self._token = getattr(self, "_token", None), None
        if token is not None and self._runtime.is_alive:
            control = self._control
            self._runtime.call_queue.put(lambda: self._runtime.spawn(control.revoke(token), f"closing a {self.noun}"))
            self._runtime.cells.forget(self)
        close_child_models(self)
        super().close()

    def __repr__(self) -> str:
        return f"<a {self.noun} of zefnb, closed>" if self._token is None else f"<a {self.noun} of zefnb>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the live view, and what pages without a kernel show."""
        given = super()._repr_mimebundle_(**options)
        data, metadata = given if isinstance(given, tuple) else (given, {})
        if self._runtime.is_alive:
            self._runtime.call_queue.put(self._offer)
        return {**(data or {}), **self._saved()}, metadata or {}

    def _saved(self) -> dict[str, str]:
        """Return what pages without a kernel show, by type."""
        raise NotImplementedError
