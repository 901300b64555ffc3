"""Fixtures of the cluster's tests: brokers, and runtimes that have joined."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from tests.cluster.brokers import Broker
from zefnb import FX
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import NotRunning


class Lent(NamedTuple):
    """A cluster of a test's own at a broker that all tests use."""

    url: str
    name: str
    call: Callable[[str], bytes]


@pytest.fixture(scope="session")
def lend() -> Iterator[Callable[[str], Lent]]:
    """`lend(kind)`: a cluster at the broker of this kind, which starts on first use."""
    started: dict[str, Broker] = {}

    def lent(kind: str) -> Lent:
        if kind not in started:
            started[kind] = Broker(kind)
        broker = started[kind]
        return Lent(broker.url, f"test-{uuid.uuid4().hex[:12]}", broker.call)

    yield lent
    for broker in started.values():
        broker.close()


@pytest.fixture
def broker(lend: Callable[[str], Lent]) -> Lent:
    return lend("valkey")


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """A broker that the test may kill; it is closed after the nodes."""
    made = Broker("valkey")
    yield made
    made.close()


@pytest.fixture
def default_node(broker: Lent) -> Iterator[Runtime]:
    """The process's own runtime, which has joined."""
    runtime = default_runtime()
    run_on(runtime, FX.JoinCluster(url=broker.url, name=broker.name))
    yield runtime
    with suppress(NotRunning):
        run_on(runtime, FX.LeaveCluster())


@pytest.fixture
def join(request: pytest.FixtureRequest) -> Iterator[Callable[..., Runtime]]:
    """`join(broker, topics=...)`: a runtime of its own that has joined."""
    if "own_broker" in request.fixturenames:
        request.getfixturevalue("own_broker")
    runtimes: list[Runtime] = []

    def joined(broker: Any, **fields: Any) -> Runtime:
        runtime = Runtime()
        runtimes.append(runtime)
        run_on(runtime, FX.JoinCluster(url=broker.url, name=broker.name, **fields))
        return runtime

    yield joined
    for runtime in runtimes:
        runtime.close(5)


@pytest.fixture
def leads_here(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`leads_here(host)`: the name of a host leads to this machine, on each event loop."""
    real = asyncio.open_connection

    def lead(name: str) -> None:
        async def opened(host: str | None = None, port: int | None = None, **options: Any) -> Any:
            if host == name:
                host = "127.0.0.1"
                if options.get("ssl") is not None:
                    options.setdefault("server_hostname", name)
            return await real(host, port, **options)

        monkeypatch.setattr(asyncio, "open_connection", opened)

    return lead


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes write their rows often. A node counts as dead only when its row is old, which a test can make it."""
    from zefnb.cluster import membership

    monkeypatch.setattr(membership, "INTERVAL", 0.05)


@pytest.fixture
def limit_waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[Runtime, float], None]:
    """`limit_waits(runtime, seconds)`: callers of a node wait for so long from now on, when none waits already."""
    from zefnb.cluster import publishing

    def limit(runtime: Runtime, seconds: float) -> None:
        monkeypatch.setattr(publishing, "RUN_TIMEOUT", seconds)
        callers = local_node(runtime).outgoing._callers

        def end_timer() -> None:
            """The callers share one timer, which is still set for an earlier one."""
            assert not callers._publishings
            callers.close()
            callers._timer = None

        on_loop(runtime, end_timer)

    return limit


@pytest.fixture
def patient_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let callers wait for the delivery in their process also on a machine that is too busy to read the log."""
    from zefnb.cluster import unread

    monkeypatch.setattr(unread, "READ_TIMEOUT", 60.0)


def local_node(runtime: Runtime) -> Any:
    """The node of a runtime that has joined."""
    from zefnb.cluster.cluster import Cluster

    return runtime.service(Cluster).joined


def on_loop(runtime: Runtime, call: Callable[[], Any]) -> Any:
    """Call something on the loop of a runtime, and return its result."""

    async def there() -> Any:
        result = call()
        return await result if asyncio.iscoroutine(result) else result

    return asyncio.run_coroutine_threadsafe(there(), runtime.loop).result(20)


def age_row(runtime: Runtime, incarnation: str) -> None:
    """Let the row of a node be from long ago, so that the other nodes find it dead at their next heartbeat."""
    node, row = local_node(runtime), '{"name": "old", "seen": 0}'
    node.membership._steady_since = 0.0  # as if the node had joined long ago
    on_loop(runtime, lambda: node.commands.call("HSET", f"{node.prefix}:nodes", incarnation, row))
