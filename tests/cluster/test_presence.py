"""Presence across nodes: one order everywhere, and one leave for each client, whatever happens to its node."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cluster.conftest import age_row, local_node, on_loop
from zefnb import ET, FX, zef_function
from zefnb.cluster.presence import NODE_LEFT
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime

ROOM, WHO = ET.Topic("room"), ET.Topic("who")
ROUTE = ET.WebSocket(clients_subscribe_to=[ROOM], clients_push_into_=[ROOM], presence=WHO)


class Node:
    """A node with a server, and what its subscribers receive."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.heard: list[Any] = []
        receive = zef_function(self.heard.append, inline=True)  # on the loop, before a later query
        for topic in ROOM, WHO:
            run_on(runtime, FX.SubscribeFX(topic=topic, op=receive))
        self.server = run_on(runtime, FX.StartHTTPServer(routes={"/ws": ROUTE}, port=0))

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(run_on(self.runtime, FX.QueryPresence(topic=WHO)))

    @property
    def events(self) -> list[Any]:
        """The texts, and the kind and id of joins and leaves."""
        return [each if isinstance(each, str) else (type(each).__name__, each.id) for each in self.heard]

    def lefts(self) -> list[Any]:
        return [each for each in self.heard if type(each) is ET.ClientLeft]


@pytest.fixture
def two(broker: Any, join: Any, quick_beats: None) -> tuple[Node, Node]:
    return Node(join(broker)), Node(join(broker))


def test_joins_and_leaves_have_one_order_with_the_messages_of_the_room(two: Any, connect: Any, until: Any):
    first, second = two
    for number in range(3):
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(node.server)) for node in two]
            for n, client in enumerate(clients):
                client.send(f"{number} from {n}")
            until(lambda: len(second.rows) == len(first.rows) == 2)
        until(lambda: not first.rows and not second.rows)
    until(lambda: len(first.heard) == len(second.heard) == 18)
    assert first.events == second.events
    for kind, id in [each for each in first.events if type(each) is tuple]:
        assert first.events.count((kind, id)) == 1
        assert first.events.index(("ClientJoined", id)) <= first.events.index((kind, id))
    joined, left = first.heard[0], first.lefts()[0]
    assert joined in second.heard
    assert left in second.heard


def test_each_node_lists_the_clients_of_all(two: Any, connect: Any, until: Any, join: Any, broker: Any):
    first, second = two
    connect(first.server), connect(second.server, "/ws?name=Ada")
    until(lambda: len(first.rows) == len(second.rows) == 2)
    names = [local_node(node.runtime).name for node in two]
    assert [row["node"] for row in first.rows] == names
    assert [row["node"] for row in second.rows] == names[::-1]
    assert {tuple(sorted(row["query_params"])) for row in first.rows} == {(), ("name",)}
    by_id = {row["id"]: row for row in second.rows}
    assert all(by_id[row["id"]] == row for row in first.rows)
    late = Node(join(broker))  # it learns of the clients that are there
    until(lambda: len(late.rows) == 2)
    assert {row["id"] for row in late.rows} == by_id.keys()
    assert len(first.heard) == len(second.heard) == 2


def test_a_node_learns_of_the_clients_that_are_announced_while_it_joins(
    two: Any, connect: Any, until: Any, join: Any, broker: Any, monkeypatch: pytest.MonkeyPatch
):
    connect(two[0].server)
    until(lambda: len(two[1].rows) == 1)
    sent = local_node(two[0].runtime).outgoing._ledger
    before = len(sent)

    async def slow(commands: Any) -> list[str]:
        while len(sent) == before:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # enough to read what has been announced, if anything reads it
        return []

    monkeypatch.setattr("zefnb.cluster.node.evicting", slow)
    late = Node(join(broker))
    until(lambda: len(late.rows) == 1)


def test_a_client_that_can_come_back_is_away_everywhere(two: Any, connect: Any, until: Any):
    first, second = two
    client = connect(first.server, subprotocols=["zefnb.1"])
    client.send('\x00{"type": "hello"}')
    until(lambda: [row["away"] for row in second.rows] == [False])
    client.socket.close()
    until(lambda: [row["away"] for row in second.rows] == [True])
    assert first.events == second.events == [("ClientJoined", second.rows[0]["id"])]


def test_the_clients_of_a_killed_node_leave_once(two: Any, connect: Any, until: Any):
    first, second = two
    connect(first.server)
    for _ in range(3):
        connect(second.server)
    until(lambda: len(first.rows) == 4)
    ids = [row["id"] for row in first.rows[1:]]
    kill(second.runtime)
    age_row(first.runtime, local_node(second.runtime).incarnation)
    until(lambda: len(first.rows) == 1)
    assert [left.id for left in first.lefts()] == ids
    assert {left.reason for left in first.lefts()} == {NODE_LEFT}
    run_on(first.runtime, FX.Publish(target=ROOM, content="after"))
    until(lambda: first.heard[-1] == "after")
    assert len(first.lefts()) == 3


def test_a_suspended_node_returns_without_stale_clients(two: Any, connect: Any, until: Any):
    first, second = two
    staying, going = connect(second.server), connect(second.server)
    until(lambda: len(first.rows) == 2)
    stays, goes = (row["id"] for row in first.rows)
    resume = suspend(second.runtime)
    age_row(first.runtime, local_node(second.runtime).incarnation)
    until(lambda: not first.rows)
    going.socket.close()
    resume()
    until(lambda: [row["id"] for row in first.rows] == [row["id"] for row in second.rows] == [stays])
    staying.send("here")
    until(lambda: "here" in first.heard and "here" in second.heard)
    assert second.events.count(("ClientLeft", goes)) == second.events.count(("ClientJoined", stays)) == 1
    assert ("ClientLeft", stays) not in second.events
    assert first.events.count(("ClientJoined", stays)) == 2
    assert first.events.count(("ClientLeft", stays)) == 1
    assert first.events.count(("ClientJoined", goes)) == first.events.count(("ClientLeft", goes))


def test_who_leaves_the_cluster_has_its_own_clients_and_the_others_have_theirs(two: Any, connect: Any, until: Any):
    first, second = two
    connect(first.server), connect(second.server)
    until(lambda: len(first.rows) == len(second.rows) == 2)
    run_on(second.runtime, FX.LeaveCluster())
    until(lambda: len(first.rows) == 1)
    assert ["node" in row for row in second.rows] == [False]
    assert len(first.lefts()) == len(second.lefts()) == 1
    connect(second.server).close()
    until(lambda: len(second.lefts()) == 2)
    assert len(first.lefts()) == 1


NOT_VALID = [None, 1, {}, {"topic": "who", "message": 1}, {"topic": 1, "message": ET.ClientJoined()}]
NOT_VALID += [{"topic": "who", "message": ET.ClientJoined(id="a")}, {"clients": [("who", 1, 2)], "first": True}]


@pytest.mark.parametrize("event", ["client joined", "client left", "client away", "clients"])
def test_events_that_are_not_valid_are_counted_and_change_nothing(event: str, two: Any, until: Any):
    first, second = two
    for value in NOT_VALID:
        on_loop(second.runtime, lambda value=value: local_node(second.runtime).outgoing.announce(event, value))
    run_on(second.runtime, FX.Publish(target=ROOM, content="after"))
    until(lambda: first.heard == ["after"])
    assert first.rows == []
    assert local_node(first.runtime).incoming.refused >= len(NOT_VALID) - 1


def kill(runtime: Runtime) -> None:
    """End the connections of a node, and everything that it does for the cluster, as `kill -9` does."""

    def end() -> None:
        node = local_node(runtime)
        for task in node._tasks:
            task.cancel()

    on_loop(runtime, end)


def suspend(runtime: Runtime) -> Callable[[], None]:
    """Stop the loop, as SIGSTOP does. Returns the function that ends it."""
    begun, resumed = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert resumed.wait(60)

    runtime.loop.call_soon_threadsafe(wait)
    assert begun.wait(60)
    return resumed.set
