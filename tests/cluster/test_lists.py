"""Lists of effects: messages to shared topics do not wait for one another, and the first error ends the list."""

from __future__ import annotations

import pytest

from tests.cluster.conftest import local_node
from tests.cluster.test_contract import ROOM, collected, publish
from zefnb import ET, FX
from zefnb.engine.perform import run_on
from zefnb.errors import ClusterUnavailable, InvalidValue

LOCAL = ET.Topic("local")


def messages(*contents, topic=ROOM):
    return [FX.Publish(target=topic, content=content) for content in contents]


def entries_of_the_room(broker) -> int:
    """The number of entries with messages of the room. The log has the node's own events beside them."""
    payloads = broker.call(f"XRANGE zefnb:{broker.name}:log - +").split(b"\r\nb\r\n")[1:]
    return sum(b"room" in payload for payload in payloads)


def test_a_list_of_messages_is_one_entry_of_the_log(broker, join, until):
    node = join(broker)
    found = collected(node)
    publish(node, "alone")
    assert run_on(node, messages(*range(100))) == [ET.Success()] * 100
    assert entries_of_the_room(broker) == 2
    until(lambda: found == ["alone", *range(100)])


def test_the_results_of_a_list_are_in_order(broker, join, until):
    node = join(broker, topics=["room"])
    local, shared = collected(node, LOCAL), collected(node)
    query = FX.QueryLog(limit=1)
    done = run_on(node, [*messages(1, 2), *messages("a", topic=LOCAL), query, *messages(3)])
    assert done == [ET.Success(), ET.Success(), ET.Success(), [], ET.Success()]
    until(lambda: shared == [1, 2, 3])
    assert local == ["a"]


def test_effects_after_a_message_that_is_refused_are_not_performed(own_broker, join, until):
    node = join(own_broker, topics=["room"])
    local, shared = collected(node, LOCAL), collected(node)
    own_broker.call("CONFIG SET maxmemory 1")
    with pytest.raises(ClusterUnavailable, match="not sent"):
        run_on(node, [*messages(*range(5)), *messages("a", topic=LOCAL)])
    own_broker.call("CONFIG SET maxmemory 0")
    publish(node, "end")
    until(lambda: shared == ["end"])
    assert local == []


def test_content_that_cannot_be_sent_ends_the_list_after_the_messages_before_it(broker, join, until):
    node = join(broker)
    found = collected(node)
    with pytest.raises(InvalidValue, match=r"FX\.Publish"):
        run_on(node, messages("a", print, "b"))
    publish(node, "end")
    until(lambda: found == ["a", "end"])


def test_the_error_has_the_number_of_messages_that_were_sent_with_the_first(own_broker, join, until, limit_waits):
    node = join(own_broker)
    found = collected(node)
    publish(node, "begin")
    until(lambda: not len(local_node(node)._queue))  # nothing else is on its way then
    limit_waits(node, 0.5)
    own_broker.suspend()
    with pytest.raises(ClusterUnavailable, match=r"outcome unknown: .* nor the 4 sent with it"):
        run_on(node, messages(*range(5)))
    with pytest.raises(ClusterUnavailable, match="not sent: the broker has not accepted the message:"):
        run_on(node, messages(*range(5, 10)))
    own_broker.resume()
    limit_waits(node, 9.5)
    publish(node, "end")
    until(lambda: found == ["begin", *range(5), "end"])
