"""The session of a picture: one view, its requests and the messages to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import zefnb.effects  # noqa: F401 - declares the effects that the actions of users perform
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidValue, NotRunning, shown
from zefnb.notebook.picture.details import Selected, client_of
from zefnb.notebook.picture.diagram import Node
from zefnb.notebook.picture.feed import PictureFeed
from zefnb.notebook.picture.observed import Observed
from zefnb.notebook.watch.live_session import LiveSession
from zefnb.notebook.watch.requests import Request

# The texts of a box that change: its second line, its errors, whether something waits, and whether it is active.
_Texts = tuple[str, str, bool, bool]


class PictureSession(LiveSession):
    """Sends the diagram, then its changes at ticks of the control channel, twice a second at most."""

    def __init__(self, runtime: Runtime, send: Callable[[str], None]) -> None:
        super().__init__(runtime, send)
        self._feed = runtime.service(PictureFeed)
        self._release = runtime.service(Observed).acquire()
        self._selected: Selected | None = None
        self._has_window = False
        self._is_paused = False
        self._sequence = 0
        self._sent_number = 0
        self._sent_shape: dict[str, Any] = {}
        self._sent_texts: dict[str, _Texts] = {}

    @property
    def has_window(self) -> bool:
        """Whether the view has requested the picture."""
        return self._has_window

    @property
    def wants_ticks(self) -> bool:
        """Whether the view is visible."""
        return self._has_window and not self._is_paused

    # Requests

    def _look(self, request: Request) -> None:
        self._has_window = True
        self._resend(request)

    def _resend(self, request: Request) -> None:
        self._sent_shape, self._sent_texts, self._sent_number = {}, {}, 0
        if self._has_window:
            self.push({})

    def _pause(self, request: Request) -> None:
        self._is_paused = bool(request.get("paused", True))

    def _select(self, request: Request) -> None:
        self._unselect()
        if request.get("row") is None:
            return
        node, channel = self._node(request), request.get("client")
        client = None
        if channel is not None:
            client = client_of(node, channel) if type(channel) is int else None
            if client is None:
                raise NotRunning("this client is not connected any more")
        self._selected = Selected(self._runtime, node, client)
        self._push_selected()

    def _node(self, request: Request) -> Node:
        node = self._feed.diagram.nodes.get(str(request.get("row")))
        if node is None:
            raise NotRunning("this box is not in the picture any more")
        return node

    def _act(self, request: Request) -> str | Awaitable[str]:
        """Perform an action on what is selected."""
        selected = self._selected
        if selected is None or selected.node.id != request.get("row"):
            raise NotRunning("this box is not selected any more")
        for action in selected.table.actions:
            if action.name == request.get("action"):
                return action.do(self._runtime, selected.row.source, request)
        allowed = ", ".join(action.name for action in selected.table.actions)
        raise InvalidValue("request", [FieldError("action", f"got {shown(request.get('action'))}", allowed)])

    # Messages

    def push(self, overview: dict[str, Any]) -> bool:
        """Send the changes since the last call. Return whether there were any."""
        self._feed.refresh()
        is_new = self._feed.number != self._sent_number
        self._sent_number = self._feed.number
        picture = is_new and self._push_picture()
        return self._push_selected() or picture

    def _push_picture(self) -> bool:
        nodes = self._feed.diagram.nodes
        shape = {
            "nodes": [[node.id, node.kind, node.name] for node in nodes.values()],
            "edges": [list(edge) for edge in self._feed.diagram.edges],
        }
        texts = {node.id: (node.line, node.badge, bool(node.waiting), bool(node.rate)) for node in nodes.values()}
        message = {name: value for name, value in shape.items() if self._sent_shape.get(name) != value}
        changed = {key: value for key, value in texts.items() if self._sent_texts.get(key) != value}
        if changed:
            message["texts"] = changed
        if not message and self._sent_shape:
            return False
        self._sequence = self._sequence + 1 if self._sent_shape else 0
        self._sent_shape, self._sent_texts = shape, texts
        self.send({"t": "picture", "seq": self._sequence, **message})
        return True

    def _push_selected(self) -> bool:
        selected = self._selected
        if selected is None:
            return False
        node = self._feed.diagram.nodes.get(selected.node.id)
        if node is not None and not selected.shows(node):
            selected.close()
            selected = self._selected = Selected(self._runtime, node, None)
        message = selected.message(node, self._feed.errors_of)
        if message is not None:
            self.send(message)
        return message is not None

    # The end

    def _unselect(self) -> None:
        if self._selected is not None:
            self._selected.close()
            self._selected = None

    def close(self) -> None:
        """End what the view has selected, and observe effects no longer for it."""
        self._unselect()
        self._release()
        self._has_window = False

    actions: ClassVar[Mapping[str, Callable[[Any, Request], Any]]] = {
        "look": _look,
        "resend": _resend,
        "pause": _pause,
        "select": _select,
        "act": _act,
        # A view that uses the kernel's channel polls to stay registered. The request has no other effect.
        "poll": lambda session, request: None,
    }
