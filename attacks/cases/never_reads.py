"""Clients that never read, and clients that read slowly, among others at full speed."""

from __future__ import annotations

import statistics
import threading
import time
from contextlib import ExitStack
from functools import partial

from attacks.attack import Attack, Outcome, Settings
from attacks.crowd import Crowd, Member, crowd
from attacks.targets import ZEFNB, Server, memory
from attacks.wire import CLOSE, Wire, connect

_HEALTHY = 10
_SMALL = 4096
_EVERY = 5.0


class Stuck:
    """Clients that never read: when one has been closed, another connects, at most one every five seconds."""

    def __init__(self, server: Server, stack: ExitStack, asks: bool) -> None:
        self._server, self._stack, self._asks = server, stack, asks
        self._looked = 0.0
        self._arrived, self._is_there = 0.0, False
        self._queued_since: float | None = None
        self.before = self.most = memory(server)
        self.after: list[float] = []  # seconds from the start of its queue until it was closed
        self.reasons: list[str] = []
        self._readers: list[threading.Thread] = []
        self._come()

    def _come(self) -> None:
        self._wire = self._stack.enter_context(connect(self._server, "/ws", receive_buffer=_SMALL))
        self._arrived, self._queued_since, self._is_there = time.monotonic(), None, True

    def _sent_away(self, now: float) -> None:
        self._is_there = False
        self.after.append(now - (self._queued_since or self._arrived))
        self._readers.append(threading.Thread(target=self._read_at_last, args=[self._wire]))
        self._readers[-1].start()

    def _read_at_last(self, wire: Wire) -> None:
        self.reasons.append(why(wire))

    def finish(self) -> None:
        """Wait until every closed client has read the reason."""
        for reader in self._readers:
            reader.join()

    def look(self) -> None:
        """Check the server's memory now and then, and what it reports about the client that does not read."""
        now = time.monotonic()
        if now - self._looked < 0.1:
            return
        self._looked = now
        self.most = max(self.most, memory(self._server))
        if not self._asks:
            return
        queued = self._server.command("clients", path="/ws")["queued"]
        if self._is_there and len(queued) == _HEALTHY:
            self._sent_away(now)
        elif self._is_there and self._queued_since is None and queued[-1]:
            self._queued_since = now
        elif not self._is_there and now - self._arrived > _EVERY:
            self._come()

    @property
    def grown(self) -> float:
        """The growth in megabytes."""
        return (self.most - self.before) / 1e6


def why(stuck: Wire) -> str:
    """Return what such a client finds after whole frames when it finally reads."""
    arrived = 0
    try:
        while (each := stuck.read()).opcode != CLOSE:
            arrived += each.fin
    except (AssertionError, OSError):
        return f"NOTHING after {arrived} frames"
    return f"{each.code} {each.reason!r}"


def best(paces: list[float]) -> float:
    """Return the mean of the best third: other load disturbs the other seconds."""
    return statistics.mean(sorted(paces)[-max(len(paces) // 3, 1) :])


def never_reads(size: int, server: Server, settings: Settings) -> Outcome:
    ours = settings.system is ZEFNB
    with crowd(server, _HEALTHY, size=size) as room, ExitStack() as stack:
        room.send_for(1)
        alone = room.paces(settings.pick(8, 2))
        stuck = Stuck(server, stack, asks=ours)
        among = room.paces(settings.pick(30, 7), stuck.look)
        stuck.finish()
        stack.close()
        alone += room.paces(settings.pick(8, 2))
        wrong = room.wrong
    pace, latest = best(among) / best(alone), max(stuck.after, default=float("inf"))
    figure = f"server +{stuck.grown:.1f} MB, others keep {pace:.0%} of {best(alone) / 1e3:,.0f} k messages/s"
    reasons = ", ".join(sorted(set(stuck.reasons)))
    reported = f"{len(stuck.after)} closed within {latest:.1f} s of queuing, {len(stuck.reasons)} read {reasons}"
    return Outcome(
        f"{figure}, {wrong} batches wrong, {reported if stuck.after else 'never closed'}",
        ok=stuck.grown <= 8
        and pace >= 0.9
        and not wrong
        and latest <= 6
        and len(stuck.reasons) == len(stuck.after)
        and all(reason.startswith("1013 'not reading") for reason in stuck.reasons),
        details={"grown": stuck.grown, "pace": pace, "after": stuck.after},
    )


def read_slowly(room: Crowd, slow: list[Member], seconds: float) -> None:
    """Members send and receive, while each slow client reads 16 KB twenty times a second."""
    read_at = time.monotonic()

    def read() -> None:
        nonlocal read_at
        if time.monotonic() - read_at >= 0.05:
            read_at = time.monotonic()
            for member in slow:
                member.receive(16_384)

    room.send_for(seconds, read)


def slow_readers(size: int, server: Server, settings: Settings) -> Outcome:
    """Half of the slow clients have small receive buffers, half have the system's default."""
    with crowd(server, 2, size=size) as room:
        room.send_for(1)
        slow = room.extra_clients(5, receive_buffer=_SMALL) + room.extra_clients(5)
        before = memory(server)
        read_slowly(room, slow, settings.pick(20, 7))
        grown = (memory(server) - before) / 1e6
        received = room.members[0].batches
        end = time.monotonic() + 60
        while any(m.batches < received and not m.ended for m in slow) and time.monotonic() < end:
            for member in slow:
                member.receive()
        stored = sum(not member.ended and member.close is None for member in slow)
        wrong = room.wrong + sum(member.wrong for member in slow)
        behind = sum(member.batches < received for member in slow)
    return Outcome(
        f"{stored} of 10 kept, {behind} missed something, {wrong} batches wrong, server +{grown:.1f} MB",
        ok=stored == 10 and not behind and not wrong,
        details={"left": stored, "behind": behind, "wrong": wrong, "grown": grown},
    )


ATTACKS = (
    Attack(
        "never-reads",
        "clients never read while 10 others send at full speed for 30 s: the server grows by at most 8 MB, the others "
        "lose nothing and keep 90 % of their pace; a client that never reads is closed within 6 s of the start of its "
        "queue, and can read 1013 and the reason after whole frames",
        partial(never_reads, 64),
        attempts=5,
    ),
    Attack(
        "never-reads-4-kb",
        "the same with messages of 4 KB, at ten times the bytes",
        partial(never_reads, 4096),
        quick=True,
        attempts=5,
    ),
    Attack(
        "slow-readers",
        "ten clients that read slowly are all kept and receive everything in order",
        partial(slow_readers, 64),
        quick=True,
    ),
    Attack("slow-readers-4-kb", "the same with messages of 4 KB", partial(slow_readers, 4096)),
)
