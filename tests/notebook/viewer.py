"""A live view without a browser: it uses the control channel and stores its window as the page does."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers
from zefnb.notebook.overview import on_loop
from zefnb.notebook.watch.access_token import AccessToken
from zefnb.notebook.watch.control import PATH, Control
from zefnb.notebook.watch.feed import SAMPLES
from zefnb.notebook.watch.tables import table_named


class Viewer:
    """A view: `ask` returns the channel's reply to a request; meanwhile it receives updates."""

    def __init__(self, control: Control, token: AccessToken) -> None:
        self.socket = connect(f"ws://127.0.0.1:{control.port}{PATH}", legacy=True, close_timeout=0.5)
        self.hello = json.loads(self.socket.recv(timeout=20))
        answer = answer_to(self.hello["nonce"], token)
        self.socket.send(json.dumps(answer))
        theirs = token.proof("server", self.hello["nonce"], answer["nonce"])
        assert json.loads(self.socket.recv(timeout=20)) == {"t": "welcome", "proof": theirs}
        columns = table_named(token.table).columns
        self.names = [column.name for column in columns]
        self.rate = next((n for n, column in enumerate(columns) if column.reads == "rate"), -1)
        self.cells: dict[str, list[Any]] = {}
        self.order: list[str] = []
        self.start = self.total = 0
        self.sequence = -1
        self.gaps = 0
        self.board: dict[str, Any] = {}
        self.frames: list[dict[str, Any]] = []
        self.facts: list[str] = []
        self.title = self.hint = ""
        self.open: bool | None = None
        self.state: str | None = None
        self.tail: list[dict[str, Any]] = []
        self.skipped = self.bytes = self.messages = 0
        self._number = 0

    def send(self, do: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"do": do, **fields}))

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        self._number += 1
        self.send(do, id=self._number, **fields)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            message = self._next(1)
            if message is not None and message["t"] == "done" and message["id"] == self._number:
                return message
        raise AssertionError("no answer")

    def look(self, **query: Any) -> list[list[Any]]:
        """Change the view; return the rows of the window."""
        assert self.ask("window", **query)["ok"]
        return self.rows

    @property
    def rows(self) -> list[list[Any]]:
        return [self.cells[key] for key in self.order]

    def column(self, name: str) -> list[Any]:
        return [row[self.names.index(name)] for row in self.rows]

    def until(self, condition: Any, within: float = 20.0) -> Any:
        """Receive updates until `condition()` is true."""
        deadline = time.monotonic() + within
        while not (value := condition()):
            assert time.monotonic() < deadline, "not so in time"
            self._next(0.05)
        return value

    def listen(self, seconds: float) -> None:
        """Receive updates for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._next(left)

    def _next(self, within: float) -> dict[str, Any] | None:
        try:
            text = self.socket.recv(timeout=within)
        except TimeoutError:
            return None
        self.bytes += len(text)
        self.messages += 1
        message: dict[str, Any] = json.loads(text)
        {"table": self._table, "overview": self._overview, "row": self._row, "tail": self._tailed}.get(
            message["t"], lambda message: None
        )(message)
        return message

    def _overview(self, message: dict[str, Any]) -> None:
        self.board.update({key: value for key, value in message.items() if key != "t"})

    def _table(self, message: dict[str, Any]) -> None:
        if message["seq"] not in (0, self.sequence + 1):
            self.gaps += 1
            return self.send("resend")
        if message["seq"] == 0:
            self.cells, self.order = {}, []
        self.sequence = message["seq"]
        self.start, self.total = message.get("start", self.start), message.get("total", self.total)
        self.cells.update(message.get("rows", {}))
        for key, changes in message.get("cells", {}).items():
            for number, value in changes.items():
                one_more = int(number) == self.rate and not isinstance(value, list)
                self.cells[key][int(number)] = [*self.cells[key][self.rate], value][-SAMPLES:] if one_more else value
        if "order" in message:
            self.order = message["order"]
            self.cells = {key: self.cells[key] for key in self.order}
        return None

    def _row(self, message: dict[str, Any]) -> None:
        self.frames += message.get("frames", [])
        self.facts = message.get("facts", self.facts)
        self.title, self.hint = message.get("title", self.title), message.get("hint", self.hint)
        self.open = message.get("open", self.open)
        self.state = message.get("state", self.state)

    def _tailed(self, message: dict[str, Any]) -> None:
        self.tail += message["items"]
        self.skipped += message["skipped"]

    def close_code(self) -> int | None:
        """How the channel closed."""
        try:
            while True:
                self.socket.recv(timeout=20)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None

    def close(self) -> None:
        self.socket.close()


def answer_to(nonce: str, token: AccessToken) -> dict[str, str]:
    """Return the reply of a view with the secret of `token` to the server's nonce."""
    own = secrets.token_urlsafe(16)
    return {"token": token.name, "nonce": own, "proof": token.proof("view", nonce, own)}


def the_control() -> Control:
    return default_runtime().service(Control)


def place_of(server: Any) -> str:
    """Return the place by which views know a server: its own, or that of an earlier server on the same port."""
    place: str = here(lambda: default_runtime().service(Servers).get(server).place)
    return place


def here(work: Any) -> Any:
    """Return the result of `work()` on the loop."""
    return on_loop(default_runtime(), work)


def raw(control: Control, **options: Any) -> ClientConnection:
    """Return a socket of the control channel that has sent no proof."""
    return greeted(control, **options)[0]


def greeted(control: Control, **options: Any) -> tuple[ClientConnection, str]:
    """Return a socket, and the nonce that the server has sent."""
    socket = connect(f"ws://127.0.0.1:{control.port}{PATH}", legacy=True, **options)
    return socket, json.loads(socket.recv(timeout=20))["nonce"]


def refused(socket: ClientConnection) -> tuple[int, str]:
    """Wait until the server closes the socket, and return its code and its reason."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=20)
    frame = closed.value.rcvd
    assert frame is not None
    return frame.code, frame.reason
