"""The bounds of deliveries and causes, each just below, at and just above the bound."""

from __future__ import annotations

import time
from typing import Any

import pytest

from zefnb import ET
from zefnb.topics import hub as hubs
from zefnb.topics.causes import MAX_RETURNS, WINDOW, may_return
from zefnb.topics.hub import Hub


class Loop:
    """Keeps what is to be called later."""

    def __init__(self) -> None:
        self.later: list[Any] = []

    def call_soon(self, call: Any) -> None:
        self.later.append(call)


class Runtime:
    cause = journal = None

    def __init__(self) -> None:
        self.loop = Loop()


class Subscriber(list[Any]):
    __hash__ = object.__hash__
    only_encodes = False
    deliver = list.append


@pytest.mark.parametrize("count", [255, 256, 257])
def test_an_iteration_delivers_256_waiting_messages_at_most(count: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hubs, "ITERATION_BUDGET", 1e9)
    runtime: Any = Runtime()
    hub, heard, topic = Hub(runtime), Subscriber(), ET.Topic("t")
    hub.subscribe(topic, heard, "test")
    for number in range(count):
        hub._queue.append((topic, (heard,), number, None))
    hub._continue()
    assert heard == list(range(min(count, 256)))
    for call in runtime.loop.later:
        call()
    assert heard == list(range(count))


@pytest.mark.parametrize(("returned", "fits"), [(0, True), (998, True), (999, True), (1_000, False), (5_000, False)])
def test_a_message_returns_1000_times_within_the_window(returned: int, fits: bool):
    assert MAX_RETURNS == 1_000
    origin: list[float] = [returned, time.monotonic()]
    assert may_return(origin) is fits
    assert origin[0] == returned + 1


@pytest.mark.parametrize(("returned", "counted"), [(997, 998), (998, 999), (999, 1_000), (1_000, 1), (1_001, 1_002)])
def test_the_count_begins_again_when_the_limit_is_reached_after_the_window(returned: int, counted: int):
    origin: list[float] = [returned, time.monotonic() - WINDOW - 1]
    assert may_return(origin) is (counted <= 1_000)
    assert origin[0] == counted
