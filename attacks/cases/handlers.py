"""Handlers that block, handlers that raise, and a cell that computes: none delays other clients."""

from __future__ import annotations

import socket
import threading
import time

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import Probe
from attacks.targets import ZEFNB, Server, memory
from attacks.wire import CLOSE, Wire, connect, connected, frame


def blocks(server: Server, settings: Settings) -> Outcome:
    """The very first call of a handler blocks for 5 s."""
    seconds = settings.pick(5, 2)
    with Probe(server) as probe, connect(server, "/sleep") as sleeper:
        began = time.monotonic()
        sleeper.send(frame(str(seconds)))
        reply = sleeper.read()
        took = time.monotonic() - began
    return Outcome(
        f"worst of others: {probe}; the blocked client got its reply after {took:.1f} s",
        ok=probe.worst <= 50 and reply.payload == b"slept",
        details={"worst": probe.worst},
    )


def sleepers(server: Server, settings: Settings) -> Outcome:
    """Twenty block at once, each for 5 s."""
    seconds = settings.pick(5, 2)
    with connected(server, 20, "/sleep") as wires, Probe(server) as probe:
        began = time.monotonic()
        for wire in wires:
            wire.socket.settimeout(150)
            wire.send(frame(str(seconds)))
        replies = [wire.read().payload for wire in wires]
        took = time.monotonic() - began
    return Outcome(
        f"20 sleepers of {seconds} s replied within {took:.2f} s; worst of others: {probe}",
        ok=took <= seconds + 1 and replies == [b"slept"] * 20 and probe.worst <= 50,
        details={"took": took, "worst": probe.worst},
    )


def computes(server: Server, settings: Settings) -> Outcome:
    """The main thread runs only Python code and never releases the GIL by itself."""
    seconds = settings.pick(10, 3)
    cell = threading.Thread(target=server.command, args=["compute"], kwargs={"seconds": seconds})
    with Probe(server, ("echo", "chat")) as probe:
        cell.start()
        cell.join()
    requested = min(len(times) for times in probe.times.values())
    return Outcome(
        f"p99 {probe.p99:.1f} ms (the machine's own: {probe.machine_p99:.1f} ms) of {requested:,} echoes and chats "
        f"each in {seconds} s",
        ok=probe.p99 - probe.machine_p99 <= 20 and requested > 20 * seconds,
        details={"p99": probe.p99, "worst": probe.worst, "requested": requested},
    )


def raises(server: Server, settings: Settings) -> Outcome:
    """A thousand errors in a row; a neighbour measures its times before and meanwhile."""
    count, pause = settings.pick(1_000, 300), 0.005
    with connect(server, "/count") as wire, Probe(server) as probe:
        assert [ask(wire, "a"), ask(wire, "b")] == [b"1", b"2"]
        time.sleep(count * pause)
        before = probe.p99
        for times in probe.times.values():
            times.clear()
        for _ in range(count):
            wire.send(frame("raise"))
            time.sleep(pause)
        state = ask(wire, "c")
        meanwhile = probe.p99
    if settings.system is not ZEFNB:
        return Outcome(f"connection open, state {state!r}, neighbours' p99 {meanwhile / before:.2f} times", ok=True)
    journal = server.command("journal", level="error")
    entries = [at for at, text in enumerate(journal["messages"]) if "on_count" in text]
    counted = sum(journal["counts"][at] for at in entries)
    traced = all("as requested" in journal["tracebacks"][at] for at in entries)
    return Outcome(
        f"connection open, state kept ({state.decode()}), {counted:,} errors counted in {len(entries)} entry with its "
        f"traceback, neighbours' p99 {meanwhile / before:.2f} times ({before:.1f} and {meanwhile:.1f} ms, "
        f"the machine's own {probe.machine_p99:.1f} ms)",
        ok=state == b"3"
        and counted == count
        and traced
        and len(entries) < 10
        and meanwhile - probe.machine_p99 <= 1.5 * before,
        details={"counted": counted, "before": before, "meanwhile": meanwhile},
    )


def ask(wire: Wire, text: str) -> bytes:
    """Send a text and return the reply."""
    wire.send(frame(text))
    arrived = wire.read()
    assert arrived.opcode != CLOSE, f"closed with {arrived.code}"
    return arrived.payload


def flood(server: Server, settings: Settings) -> Outcome:
    """A client floods its actor, which is busy for 5 s; the server accepts a bounded amount."""
    seconds = settings.pick(5, 2)
    big = frame("0.0".ljust(65_536))
    with Probe(server) as probe, connect(server, "/sleep") as wire:
        before = most = memory(server)
        wire.send(frame(str(seconds)))
        # Bytes in the client's own kernel are not accepted by the server.
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        wire.socket.setblocking(False)
        accepted, began, rest = 0, time.monotonic(), memoryview(big)
        while time.monotonic() - began < seconds - 0.3:
            try:
                sent = wire.socket.send(rest)
            except BlockingIOError:
                time.sleep(0.01)
                most = max(most, memory(server))
                continue
            accepted, rest = accepted + sent, rest[sent:] or memoryview(big)
    grown = (most - before) / 1e6
    return Outcome(
        f"{accepted / 1e6:.1f} MB accepted, most of it by the server's kernel; the process +{grown:.1f} MB; "
        f"worst of others: {probe}",
        ok=accepted <= 8e6 and grown <= 4 and probe.worst <= 50,
        details={"accepted": accepted, "grown": grown, "worst": probe.worst},
    )


ATTACKS = (
    Attack(
        "handler-blocks",
        "a handler blocks for 5 s: worst echo, chat and handshake of others 50 ms, from the first call on",
        blocks,
        quick=True,
        attempts=3,
    ),
    Attack(
        "twenty-sleepers",
        "20 handlers that block for 5 s reply within 6 s; worst delay of others 50 ms",
        sleepers,
        attempts=3,
    ),
    Attack(
        "cell-computes",
        "a pure-Python cell computes for 10 s: p99 of chat and echo within 20 ms",
        computes,
        quick=True,
        attempts=3,
    ),
    Attack(
        "handler-raises",
        "a handler raises 1,000 times: connection open, state kept, each counted with its traceback, journal bounded, "
        "p99 of neighbours within 1.5 times",
        raises,
        quick=True,
        attempts=3,
    ),
    Attack(
        "flood",
        "a flood into an actor that is busy for 5 s: at most 8 MB accepted, memory constant, worst delay of others 50 "
        "ms",
        flood,
        quick=True,
        attempts=3,
    ),
)
