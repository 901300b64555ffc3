"""How long an actor whose handlers run on the loop may keep the loop from other work."""

from __future__ import annotations

import threading
import time

from tests.engine.actor.room import Room
from zefnb import Any, Bytes, String, zef_function
from zefnb.engine.actors import Actors
from zefnb.engine.runtime import default_runtime


class Slow:
    """An object whose copy takes some milliseconds, and is noted with its thread."""

    def __init__(self, copied_by: list[str]) -> None:
        self.copied_by = copied_by

    def __deepcopy__(self, memo: object) -> Slow:
        time.sleep(0.003)
        self.copied_by.append(threading.current_thread().name)
        return Slow(self.copied_by)


def test_after_its_first_copy_a_large_state_of_an_inline_handler_is_not_copied_on_the_loop(until):
    copied_by: list[str] = []
    handled: list[str] = []

    @zef_function(inline=True)
    def handle(msg, state):
        handled.append(msg)
        if msg == "fail":
            raise ValueError("as requested")
        return [[], {**state}]

    room = Room(initial_state={"rows": [[n] for n in range(3_000)], "slow": Slow(copied_by)}, handler=handle)
    room.say("first")
    until(lambda: handled)
    copied_by.clear()
    room.say("second", "fail", "third", "fail", "fourth")
    until(lambda: len(handled) == 6)
    assert len(copied_by) >= 5
    assert set(copied_by) == {"zefnb-handlers"}


def test_the_waiting_messages_of_a_slow_inline_handler_are_handled_in_several_iterations(until):
    released, during = threading.Event(), []

    @zef_function
    def wait(msg, state):
        released.wait(10)
        return [[], state]

    @zef_function(inline=True)
    def count(msg, state):
        time.sleep(0.002)
        return [[], state + 1]

    def iterate() -> None:
        if counting.state < 40:
            during.append(counting.state)
            loop.call_soon(iterate)

    room = Room(rules={(Bytes, Any): wait, (String, Any): count})
    room.say(b"wait", *["count"] * 40)
    loop, counting = default_runtime().loop, default_runtime().service(Actors).get(room.handle)
    loop.call_soon_threadsafe(iterate)
    released.set()
    until(lambda: room.state == 40)
    assert len(set(during)) > 10
