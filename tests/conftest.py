"""What all tests share: a clean runtime after each, polling with a deadline, and real WebSocket clients."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

# Read when a loop is made: the runtime's own, and those of the tests.
os.environ["PYTHONASYNCIODEBUG"] = "1"

import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_connection

Until = Callable[..., Any]
Connect = Callable[..., ClientConnection]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error::ResourceWarning")


def wait_until(condition: Callable[[], Any], within: float = 5.0) -> Any:
    """Poll until `condition()` is true and answer what it was; `AssertionError` after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"not so within {within} s: {condition}"
        time.sleep(0.002)


@pytest.fixture
def until() -> Until:
    return wait_until


@pytest.fixture
def connect(clean: None) -> Iterator[Connect]:
    """`connect(server, '/ws')`, or with a url: a client of another make, closed when the test ends."""
    with ExitStack() as stack:

        def to(server: Any, path: str = "/ws", **options: Any) -> ClientConnection:
            url = server if isinstance(server, str) else f"ws://127.0.0.1:{server.port}{path}"
            return stack.enter_context(open_connection(url, **{"open_timeout": 5, "close_timeout": 2, **options}))

        yield to


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """After the test: end whatever runs, then nothing is left, and the next test finds an empty journal."""
    yield
    engine = sys.modules.get("zefnb.engine.runtime")
    runtime = engine._default if engine is not None else None
    if runtime is not None and runtime.is_alive:
        end_everything()
        runtime.journal.clear()


def end_everything() -> None:
    """Stop servers, clients, timers, actors and subscriptions; what is left afterwards has leaked."""
    from zefnb import FX, run
    from zefnb.engine.runtime import default_runtime
    from zefnb.topics.subscriptions import Subscriptions

    for server in FX.QueryAllActiveHTTPServers() | run:
        FX.StopHTTPServer(server=server["server"]) | run
    if "zefnb.net.client" in sys.modules:
        for client in FX.ListWebSocketClients() | run:
            FX.StopWebSocketClient(client=client) | run
    for timer in FX.ListTimers() | run:
        FX.StopTimer(timer=timer) | run
    [FX.StopActor(actor=actor) for actor in FX.ListActors() | run] | run
    assert (FX.ListActors() | run) == []
    subscriptions = default_runtime().service(Subscriptions)
    for handle in list(subscriptions._handles.values()):
        FX.Unsubscribe(subscription=handle) | run
    assert (FX.StreamGraphSnapshot() | run) == []
