"""Fixtures of the tests of replays: a topic, and what is published to it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from zefnb import ET, FX, generate_uid, run
from zefnb.topics.hub import Hub


class Heard:
    """The messages of a topic, and when each arrived."""

    only_encodes = False
    keeps_nothing = False

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.times: list[float] = []

    def deliver(self, content: Any) -> None:
        self.times.append(time.monotonic())
        self.messages.append(content)

    @property
    def pauses(self) -> list[float]:
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


@pytest.fixture
def feed(clean: None) -> Any:
    """A topic of this test alone."""
    return ET.Topic(generate_uid())


@pytest.fixture
def heard(feed: Any) -> Heard:
    """What is published to `feed`, without the time that a handler would take."""
    from zefnb.engine.runtime import default_runtime
    from zefnb.notebook.overview import on_loop

    FX.ListTimers() | run
    listener, runtime = Heard(), default_runtime()
    on_loop(runtime, lambda: runtime.service(Hub).subscribe(feed, listener, "watch"))
    return listener


def replayed(source: Any, target: Any, **options: Any) -> int:
    """Replay all of a source, and return the number of its messages."""
    replay = FX.StartReplay(source=source, target=target, wait=True, **options) | run
    return (FX.StopReplay(replay=replay) | run).published
