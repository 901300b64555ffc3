"""Running objects by handle: one way to find, list and forget all kinds."""

from __future__ import annotations

import pytest

from zefnb import ET, FX, run
from zefnb.engine.actors import Actors
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import default_runtime
from zefnb.errors import NotRunning
from zefnb.net.client.clients import Clients
from zefnb.net.http.servers import Servers
from zefnb.replay.replays import Replays
from zefnb.topics.subscriptions import Subscriptions
from zefnb.topics.timer import Timers

UNKNOWN = "🍃-00000000000000000000"


def a_server():
    return FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[ET.Topic("t")])}, port=0) | run


STARTED = {
    Actors: lambda: FX.StartActor(initial_state=0, handler=lambda message, state: [[], state]) | run,
    Servers: a_server,
    Clients: lambda: (
        FX.StartWebSocketClient(url=f"ws://127.0.0.1:{a_server().port}/ws", in_stream_into=[ET.Topic("in")]) | run
    ),
    Timers: lambda: FX.StartTimer(interval=60.0, target=ET.Topic("t"), content=0) | run,
    Replays: lambda: FX.StartReplay(source=["a", "b"], target=ET.Topic("t"), rate=0.01) | run,
    Subscriptions: lambda: (FX.SubscribeFX(topic=ET.Topic("t"), op=lambda message: None) | run).subscription,
}
STOPPED_BY = {
    Actors: lambda handle: FX.StopActor(actor=handle),
    Servers: lambda handle: FX.StopHTTPServer(server=handle),
    Clients: lambda handle: FX.StopWebSocketClient(client=handle),
    Timers: lambda handle: FX.StopTimer(timer=handle),
    Replays: lambda handle: FX.StopReplay(replay=handle),
    Subscriptions: lambda handle: FX.Unsubscribe(subscription=handle),
}


@pytest.mark.parametrize("kind", STARTED, ids=lambda kind: kind.__name__)
def test_an_object_is_found_while_it_runs_and_then_known_as_stopped(kind):
    registry = default_runtime().service(kind)
    assert isinstance(registry, Registry)
    before = len(registry)
    handle = STARTED[kind]()
    assert registry.get(handle) is registry.find(handle)
    assert registry.get(handle).handle == handle
    assert [one.handle for one in registry].count(handle) == 1
    STOPPED_BY[kind](handle) | run
    assert registry.find(handle) is None
    assert len(registry) == before
    with pytest.raises(NotRunning, match=r"has been stopped$"):
        registry.get(handle)


@pytest.mark.parametrize("kind", STARTED, ids=lambda kind: kind.__name__)
def test_the_error_for_a_handle_of_another_process_names_the_effect_that_lists_local_ones(kind):
    registry = default_runtime().service(kind)
    name = registry.listed_by.removesuffix("()").removeprefix("FX.")
    with pytest.raises(
        NotRunning, match=rf"belongs to another process.*; FX\.{name}\(\) \| run lists the handles of this process"
    ):
        registry.get(type(STARTED[kind]())(UNKNOWN))
    assert isinstance(getattr(FX, name)() | run, list)
