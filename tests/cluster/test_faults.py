"""Faults of the broker: killed, stopped, wiped, out of memory; and what a publisher learns about its message."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from typing import Any

import pytest

from tests.cluster.brokers import Broker
from tests.cluster.conftest import local_node
from tests.cluster.test_contract import collected, publish
from zefnb import ET, FX
from zefnb.cluster import publishing
from zefnb.cluster.batch import TOPIC, packed
from zefnb.core.codec.codec import encode
from zefnb.engine.perform import run_on
from zefnb.errors import ClusterUnavailable


@pytest.fixture
def broker(own_broker: Broker) -> Broker:
    return own_broker


class Publisher(threading.Thread):
    """Publishes numbers until it is stopped; has the accepted ones, and the errors of the others."""

    def __init__(self, runtime: Any, name: str) -> None:
        super().__init__()
        self.runtime, self.name = runtime, name
        self.accepted: list[tuple[str, int]] = []
        self.failed: dict[tuple[str, int], str] = {}
        self.is_stopped = False

    def run(self) -> None:
        number = 0
        while not self.is_stopped:
            message = self.name, number
            try:
                publish(self.runtime, message)
                self.accepted.append(message)
            except ClusterUnavailable as error:
                self.failed[message] = str(error)
            number += 1

    def stop(self) -> None:
        self.is_stopped = True
        self.join()


def settled(runtime: Any, until: Any) -> None:
    """Wait until a node has read that the others have joined, and has sent what it announces then."""
    publish(runtime, "settled", topic=ET.Topic("settled"))
    until(lambda: not len(local_node(runtime)._queue))


def test_a_killed_broker_loses_and_doubles_no_accepted_message(broker, join, until):
    nodes = join(broker), join(broker)
    found = [collected(node) for node in nodes]
    publishers = [Publisher(node, str(n)) for n, node in enumerate((*nodes, *nodes))]
    for publisher in publishers:
        publisher.start()
    for _ in range(3):
        before = len(found[1])
        until(lambda before=before: len(found[1]) > before + 20)
        broker.kill()
        broker.start()
        before = len(found[1])
        until(lambda before=before: len(found[1]) > before)
    for publisher in publishers:
        publisher.stop()
    publish(nodes[0], "end")
    until(lambda: all(messages[-1] == "end" for messages in found))
    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0])
    accepted = [message for publisher in publishers for message in publisher.accepted]
    assert set(accepted) <= set(found[0])


def test_a_message_for_a_stopped_broker_fails_in_time_and_the_error_is_true(broker, join, until, limit_waits):
    node, other = join(broker), join(broker)
    found = collected(other)
    settled(node, until)
    limit_waits(node, 0.5)
    broker.suspend()
    errors = {}
    for number in range(6):
        with pytest.raises(ClusterUnavailable, match=r"not sent|outcome unknown") as raised:
            publish(node, number)
        errors[number] = str(raised.value)
        assert "NotAccepted" not in "".join(traceback.format_exception(raised.value))
    broker.resume()
    limit_waits(node, 9.5)  # after a reply that was late, the node connects again
    publish(node, "end")
    until(lambda: found[-1:] == ["end"])
    assert len(set(found)) == len(found)
    assert [number for number, text in errors.items() if "not sent" in text and number in found] == []
    assert "outcome unknown" in errors[0]
    assert "not sent" in errors[5]


def test_a_message_after_the_end_of_the_broker_is_not_sent(broker, join, until, limit_waits):
    node = join(broker)
    settled(node, until)
    limit_waits(node, 0.3)
    connection = local_node(node)._writer._connection
    broker.kill()
    until(lambda: connection.is_closed)
    with pytest.raises(ClusterUnavailable, match="not sent"):
        publish(node, "lost")


def test_connections_that_the_broker_has_closed_are_made_again(broker, join, until):
    node, other = join(broker), join(broker)
    settled(node, until)
    closed = [local_node(each).commands._connection for each in (node, other)]
    broker.call("CLIENT KILL TYPE normal SKIPME yes")
    until(lambda: all(connection.is_closed for connection in closed))
    assert len(run_on(node, FX.QueryCluster())) == 2
    publish(node, "after")


def test_ctrl_c_ends_the_wait_for_a_stopped_broker(broker, default_node, until, monkeypatch):
    monkeypatch.setattr(publishing, "RUN_TIMEOUT", 60)
    settled(default_node, until)
    broker.suspend()

    def interrupt_the_wait() -> None:
        until(lambda: local_node(default_node)._queue.sent)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt_the_wait)
    thread.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as interrupt:
        publish(default_node, "never")
    assert time.monotonic() - began < publishing.RUN_TIMEOUT / 2
    assert interrupt.value.__context__ is None
    thread.join()
    broker.resume()


def test_topics_that_are_not_shared_work_while_the_broker_is_stopped(broker, join, until):
    node = join(broker, topics=["room"])
    found = collected(node, ET.Topic("local"))
    broker.suspend()
    publish(node, *range(10), topic=ET.Topic("local"))
    until(lambda: found == list(range(10)))
    broker.resume()


def test_a_wiped_broker_is_an_error_in_the_journal_with_topic_publisher_and_count(broker, join, until):
    node, other = join(broker), join(broker)
    found = collected(other)
    publish(node, "a")
    until(lambda: found)
    settled(node, until)
    other_node = other.service(cluster_type()).node
    name = node.service(cluster_type()).node.name
    reader = other_node._reader
    first = reader.publishers.last(node.service(cluster_type()).node.incarnation)
    broker.call("CLIENT PAUSE 1000 ALL")  # the reader reads nothing meanwhile
    lose(broker, node, count=3)
    publish(node, "b")
    until(lambda: found[-1:] == ["b"])
    lines = until(lambda: [line for line in messages_of(other) if "lost before this node" in line])
    assert first is not None
    assert f"3 messages of {name}" in lines[0]
    assert "'room'" in lines[0]


def cluster_type() -> Any:
    from zefnb.cluster.cluster import Cluster

    return Cluster


def lose(broker, node, count: int) -> None:
    """Let the broker lose messages of this node that it has accepted: number them, and send them nowhere."""
    queue = node.service(cluster_type()).node._queue
    outgoing_part = node.service(cluster_type()).node.outgoing

    def skip() -> None:
        queue.next_number += count
        queue.accepted += count
        outgoing_part._ledger.extend(["room"] * count)

    done = threading.Event()
    node.call_queue.put(lambda: (skip(), done.set()))
    assert done.wait(20)


def messages_of(runtime: Any) -> list[str]:
    return [row["message"] for row in run_on(runtime, FX.QueryLog(level="warning"))]


def test_a_new_log_is_reported_and_used(broker, join, until):
    node, other = join(broker), join(broker)
    found = collected(other)
    publish(node, "a")
    until(lambda: found == ["a"])
    broker.call("FLUSHALL")
    until(lambda: any("begins a new one" in line for line in messages_of(other)))
    publish(node, "b")
    until(lambda: found == ["a", "b"])


def test_out_of_memory_is_not_sent(broker, join, until):
    node, other = join(broker), join(broker)
    found = collected(other)
    broker.call("CONFIG SET maxmemory 1")
    with pytest.raises(ClusterUnavailable, match="not sent"):
        publish(node, "refused")
    broker.call("CONFIG SET maxmemory 0")
    publish(node, "taken")
    until(lambda: found == ["taken"])


def test_damaged_entries_are_counted_and_the_reader_continues(broker, join, until):
    node = join(broker)
    found = collected(node)
    for fields in ("x y", "p zz q 1 b short", "p zz q many b x", "p ../.. q 1 b x", "p aa q 0 b x"):
        broker.call(f"XADD zefnb:zefnb:log * {fields}")
    publish(node, "after")
    until(lambda: found == ["after"])
    rows = run_on(node, FX.QueryLog(level="error"))
    assert [row["count"] for row in rows if "not valid" in row["message"]] == [5]


def test_a_strangers_entry_in_the_name_of_a_node_does_not_end_its_messages(broker, join, until):
    node, other = join(broker), join(broker)
    found = collected(other)
    settled(node, until)
    message = "".join(f"\\x{byte:02x}" for byte in packed(TOPIC, "room", encode("forged")))
    broker.call(f'XADD zefnb:zefnb:log * p {local_node(node).incarnation} q 1000000 b "{message}"')
    broker.call(f'XADD zefnb:zefnb:log * p {local_node(node).incarnation} q 2000000 b ""')
    until(lambda: "that it has not sent" in str(messages_of(node)) and found == ["forged"])
    publish(node, "its own")
    until(lambda: found == ["forged", "its own"])


def test_a_missing_broker_is_an_error_that_has_no_password(join):
    class Missing:
        url, name = "redis://ada:hunter22@127.0.0.1:1/0", "zefnb"

    with pytest.raises(ClusterUnavailable) as raised:
        join(Missing)
    error = raised.value
    assert "cannot be used" in str(error)
    assert "hunter22" not in f"{error} {error!r} {error.__cause__} {FX.JoinCluster(url=Missing.url)!r}"


def test_a_group_of_a_node_that_joined_at_the_same_time_is_not_a_new_log(broker, join, until, quick_beats):
    node = join(broker)
    membership = local_node(node).membership
    broker.call(f"XGROUP CREATE zefnb:{broker.name}:log theirs 0")
    until(lambda: "theirs" in membership.epochs)
    assert messages_of(node) == []
