"""Handles of another node: a message to them reaches it, and a node that has left is an error."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.test_contract import ROOM, collected
from zefnb import ET, FX, generate_uid
from zefnb.engine.perform import run_on
from zefnb.errors import NotRunning


def test_a_message_to_a_client_of_another_node_reaches_it(broker, default_node, join, connect, until):
    there = join(broker)
    handles = collected(there)

    def introduce(message: Any, state: int) -> Any:
        is_new = type(message).__name__ == "WSClientConnected"
        return [[FX.Publish(target=ROOM, content=message.topic_out)] if is_new else [], state]

    routes = {"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=introduce))}
    server = run_on(default_node, FX.StartHTTPServer(routes=routes, port=0))
    client = connect(server)
    (topic_out,) = until(lambda: handles)
    run_on(there, FX.Publish(target=topic_out, content="from far"))
    assert client.recv(timeout=20) == "from far"


def test_a_handle_of_a_node_that_has_left_is_an_error_with_the_node_and_the_time(broker, default_node, join, until):
    there = join(broker)
    found = collected(there)
    reply = ET.Topic(generate_uid())
    run_on(default_node, FX.Publish(target=ROOM, content={"reply": reply}))
    until(lambda: found)
    name = next(row["name"] for row in run_on(there, FX.QueryCluster()) if row["clients"] is not None)
    run_on(default_node, FX.LeaveCluster())

    def error() -> str:
        try:
            run_on(there, FX.Publish(target=reply, content="too late"))
        except NotRunning as raised:
            return str(raised)
        return ""

    text = until(error)
    assert "which left the cluster at 20" in text
    assert name.rpartition("-")[0] in text
    with pytest.raises(NotRunning):
        run_on(default_node, FX.LeaveCluster())


def test_a_handle_works_again_when_its_node_has_come_back_and_sends_it_again(broker, default_node, join, until):
    there = join(broker)
    found, reply = collected(there), ET.Topic(generate_uid())
    replies = collected(default_node, topic=reply)
    run_on(default_node, FX.Publish(target=ROOM, content=reply))
    until(lambda: found == [reply])
    run_on(default_node, FX.LeaveCluster())
    run_on(default_node, FX.JoinCluster(url=broker.url, name=broker.name))
    run_on(default_node, FX.Publish(target=ROOM, content=reply))
    until(lambda: found == [reply, reply])
    run_on(there, FX.Publish(target=reply, content="again"))
    until(lambda: replies == ["again"])


def test_a_node_that_sends_a_topic_of_another_one_does_not_become_its_home(broker, default_node, join, until):
    there = join(broker)
    found, own = collected(default_node), ET.Topic(generate_uid())
    messages = collected(default_node, topic=own)
    run_on(there, FX.Publish(target=ROOM, content=own))
    until(lambda: found == [own])
    run_on(there, FX.LeaveCluster())
    run_on(default_node, FX.Publish(target=own, content="still here"))
    until(lambda: messages == ["still here"])


def test_a_handle_of_a_node_that_had_left_before_this_one_joined_is_an_error(broker, default_node, join, until):
    there = join(broker)
    found, reply = collected(there), ET.Topic(generate_uid())
    run_on(default_node, FX.Publish(target=ROOM, content=reply))
    until(lambda: found == [reply])
    run_on(default_node, FX.LeaveCluster())
    late = join(broker)
    late_found = collected(late)
    run_on(there, FX.Publish(target=ROOM, content=reply))
    until(lambda: late_found == [reply])
    with pytest.raises(NotRunning, match="left the cluster before this process joined"):
        run_on(late, FX.Publish(target=reply, content="too late"))


def test_the_nodes_and_their_clients_are_listed(broker, default_node, join, connect):
    there = join(broker)
    server = run_on(default_node, FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_push_into_=[ROOM])}, port=0))
    connect(server)
    rows = run_on(there, FX.QueryCluster())
    assert len({row["name"] for row in rows}) == 2
    assert all(row["pid"] and row["host"] for row in rows)
    (client,) = run_on(there, FX.QueryClusterClients(path="/ws"))
    assert client["node"] in {row["name"] for row in rows}
    assert run_on(there, FX.QueryClusterClients(path="/other")) == []
