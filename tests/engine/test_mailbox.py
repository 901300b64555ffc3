"""The mailbox: messages in order, and a feeder that is paused and resumed."""

from __future__ import annotations

import pytest

from zefnb.engine.mailbox import FULL_BYTES, FULL_MESSAGES, Mailbox


def test_messages_leave_in_the_order_in_which_they_entered():
    box = Mailbox()
    for n in range(5):
        box.put(n)
    assert [box.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(box) == 0


@pytest.mark.parametrize("messages", [[b"x"] * FULL_MESSAGES, ["x" * FULL_BYTES], [b"x" * FULL_BYTES]])
def test_a_mailbox_is_full_by_number_or_by_size_and_refuses_nothing(messages):
    box = Mailbox()
    for message in messages[:-1]:
        box.put(message)
        assert not box.is_full
    box.put(messages[-1])
    assert box.is_full
    box.put("one more")
    assert len(box) == len(messages) + 1


def test_the_feeder_is_called_once_when_half_is_empty():
    box, called = Mailbox(), []
    for n in range(FULL_MESSAGES):
        box.put(n)
    box.on_capacity = lambda: called.append(len(box))
    while len(box):
        box.take()
    assert called == [FULL_MESSAGES // 2]


def test_clearing_a_mailbox_resumes_the_feeder():
    box, called = Mailbox(), []
    box.put(b"x" * FULL_BYTES)
    box.on_capacity = lambda: called.append(True)
    box.clear()
    assert (called, len(box), box.bytes, box.is_full) == ([True], 0, 0, False)
