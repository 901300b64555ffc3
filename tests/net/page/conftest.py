"""Fixtures of the tests of pages: a page as its browser sees it, by its document and its connection."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from zefnb import ET


class Visit:
    """An open page: its document, its connection, and the messages that it has received."""

    def __init__(self, server: Any, connect: Any, path: str = "/", cookies: Any = None, **options: Any) -> None:
        response = httpx.get(f"http://127.0.0.1:{server.port}{path}", cookies=cookies, timeout=20)
        assert response.status_code == 200, response.text
        self.document, self.headers, self.cookies = response.text, response.headers, response.cookies
        found = re.search(r'name="zef-visitor" content="([^"]*)"', self.document)
        assert found is not None
        self.token = found[1]
        self.client = connect(server, path, **options)
        self.state: dict[str, Any] = {}
        self.version = ""
        self.own: Any = None
        self.messages: list[Any] = []
        self.until(lambda: self.version)
        if self.token:
            self.send({"visitor": [None, self.token]})

    def send(self, message: Any) -> None:
        """Send a message as the page's script does."""
        self.client.send(json.dumps(message))

    def receive(self) -> Any:
        """Receive one message, and apply it."""
        message = json.loads(self.client.recv(timeout=20))
        self.messages.append(message)
        if "version" in message:
            self.version, self.state = message["version"], message.get("state", {})
        self.own = message.get("own", self.own)
        for number, change in message.get("update", {}).items():
            is_list = isinstance(change, list) and self.kind(number) != "Bars"
            self.state[number] = [*(self.state[number] or []), *change] if is_list else change
        return message

    def kind(self, number: str) -> str:
        """The kind of a part."""
        found = re.search(rf'data-kind="(\w+)" data-part="{number}"', self.document)
        assert found is not None
        return found[1]

    def until(self, condition: Callable[[], Any]) -> None:
        """Receive messages until a condition holds."""
        while not condition():
            self.receive()

    def submit(self, part: int, value: Any, number: str | None = None) -> dict[str, str] | None:
        """Send input; return the problems, or None when it is accepted."""
        number = number or secrets.token_hex(8)
        self.send({"part": part, "number": number, "value": value})
        while True:
            message = self.receive()
            if message.get("done") == number:
                return None
            if message.get("refused") == number:
                problems: dict[str, str] = message["problems"]
                return problems


@pytest.fixture
def visit(connect: Any) -> Callable[..., Visit]:
    """`visit(server)`: an open page."""
    return lambda server, path="/", **options: Visit(server, connect, path, **options)


@pytest.fixture
def page(serve: Any) -> Callable[..., Any]:
    """`page(part, part, ...)`: a server with a page of these parts."""
    return lambda *parts, **options: serve({"/": ET.Page(title="Test", parts=list(parts))}, **options)
