"""A node of a cluster under attack: publishers in threads, a subscriber that checks, and a server for sockets."""

# ruff: noqa: F403, F405 - the star import and the handlers are written as in the specification

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any

from bench.servers.control import Control
from zefnb import *
from zefnb.errors import ClusterUnavailable

room, local, pushed, presence = (ET.Topic(name) for name in ("room", "local", "pushed", "who"))
SHARED = ["room", "pushed", "who", "ready-*"]


class Received:
    """The received messages: their order, and what each publisher's numbers show."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[int]] = {}
        self.order = hashlib.sha256()
        self.count = 0
        self.at = 0.0

    def take(self, message: Any) -> None:
        publisher, _, number = message.partition(" ")
        self.numbers.setdefault(publisher, []).append(int(number.split(".")[0]))
        self.order.update(message.encode())
        self.count += 1
        self.at = time.monotonic()

    def report(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "order": self.order.hexdigest(),
            "doubled": sum(len(numbers) - len(set(numbers)) for numbers in self.numbers.values()),
            "unordered": [name for name, numbers in self.numbers.items() if numbers != sorted(numbers)],
            "each": {name: len(numbers) for name, numbers in self.numbers.items()},
        }


class Publisher(threading.Thread):
    """Publishes numbered messages in lists, up to `count` or until it is stopped."""

    def __init__(self, name: str, count: int, most: int, size: int, log: str = "") -> None:
        super().__init__(daemon=True)
        self.name, self.count, self.most, self.padding = name, count, most, "." * size
        self.accepted: list[int] = []
        self.failed: dict[int, str] = {}
        self.slowest = 0.0
        self.over = False
        self.log = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND) if log else -1

    def run(self) -> None:
        number = 0
        while not self.over and number < self.count:
            # Lists of different lengths.
            numbers = range(number, min(number + 1 + number % self.most, self.count))
            number = numbers[-1] + 1
            began = time.monotonic()
            try:
                [FX.Publish(target=room, content=f"{self.name} {n}{self.padding}") for n in numbers] | run
                self.accepted += numbers
                if self.log >= 0:
                    os.write(self.log, "".join(f"{self.name} {n}\n" for n in numbers).encode())
            except ClusterUnavailable as error:
                # Only with lists of one message it is known which one has failed.
                self.failed |= {n: str(error) for n in numbers}
            self.slowest = max(self.slowest, time.monotonic() - began)


class Changer(threading.Thread):
    """Adds 1 to one key of a database, up to `count` times."""

    def __init__(self, db: Any, count: int) -> None:
        super().__init__(daemon=True)
        self.db, self.count = db, count
        self.accepted = 0
        self.failed: list[str] = []

    def run(self) -> None:
        for _ in range(self.count):
            try:
                FX.UpdateDB(db=self.db, change={"n": add(1)}) | run
                self.accepted += 1
            except ClusterUnavailable as error:
                self.failed.append(str(error))


class Commands:
    """The attacker's commands to the node."""

    def __init__(self) -> None:
        self.got, self.got_pushed = Received(), Received()
        self.publishers: list[Publisher] = []
        self.ready: set[str] = set()
        self.changers: list[Changer] = []
        self.events: list[Any] = []
        FX.SubscribeFX(topic=presence, op=zef_function(inline=True)(self.events.append)) | run
        FX.SubscribeFX(topic=room, op=zef_function(inline=True)(self.got.take)) | run
        FX.SubscribeFX(topic=pushed, op=zef_function(inline=True)(self.got_pushed.take)) | run

    def join(self, url: str) -> dict[str, Any]:
        return {"node": (FX.JoinCluster(url=url, topics=SHARED) | run).node}

    def leave(self) -> dict[str, Any]:
        FX.LeaveCluster() | run
        return {}

    def start_publishers(
        self, prefix: str, threads: int, count: int = 1 << 40, most: int = 1, size: int = 0, log: str = ""
    ) -> dict[str, Any]:
        """Start `threads` publishers; each publishes lists of up to `most` messages."""
        self.publishers = [Publisher(f"{prefix}{n}", count, most, size, log) for n in range(threads)]
        for publisher in self.publishers:
            publisher.start()
        return {}

    def stop_publishers(self, stop: bool = True) -> dict[str, Any]:
        """Return what they have published, when they have ended."""
        for publisher in self.publishers:
            publisher.over = publisher.over or stop
        for publisher in self.publishers:
            publisher.join()
        return self.published()

    def published(self) -> dict[str, Any]:
        return {
            "accepted": {publisher.name: len(publisher.accepted) for publisher in self.publishers},
            "failed": {publisher.name: len(publisher.failed) for publisher in self.publishers},
            "slowest": max((publisher.slowest for publisher in self.publishers), default=0.0),
        }

    def publish(self, content: str) -> dict[str, Any]:
        try:
            FX.Publish(target=room, content=content) | run
        except ClusterUnavailable as error:
            return {"failed": str(error)}
        return {"failed": ""}

    def received(self, topic: str = "room") -> dict[str, Any]:
        return (self.got if topic == "room" else self.got_pushed).report()

    def flow(self) -> dict[str, Any]:
        """Return the number of received messages, and the seconds since the last one."""
        return {"count": self.got.count, "ago": time.monotonic() - self.got.at}

    def wait(self, count: int, within: float = 60.0, topic: str = "room") -> dict[str, Any]:
        """Wait until this many messages have been received; return the seconds that it took."""
        received, began = self.got if topic == "room" else self.got_pushed, time.monotonic()
        while received.count < count:
            if time.monotonic() > began + within:
                raise TimeoutError(f"{received.count:,} of {count:,} messages received within {within:.0f} s")
            time.sleep(0.002)
        return {"seconds": time.monotonic() - began}

    def wait_for(self, publisher: str, within: float = 60.0) -> dict[str, Any]:
        """Wait until a publisher has been received; since there is one order, all earlier messages have been."""
        began = time.monotonic()
        while publisher not in self.got.numbers:
            if time.monotonic() > began + within:
                raise TimeoutError(f"{publisher} has not been received within {within:.0f} s")
            time.sleep(0.002)
        return {"seconds": time.monotonic() - began}

    def compare(self) -> dict[str, Any]:
        """Compare the results of this node's publishers with the messages that it has received."""
        found: Counter[str] = Counter()
        for publisher in self.publishers:
            received = set(self.got.numbers.get(publisher.name, ()))
            found["accepted"] += len(publisher.accepted)
            found["missing"] += len(set(publisher.accepted) - received)
            for number, text in publisher.failed.items():
                kind = "not sent" if "not sent:" in text else "unknown"
                if kind == "unknown" and "outcome unknown" not in text:
                    kind = "unclear"
                found[kind] += 1
                found["untrue"] += kind == "not sent" and number in received
        return {"slowest": max((each.slowest for each in self.publishers), default=0.0), **found}

    def interrupt(self) -> dict[str, Any]:
        """Publish in the main thread, interrupt it with Ctrl-C, and return the seconds until it has ended."""
        pressed = [0.0]

        def press() -> None:
            pressed[0] = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)

        threading.Timer(0.5, press).start()
        try:
            FX.Publish(target=room, content="interrupted 0") | run
        except KeyboardInterrupt:
            return {"seconds": time.monotonic() - pressed[0]}
        raise AssertionError("the message was accepted")

    def start_changers(self, threads: int, count: int) -> dict[str, Any]:
        """Start `threads` threads that each change one key `count` times."""
        db = FX.CreateDB(type=DictDatabase, persistence="cluster", path="scores") | run
        self.changers = [Changer(db, count) for _ in range(threads)]
        for changer in self.changers:
            changer.start()
        return {}

    def stop_changers(self) -> dict[str, Any]:
        """Wait until they have ended. Returns the acknowledged and the failed changes, and the value."""
        for changer in self.changers:
            changer.join()
        failed = [text for changer in self.changers for text in changer.failed]
        unknown = sum("outcome unknown" in text for text in failed)
        accepted = sum(changer.accepted for changer in self.changers)
        return {"accepted": accepted, "failed": len(failed), "unknown": unknown, "value": self.changers[0].db.get("n")}

    def acknowledged(self) -> dict[str, Any]:
        """Return the number of acknowledged changes so far."""
        return {"count": sum(changer.accepted for changer in self.changers)}

    def present(self) -> dict[str, Any]:
        """Return the ids of the clients of all nodes, and how often each has joined and left."""
        counted: dict[str, Counter[str]] = {"ClientJoined": Counter(), "ClientLeft": Counter()}
        for event in list(self.events):
            counted[type(event).__name__][event.id] += 1
        rows = FX.QueryPresence(topic=presence) | run
        return {"ids": [row["id"] for row in rows], "joined": counted["ClientJoined"], "left": counted["ClientLeft"]}

    def journal(self) -> dict[str, Any]:
        rows = FX.QueryLog(level="warning", limit=10_000) | run
        return {"messages": [row["message"] for row in rows], "counts": [row["count"] for row in rows]}

    def nodes(self) -> dict[str, Any]:
        return {"nodes": [row["name"] for row in FX.QueryCluster() | run]}

    def loaded(self) -> dict[str, Any]:
        """Return the modules that an entry might have imported."""
        return {"modules": sorted(sys.modules)}


if __name__ == "__main__":
    control = Control()
    server = (
        FX.StartHTTPServer(
            routes={
                "/ws": ET.WebSocket(clients_subscribe_to=[local], clients_push_into_=[local]),
                "/echo": ET.WebSocket(clients_subscribe_to=[local], clients_push_into_=[local]),
                "/present": ET.WebSocket(clients_subscribe_to=[local], presence=presence),
                "/pushed": ET.WebSocket(clients_push_into_=[pushed]),
            },
            port=0,
        )
        | run
    )
    commands = Commands()
    names = [name for name in vars(Commands) if not name.startswith("_")]
    control.serve(server.port, {name: getattr(commands, name) for name in names})
