"""Sending while somebody else computes: everything arrives as ever, and the lock is kept only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop
from zefnb import FX, run

SIZES = (1, 125, 126, 70_000, 600_000)


@contextmanager
def a_busy_cell() -> Iterator[None]:
    """A thread that computes in pure Python, as a cell does."""
    busy = True

    def compute() -> None:
        number = 0
        while busy:
            number += 1

    thread = threading.Thread(target=compute, daemon=True)
    thread.start()
    try:
        yield
    finally:
        busy = False
        thread.join()


def lock_of(server: Any) -> Any:
    return inside(server)._outbox.lock


@pytest.fixture
def kept(chat: Any) -> Any:
    """The chatroom's lock, as if somebody would compute for ever."""
    lock = lock_of(chat)
    if not lock.can_be_kept:
        pytest.skip("this system's send cannot be called with the lock held")
    on_loop(lambda: setattr(lock, "_kept_until", time.monotonic() + 3600))
    return lock


def test_messages_of_every_size_arrive_whole_and_in_order(kept: Any, chat: Any, topic: Any, raw: Any) -> None:
    wires = [raw(chat) for _ in range(5)]
    for size in SIZES:
        FX.Publish(target=topic, content=b"x" * size) | run
    for wire in wires:
        assert [len(wire.read().payload) for _ in SIZES] == list(SIZES)


def test_who_reads_late_gets_everything_once_and_in_order(kept: Any, chat: Any, topic: Any, raw: Any) -> None:
    wire = raw(chat, receive_buffer=4096)
    # More than the kernel holds for a client that does not read.
    for number in range(800):
        FX.Publish(target=topic, content=f"{number:03}" + "." * 10_000) | run
    assert [wire.read().payload[:3].decode() for _ in range(800)] == [f"{number:03}" for number in range(800)]


def test_a_client_that_is_gone_disturbs_nobody(kept: Any, chat: Any, topic: Any, raw: Any, clients: Any) -> None:
    stays, goes = raw(chat), raw(chat)
    clients(chat, 2)
    goes.reset()
    for number in range(50):
        FX.Publish(target=topic, content=str(number)) | run
    assert [stays.read().payload.decode() for _ in range(50)] == [str(number) for number in range(50)]
    clients(chat, 1)


def test_beside_a_busy_cell_everything_arrives(chat: Any, topic: Any, raw: Any) -> None:
    wires = [raw(chat) for _ in range(20)]
    with a_busy_cell():
        for number in range(200):
            FX.Publish(target=topic, content=str(number)) | run
        for wire in wires:
            assert [wire.read().payload.decode() for _ in range(200)] == [str(number) for number in range(200)]


def test_the_lock_is_given_up_again_when_nobody_computes(
    kept: Any, chat: Any, topic: Any, raw: Any, until: Callable[..., Any]
) -> None:
    wire = raw(chat)
    on_loop(lambda: setattr(kept, "_kept_until", 0.0))

    def given_up() -> bool:
        FX.Publish(target=topic, content="?") | run
        assert wire.read().payload.decode() == "?"
        return not kept.matters

    until(given_up)
