"""Fixtures of the tests of recordings: servers with topics and with actors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zefnb import ET, FX, generate_uid, run


@pytest.fixture
def serve(clean: None) -> Callable[..., Any]:
    """`serve(routes)`: a server on a free port, stopped after the test."""
    return lambda routes, **options: FX.StartHTTPServer(routes=routes, **{"port": 0, **options}) | run


@pytest.fixture
def room() -> Any:
    """A topic of this test alone."""
    return ET.Topic(generate_uid())


@pytest.fixture
def chat(serve: Callable[..., Any], room: Any) -> Any:
    """A server on which all clients at `/ws` receive each message."""
    return serve({"/ws": ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])})


@pytest.fixture
def record(clean: None) -> Callable[..., Any]:
    """`record(server=...)` or `record(topics=...)`: a recording that runs."""
    return lambda **given: FX.StartRecording(**given) | run


def stop(tape: Any) -> Any:
    """Stop a recording, and return it."""
    FX.StopRecording(recording=tape) | run
    return tape


def contents(tape: Any, kind: str = "message") -> list[Any]:
    """The contents of the rows of one kind."""
    return [row.content for row in tape if row.kind == kind]
