"""Fixtures of all tests: a clean runtime after each, polling with a deadline, and real WebSocket clients."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

# Read when a loop is made: the runtime's own, and those of the tests.
os.environ.setdefault("PYTHONASYNCIODEBUG", "1")
# What everybody has, though uvloop is installed for tests/engine/test_uv_loop.py.
os.environ.setdefault("ZEFNB_LOOP", "asyncio")

import pytest
from hypothesis import HealthCheck, settings
from websockets.exceptions import InvalidMessage
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_connection

from tests.joined import pytest_generate_tests, url_of_a_broker, way  # noqa: F401 - pytest finds them here

Until = Callable[..., Any]
Connect = Callable[..., ClientConnection]

# A time limit for each example would fail beside a busy processor.
settings.register_profile("zefnb", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("zefnb")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error::ResourceWarning")
    # Started in the background they have Ctrl-C ignored, and by nohup SIGHUP, and every program that they start would
    # inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    # Otherwise each full collection of garbage goes through all tests: a tenth of the time.
    gc.collect()
    gc.freeze()


def wait_until(condition: Callable[[], Any], within: float = 20.0) -> Any:
    """Poll until `condition()` is true and return its value; raises `AssertionError` after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"not so within {within} s: {condition}"
        time.sleep(0.002)


@pytest.fixture
def until() -> Until:
    return wait_until


def opened(url: str, **options: Any) -> ClientConnection:
    """A client's connection. Over TLS this client hangs in 1 to 4 of 1,000 handshakes, with its own server, too."""
    if url.startswith("wss:"):
        with suppress(TimeoutError, InvalidMessage):
            return open_connection(url, **{**options, "open_timeout": 2})
    return open_connection(url, **options)


@pytest.fixture
def connect(clean: None) -> Iterator[Connect]:
    """`connect(server, '/ws')`, or with a url: a client of another make, closed when the test ends."""
    with ExitStack() as stack:

        def to(server: Any, path: str = "/ws", **options: Any) -> ClientConnection:
            url = server if isinstance(server, str) else f"ws://127.0.0.1:{server.port}{path}"
            return stack.enter_context(opened(url, **{"open_timeout": 20, "close_timeout": 2, **options}))

        yield to


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """After the test: end everything that runs, so that the next test starts with an empty journal."""
    before, sockets = the_runtime(), open_sockets()
    # Kernels and browsers take their time to let go of theirs.
    counts_sockets = bool({"net", "engine", "topics", "effects"} & set(request.path.parts))
    yield
    runtime = the_runtime()
    if runtime is not None and runtime.is_alive:
        end_everything()
        leaves_nothing(runtime, sockets if runtime is before and counts_sockets else None)
        forget_errors(runtime)


def forget_errors(runtime: Any) -> None:
    """Clear the journal, when the errors of the loop are written there: another thread does it, a moment later."""
    from zefnb.engine.side_thread import flush

    flush(10)
    runtime.journal.clear()


def leaves_nothing(runtime: Any, sockets: int | None) -> None:
    """Fail with what is left: tasks on the loop, or more sockets than before."""
    with suppress(AssertionError):
        wait_until(lambda: not tasks_of(runtime), within=10)
    assert tasks_of(runtime) == []
    if sockets is None:
        return
    with suppress(AssertionError):
        wait_until(lambda: open_sockets() <= sockets, within=10)
    if open_sockets() > sockets:
        # asyncio's TLS servers now and then forget a client that hangs up during its handshake, until the garbage
        # is collected. A socket of zefnb that is left until then is an error by its ResourceWarning.
        def is_collected() -> bool:
            gc.collect()
            return open_sockets() <= sockets

        with suppress(AssertionError):
            wait_until(is_collected, within=10)
    found = open_sockets()
    assert found <= sockets, list(described_sockets())


def the_runtime() -> Any:
    """The process's runtime, if there has been one."""
    engine = sys.modules.get("zefnb.engine.runtime")
    return engine._default if engine is not None else None


def tasks_of(runtime: Any) -> list[str]:
    """Return the tasks on its loop."""
    return [repr(task) for task in asyncio.all_tasks(runtime.loop)]


def open_sockets() -> int:
    """Return the number of sockets of this process, without those of wakers; 0 where the system does not tell."""
    table = Path("/proc/self/net/unix")
    pairs = {f"socket:[{line.split()[6]}]" for line in table.read_text().splitlines()[1:]} if table.exists() else set()
    count = 0
    for name in os.listdir("/proc/self/fd") if table.exists() else ():
        # One of them is the listing itself, which is closed by now.
        with suppress(OSError):
            where = os.readlink(f"/proc/self/fd/{name}")
            count += where.startswith("socket:") and where not in pairs
    return count


def described_sockets() -> Iterator[str]:
    """The sockets of this process with their addresses, for an error."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as found:
                    yield repr(found)


def end_everything() -> None:
    """Stop servers, clients, replays, timers, actors and subscriptions; what is left afterwards has leaked."""
    from zefnb import FX, run
    from zefnb.engine.runtime import default_runtime
    from zefnb.errors import NotRunning
    from zefnb.topics.subscriptions import Subscriptions

    if "zefnb.cluster.cluster" in sys.modules:
        with suppress(NotRunning):
            FX.LeaveCluster() | run
    from zefnb.errors import NotRunning

    if "zefnb.recording.recordings" in sys.modules:
        from zefnb.recording.recordings import Recordings

        for running in list(default_runtime().service(Recordings)):
            with suppress(NotRunning):  # its server may be stopping
                FX.StopRecording(recording=running.handle) | run
    for server in FX.QueryAllActiveHTTPServers() | run:
        FX.StopHTTPServer(server=server["server"]) | run
    if "zefnb.net.client.client" in sys.modules:
        for client in FX.ListWebSocketClients() | run:
            FX.StopWebSocketClient(client=client) | run
    if "zefnb.replay.replays" in sys.modules:
        for replay in FX.ListReplays() | run:
            FX.StopReplay(replay=replay) | run
    for timer in FX.ListTimers() | run:
        FX.StopTimer(timer=timer) | run
    [FX.StopActor(actor=actor) for actor in FX.ListActors() | run] | run
    assert (FX.ListActors() | run) == []
    subscriptions = default_runtime().service(Subscriptions)
    for listener in subscriptions:
        FX.Unsubscribe(subscription=listener.handle) | run
    assert (FX.StreamGraphSnapshot() | run) == []
