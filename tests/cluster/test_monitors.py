"""A monitor that any thread may call sees a message to a shared topic once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.test_contract import publish
from zefnb import ET


class Monitor:
    any_thread = True

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, effect: Any, result: Any) -> None:
        self.seen.append(getattr(effect, "content", None))


@pytest.mark.parametrize("topics", [["room"], ["other"]], ids=["shared", "not shared"])
def test_a_published_message_is_seen_once(broker, join, topics):
    node, monitor = join(broker, topics=topics), Monitor()
    node.monitors = (monitor,)
    publish(node, "a", topic=ET.Topic("room"))
    assert monitor.seen == ["a"]
