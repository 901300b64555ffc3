"""Connecting and leaving: thousands of clients that leave nothing behind, and resets."""

from __future__ import annotations

import resource
import statistics
import time
from functools import partial

from attacks.attack import Attack, Outcome, Settings
from attacks.crowd import Crowd, crowd
from attacks.probe import round_trip
from attacks.targets import Server, memory, running
from attacks.wire import closing, connect, connected
from bench import machine


def left(server: Server, clients: int = 0) -> dict[str, float]:
    """Return what the server still has after its clients have left; it has ten seconds to notice."""
    end = time.monotonic() + 10
    while (there := server.command("left"))["clients"] > clients and time.monotonic() < end:
        time.sleep(0.05)
    return there


def come_and_go(server: Server, cycles: int) -> None:
    """Connect, get subscribed by a handler, send a message, and leave with a close frame or a reset."""
    for number in range(cycles):
        with connect(server, "/join") as wire:
            assert wire.read().payload == b"joined"
            round_trip(wire, "hello")
            if number % 2:
                wire.send(closing(1000))
                wire.read_until_close()
            else:
                wire.reset()


def pace(server: Server, room: Crowd) -> float:
    """Return broadcasts per second of the server's processor time, which other load changes little."""
    used, began = machine.cpu_seconds(server.pid), time.monotonic()
    rate = room.send_for(0.5)
    return rate * (time.monotonic() - began) / (machine.cpu_seconds(server.pid) - used)


def compared(server: Server, fresh: Server, rounds: int) -> float:
    """Return the ratio of two paces, measured in turns, since other load changes within seconds."""
    with crowd(server, 10) as room, crowd(fresh, 10) as other:
        room.send_for(0.3), other.send_for(0.3)
        return statistics.median(pace(server, room) / pace(fresh, other) for _ in range(rounds))


def cycles(server: Server, settings: Settings) -> Outcome:
    """Measure after a warm-up that fills bounded structures (the journal, caches, the allocator's pools)."""
    count = settings.pick(5_000, 500)
    come_and_go(server, settings.pick(7_000, 500))
    before, memory_before = left(server), memory(server)
    began = time.monotonic()
    come_and_go(server, count)
    took = time.monotonic() - began
    after, grown = left(server), (memory(server) - memory_before) / 1e6
    with running(settings.system) as fresh:
        speed = compared(server, fresh, settings.pick(15, 9))
    remains = {name: after[name] - before[name] for name in before if after[name] != before[name]}
    return Outcome(
        f"{remains or 'nothing'} left, memory {grown:+.2f} MB, broadcast at {speed:.0%} of a new server's, "
        f"{count / took:,.0f} cycles/s",
        ok=not any(more > 0 for more in remains.values()) and grown <= 1 and speed >= 0.9,
        details={"left": remains, "grown": grown, "speed": speed},
    )


def allow_descriptors() -> None:
    """Raise the limit: five thousand connections need as many descriptors here, too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def hold(server: Server, path: str, count: int) -> int:
    """Return the server's memory with `count` idle connections."""
    with connected(server, count, path):
        time.sleep(1)
        had = memory(server)
    left(server)
    time.sleep(1)  # the loop still closes some of them
    left(server)
    return had


def idle(path: str, most: float, server: Server, settings: Settings) -> Outcome:
    allow_descriptors()
    count = settings.pick(5_000, 500)
    hold(server, path, 20)
    before = memory(server)
    first, second = hold(server, path, count), hold(server, path, count)
    each, more = (first - before) / count / 1024, (second - first) / max(first - before, 1)
    return Outcome(
        f"{each:.1f} KB for each of {count:,}, the second wave {more:+.1%}",
        ok=each <= most and more <= 0.05,
        details={"each": each, "more": more},
    )


def resets(server: Server, settings: Settings) -> Outcome:
    """Half of the clients reset their connections at different moments of a broadcast."""
    with crowd(server, 100) as room:
        going = room.extra_clients(100)
        room.send_for(0.3)

        def go() -> None:
            for member in going[:1]:
                going.remove(member)
                member.wire.reset()

        room.send_for(settings.pick(5, 1.5), go)
        while going:
            go()
        room.send_for(0.3)
        wrong, received = room.wrong, sum(member.batches for member in room.members) * 100
    there = left(server)
    return Outcome(
        f"100 reset; the others received {received:,} messages, {wrong} batches wrong; {there['clients']:.0f} clients "
        "left",
        ok=not wrong and not there["clients"],
        details={"wrong": wrong, "received": received},
    )


ATTACKS = (
    Attack(
        "cycles",
        "5,000 cycles of connect, subscribe in a handler, leave: no subscription, actor, client, task, thread or "
        "descriptor left, memory within 1 MB, broadcast at 90 % of a new server's or more",
        cycles,
        quick=True,
        attempts=3,
    ),
    Attack(
        "idle-topic",
        "5,000 idle connections with topics: at most 16 KB each; a second wave adds at most 5 %",
        partial(idle, "/ws", 16),
        attempts=2,
    ),
    Attack(
        "idle-actor",
        "5,000 idle connections with an actor each: at most 20 KB each; a second wave adds at most 5 %",
        partial(idle, "/echo", 20),
        attempts=2,
    ),
    Attack(
        "resets",
        "half of 200 clients are reset during a broadcast: the others lose nothing",
        resets,
        quick=True,
    ),
)
