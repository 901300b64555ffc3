"""Subscriptions that cause themselves, each in another way, with zefnb's public names only."""

# ruff: noqa: F403, F405 - the star import is how the specification is written

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from zefnb import *

_TIMEOUT = 60.0


def _to(topic: Any) -> Any:
    return insert_into(FX.Publish(target=topic), "content")


def _through_an_actor(topic: Any) -> list[Any]:
    inside = ET.Topic("inside the loop")
    response = FX.StartActor(
        input=inside, initial_state=0, handler=lambda m, n: [[FX.Publish(target=topic, content=m)], n + 1]
    )
    return [response, FX.SubscribeFX(topic=topic, op=_to(inside))]


async def _same(message: Any) -> Any:
    return message


def _in_a_coroutine(topic: Any) -> list[Any]:
    return [FX.MapTopic(source=topic, target=topic, op=zef_function(_same))]


def _over_two_topics(topic: Any) -> list[Any]:
    other = ET.Topic(generate_uid())
    return [FX.MapTopic(source=topic, target=other, op=lambda m: m), FX.SubscribeFX(topic=other, op=_to(topic))]


SHAPES = {
    "on the loop": lambda topic: [FX.SubscribeFX(topic=topic, op=_to(topic))],
    "in a thread": lambda topic: [FX.SubscribeFX(topic=topic, op=lambda m: FX.Publish(target=topic, content=m))],
    "in a coroutine": _in_a_coroutine,
    "over two topics": _over_two_topics,
    "through an actor": _through_an_actor,
    "doubling": lambda topic: [FX.SubscribeFX(topic=topic, op=_to(topic))] * 2,
}


def cause_itself(messages: int) -> dict[str, Any]:
    """Publish messages into a loop of each shape. Return, when all were dropped, how often each was named."""
    entries, dropped, received = [], [], []
    for shape in SHAPES:
        topic = ET.Topic(f"loop {shape}")
        with _looping(shape, topic):
            for number in range(messages):
                FX.Publish(target=topic, content=number) | run
            named = _wait_for(topic, messages)
        entries.append(len(named))
        dropped.append(sum(entry["count"] for entry in named))
        received.append(all(repr(topic) in entry["message"] for entry in named))
    return {"entries": entries, "dropped": dropped, "named": received}


@contextmanager
def _looping(shape: str, topic: Any) -> Iterator[None]:
    made = [effect | run for effect in SHAPES[shape](topic)]
    yield
    for started in made:
        (
            FX.StopActor(actor=started)
            if isinstance(started, ET.Actor)
            else FX.Unsubscribe(subscription=started.subscription)
        ) | run


def _wait_for(topic: Any, count: int) -> list[Any]:
    """Return the entries on a loop when they count exactly the given number of messages."""
    deadline, before = time.monotonic() + _TIMEOUT, -1
    while True:
        log = FX.QueryLog(level="error", limit=10_000) | run
        named = [entry for entry in log if "causes itself" in entry["message"] and repr(topic) in entry["message"]]
        now = sum(entry["count"] for entry in named)
        if (now >= count and now == before) or time.monotonic() > deadline:
            return named
        before = now
        time.sleep(0.1)
