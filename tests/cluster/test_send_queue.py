"""The send queue and the publishers: numbers, bounds, refusals, repetitions and gaps, without a broker."""

from __future__ import annotations

from typing import Any

import pytest

from zefnb.cluster import send_queue
from zefnb.cluster.publishers import Publishers
from zefnb.cluster.send_queue import Batch, Message, SendQueue


def queue_of(*contents: bytes) -> SendQueue:
    queue = SendQueue(next_number=1)
    for content in contents:
        assert queue.add(Message("room", content))
    return queue


def contents(batch: Batch | None) -> Any:
    return None if batch is None else (batch.first, batch.payload)


def test_waiting_messages_become_one_batch():
    queue = queue_of(b"a", b"b")
    assert contents(queue.next_batch()) == (1, b"ab")
    assert queue.next_batch() is None
    queue.accept()
    assert (len(queue), queue.bytes, queue.accepted) == (0, 0, 2)


def test_a_batch_has_256_kib_at_most_and_one_is_sent_at_a_time(monkeypatch):
    monkeypatch.setattr(send_queue, "MOST_BATCH_BYTES", 2)
    queue = queue_of(*[b"ab"] * 2)
    assert [contents(queue.next_batch()) for _ in range(2)] == [(1, b"ab"), None]
    queue.accept()
    assert contents(queue.next_batch()) == (2, b"ab")


def test_messages_that_wait_for_the_broker_have_a_bound(monkeypatch):
    queue = queue_of(b"a")
    monkeypatch.setattr(send_queue, "MOST_BYTES", 2 * queue.bytes)
    assert queue.add(Message("room", b"b"))
    assert not queue.add(Message("room", b"c"))
    queue.next_batch()
    queue.accept()
    assert queue.add(Message("room", b"c"))


def test_above_a_bound_publishers_are_paused(monkeypatch):
    queue = queue_of(b"a")
    assert not queue.is_paused
    monkeypatch.setattr(send_queue, "PAUSE_BYTES", queue.bytes - 1)
    assert queue.is_paused


def test_a_message_can_be_withdrawn_until_it_is_sent_and_leaves_no_gap():
    queue = SendQueue(next_number=1)
    messages = [Message("room", content) for content in (b"a", b"b")]
    for message in messages:
        queue.add(message)
    assert queue.withdraw(messages[0])
    assert contents(queue.next_batch()) == (1, b"b")
    assert not queue.withdraw(messages[1])


def test_only_withdrawn_messages_are_no_batch():
    queue = queue_of()
    message = Message("room", b"a")
    queue.add(message)
    queue.withdraw(message)
    assert queue.next_batch() is None
    assert (len(queue), queue.bytes) == (0, 0)


def test_the_numbers_of_refused_messages_are_used_again_and_their_order_stays():
    queue = queue_of(b"a")
    queue.next_batch()
    queue.add(Message("room", b"b"))
    queue.refuse("not sent")
    assert contents(queue.next_batch()) == (1, b"ab")


def test_a_batch_whose_reply_was_lost_keeps_its_numbers_when_it_is_refused():
    queue = queue_of(b"a")
    queue.next_batch()
    queue.lose_reply()
    queue.refuse("not sent")
    assert contents(queue.sent) == (1, b"a")
    assert queue.next_batch() is None


@pytest.mark.parametrize(
    ("first", "count", "repeated", "lost"),
    [(4, 2, 0, 0), (2, 2, 2, 0), (3, 2, 1, 0), (6, 1, 0, 2), (1, 1, 1, 0)],
)
def test_repeated_messages_are_dropped_and_lost_ones_are_counted(first: int, count: int, repeated: int, lost: int):
    publishers = Publishers()
    publishers.take("a", 1, 3)
    assert publishers.take("a", first, count) == (repeated, lost)


def test_the_tail_that_was_not_read_is_counted_once():
    publishers = Publishers()
    publishers.take("a", 1, 3)
    assert [publishers.lost_tail("a", 5), publishers.lost_tail("a", 5), publishers.lost_tail("b", 5)] == [2, 0, 0]
