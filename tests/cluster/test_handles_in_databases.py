"""Handles in the databases of a cluster: the nodes that read them publish to the node that has made them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.conftest import Lent, local_node
from tests.cluster.test_contract import ROOM, collected
from tests.cluster.test_databases import Join, create, own_store
from zefnb import ET, FX, generate_uid
from zefnb.cluster.database_format import HOMES
from zefnb.core.codec.codec import encode
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime
from zefnb.errors import NotRunning, StorageFailed


@pytest.fixture
def here(broker: Lent, join: Join) -> Runtime:
    return join(broker)


def publish(node: Runtime, topic: Any, content: Any) -> None:
    run_on(node, FX.Publish(target=topic, content=content))


def test_a_message_to_a_client_of_another_node_reaches_it(
    broker: Lent, default_node: Runtime, join: Join, connect: Any, until: Any
):
    db = create(default_node, initial_state={"clients": []})

    def introduce(message: Any, state: int) -> Any:
        if type(message).__name__ != "WSClientConnected":
            return [[], state]
        return [[FX.UpdateDB(db=db, change={"clients": lambda known: [*known, message.topic_out]})], state]

    routes = {"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=introduce))}
    client = connect(run_on(default_node, FX.StartHTTPServer(routes=routes, port=0)))
    there = join(broker)
    store = own_store(there, db)
    (topic_out,) = until(lambda: store.get("clients"))
    publish(there, topic_out, "from far")
    assert client.recv(timeout=20) == "from far"


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (lambda topic: {"key": topic}, lambda store: store.get("key")),
        (lambda topic: {"key": [1, (topic,)]}, lambda store: store.get("key")[1][0]),
        (lambda topic: {"key": {"a": {topic: 1}}}, lambda store: next(iter(store.get("key")["a"]))),
        (lambda topic: {"key": ET.Guest(out=[topic])}, lambda store: store.get("key").out[0]),
        (lambda topic: {"key": FX.Publish(target=topic, content=1)}, lambda store: store.get("key").target),
        (lambda topic: {"a": 1, "key": topic}, lambda store: dict(store.items())["key"]),
        (lambda topic: {topic: "Ada"}, lambda store: store.keys()[0]),
        (lambda topic: {("Ada", topic): 1}, lambda store: store.keys()[0][1]),
        (lambda topic: {"key": topic}, lambda store: store.write(lambda table: store.restored("key", table["key"]))),
    ],
)
def test_a_handle_is_found_anywhere_in_a_value_or_key(
    here: Runtime, broker: Lent, join: Join, until: Any, place: Any, found: Any
):
    there, topic = join(broker), ET.Topic(generate_uid())
    messages = collected(here, topic=topic)
    db = create(here, initial_state=place(topic))
    handle = found(own_store(there, db))
    assert handle == topic
    publish(there, handle, "from far")
    until(lambda: messages == ["from far"])


def test_a_handle_of_a_node_that_has_left_is_an_error_with_the_node_and_the_time(
    here: Runtime, broker: Lent, join: Join, until: Any
):
    there, topic = join(broker), ET.Topic(generate_uid())
    db = create(here, initial_state={"out": topic})
    store = own_store(there, db)
    name, incarnation = local_node(here).name, local_node(here).incarnation
    run_on(here, FX.LeaveCluster())
    until(lambda: not local_node(there).nodes.is_joined(incarnation))
    with pytest.raises(NotRunning, match=f"made by the node {name}, which left the cluster at 20"):
        publish(there, store.get("out"), "too late")
    late = join(broker)
    with pytest.raises(NotRunning, match="left the cluster before this process joined"):
        publish(late, own_store(late, db).get("out"), "too late")


def test_a_handle_works_again_when_its_node_has_come_back_and_writes_it_again(
    here: Runtime, broker: Lent, join: Join, until: Any
):
    there, topic = join(broker), ET.Topic(generate_uid())
    db = create(here, initial_state={"out": topic})
    store = own_store(there, db)
    assert store.get("out") == topic
    run_on(here, FX.LeaveCluster())
    run_on(here, FX.JoinCluster(url=broker.url, name=broker.name))
    assert own_store(here, db).get("out") == topic  # as its earlier incarnation wrote it
    messages = collected(here, topic=topic)
    publish(here, topic, "from here")
    own = own_store(here, db)
    own.write(lambda table: table.__setitem__("out", own.stored("out", topic)))
    publish(there, store.get("out"), "from far")
    until(lambda: messages == ["from here", "from far"])


def test_a_node_that_stores_a_handle_of_another_one_does_not_become_its_home(
    here: Runtime, broker: Lent, join: Join, until: Any
):
    between, there, topic = join(broker), join(broker), ET.Topic(generate_uid())
    messages = collected(here, topic=topic)
    db = create(here, initial_state={"out": topic})
    store = own_store(between, db)
    store.write(lambda table: table.__setitem__("copy", store.stored("copy", [store.restored("out", table["out"])])))
    found = collected(there)
    publish(between, ROOM, store.get("out"))
    until(lambda: found == [topic])
    run_on(between, FX.LeaveCluster())
    (copy,) = own_store(there, db).get("copy")
    for handle in (*found, copy):
        publish(there, handle, "from far")
    until(lambda: messages == ["from far"] * 2)
    publish(here, own_store(here, db).get("copy")[0], "own")
    until(lambda: messages[2:] == ["own"])


def test_a_handle_of_a_node_that_has_joined_a_moment_ago_works(here: Runtime, broker: Lent, join: Join, until: Any):
    there, topic = join(broker), ET.Topic(generate_uid())
    messages = collected(here, topic=topic)
    store = own_store(there, create(here, initial_state={"out": topic}))
    del local_node(there).nodes._nodes[local_node(here).incarnation]  # as if it had not read the log yet
    publish(there, store.get("out"), "from far")
    until(lambda: messages == ["from far"])


def test_a_topic_that_all_nodes_share_has_no_home(here: Runtime, broker: Lent, join: Join, until: Any):
    topic = ET.Topic(generate_uid())
    there = join(broker, topics=[topic])
    store = own_store(there, create(here, initial_state={"out": topic}))
    run_on(here, FX.LeaveCluster())
    messages = collected(there, topic=store.get("out"))
    publish(there, topic, "shared")
    until(lambda: messages == ["shared"])


def test_only_values_with_handles_have_homes_and_values_without_are_read(here: Runtime):
    db, topic = create(here), ET.Topic(generate_uid())
    store: Any = own_store(here, db)
    for plain in ("text", 1, [ET.Guest(generate_uid(), name="Ada")], ET.Topic("room"), {"db": db}):
        assert store.stored("key", plain) == encode(plain)
    assert store.stored("key", topic) == HOMES + store.stored("key", topic)[1:]
    db["other"] = 1
    store.write(lambda table: table.__setitem__("old", encode(topic)))  # as a program without homes writes it
    assert store.get("old") == topic


@pytest.mark.parametrize("homes", [b"", b"\0\0\0\xff", b"\0\0\0\1x", b"\0\0\0\0", b"\0\0\0\4" + encode(1)])
def test_homes_that_are_not_valid_are_an_error(here: Runtime, homes: bytes):
    db = create(here)
    store: Any = own_store(here, db)
    store.write(lambda table: table.__setitem__("out", HOMES + homes))
    for use in (lambda: store.get("out"), store.items, store.keys):
        with pytest.raises(StorageFailed, match="cannot be read"):
            use()
