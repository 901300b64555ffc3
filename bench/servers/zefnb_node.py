"""A node of a cluster: it publishes bursts and single messages, and counts what it receives."""

# ruff: noqa: F403, F405 - the star import is written as in the specification

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any

from bench.servers.control import Control, numbered_messages
from zefnb import *
from zefnb.engine.runtime import default_runtime

room = ET.Topic("room")
_BURST = 500


class Node:
    """The commands of the bench."""

    def __init__(self) -> None:
        self.count = 0
        self.delays: list[float] = []
        FX.SubscribeFX(topic=room, op=zef_function(inline=True)(self._receive)) | run

    def _receive(self, message: str) -> None:
        self.count += 1
        if message.startswith("at "):
            self.delays.append(time.monotonic() - float(message[3:]))

    def join(self, url: str) -> dict[str, Any]:
        FX.JoinCluster(url=url) | run
        return {}

    def burst(self, count: int, size: int) -> dict[str, Any]:
        """Publish `count` messages in lists."""
        messages = [FX.Publish(target=room, content="." * size) for _ in range(_BURST)]
        for _ in range(count // _BURST):
            messages | run
        return {}

    def subscribe(self, topics: int) -> dict[str, Any]:
        """Subscribe to topics with numbers."""
        for number in range(topics):
            FX.SubscribeFX(topic=ET.Topic(f"room {number}"), op=zef_function(inline=True)(self._receive)) | run
        return {}

    def burst_around(self, count: int, size: int, topics: int) -> dict[str, Any]:
        """Publish `count` messages in lists, to topics with numbers in turn."""
        # As many effects for one topic as for many: one that is in a list several times is copied once.
        rooms = [ET.Topic(f"room {number % topics}") for number in range(2 * _BURST)]
        around = [FX.Publish(target=room, content="." * size) for room in rooms]
        for at in range(0, count, _BURST):
            around[at % len(around) :][:_BURST] | run
        return {}

    def burst_to_sockets(self, count: int, size: int) -> dict[str, Any]:
        """Publish numbered messages in lists, as the sockets of the bench expect them."""
        messages = [FX.Publish(target=room, content=text) for text in numbered_messages(count, size)]
        begin = time.monotonic()
        for at in range(0, count, _BURST):
            messages[at : at + _BURST] | run
            FX.QueryAllActiveHTTPServers() | run  # without a cluster, several lists would be one batch
        return {"begin": begin}

    def loop_thread(self) -> dict[str, Any]:
        """Return the id of the loop's thread."""

        async def current() -> int:
            return threading.get_native_id()

        return {"thread": self._on_loop(current())}

    def _on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, default_runtime().loop).result(120)

    def single(self, count: int, size: int) -> dict[str, Any]:
        """Publish one message after the other on the loop, each when the broker has accepted the one before."""

        async def publish() -> None:
            for _ in range(count):
                await FX.Publish(target=room, content="." * size)

        self._on_loop(publish())
        return {}

    def single_from_thread(self, count: int, size: int) -> dict[str, Any]:
        """Do the same from this thread."""
        for _ in range(count):
            FX.Publish(target=room, content="." * size) | run
        return {}

    def timed(self, count: int) -> dict[str, Any]:
        """Publish messages with the time, with a pause between them."""
        for _ in range(count):
            FX.Publish(target=room, content=f"at {time.monotonic()}") | run
            time.sleep(0.002)
        return {}

    def wait(self, count: int) -> dict[str, Any]:
        """Wait until `count` messages have been received."""
        end = time.monotonic() + 60
        while self.count < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.count} of {count} messages")
            time.sleep(0.0005)
        self.count -= count
        return {}

    def p50(self) -> dict[str, Any]:
        """Return the median of the delays, in seconds."""
        delays, self.delays = sorted(self.delays), []
        return {"p50": delays[len(delays) // 2]}


if __name__ == "__main__":
    control = Control()
    node = Node()
    server = (
        FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])}, port=0)
        | run
    )
    names = [name for name in vars(Node) if not name.startswith("_")]
    control.serve(server.port, {name: getattr(node, name) for name in names})
