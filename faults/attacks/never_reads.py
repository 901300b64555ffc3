"""Clients that never read, and clients that read slowly, among others who want full speed."""

from __future__ import annotations

import statistics
import time
from functools import partial

from faults.attack import Attack, Outcome, Settings
from faults.crowd import Crowd, Member, crowd
from faults.victims import ZEFNB, Server, memory
from faults.wire import Wire, connect

_HEALTHY = 10
_MEBIBYTE = 1 << 20
_SMALL = 4096


class Watch:
    """Looks at the server now and then: how much memory it has, and how long the stuck client stayed in its table."""

    def __init__(self, server: Server, asks: bool) -> None:
        self._server, self._asks = server, asks
        self._began = self._looked = time.monotonic()
        self.before = self.most = memory(server)
        self.gone_after: float | None = None

    def look(self) -> None:
        now = time.monotonic()
        if now - self._looked < 0.1:
            return
        self._looked = now
        self.most = max(self.most, memory(self._server))
        if self._asks and self.gone_after is None:
            rows = self._server.command("clients", path="/ws")["channel_id"]
            if len(rows) == _HEALTHY:
                self.gone_after = now - self._began

    @property
    def grown(self) -> float:
        return (self.most - self.before) / 1e6


def read_why(stuck: Wire) -> tuple[int | None, str, bool]:
    """What the client finds when it reads at last: code, reason, and whether only whole frames stood before."""
    came, end = stuck.read_until_close()
    whole = all(each.fin and len(each.payload) == len(came[0].payload) for each in came)
    return end.code, end.reason, whole


def never_reads(size: int, server: Server, settings: Settings) -> Outcome:
    """Paces are medians of seconds, before and after for those alone: the machine has other things to do, too."""
    ours = settings.system is ZEFNB
    with crowd(server, _HEALTHY, size=size) as room:
        room.talk(1)
        alone = room.paces(settings.pick(8, 2))
        stuck = connect(server, "/ws", receive_buffer=_SMALL)
        watch = Watch(server, asks=ours)
        among = room.paces(settings.pick(30, 7), watch.look)
        code, reason, whole = read_why(stuck) if ours and watch.gone_after else (None, "", False)
        stuck.close()
        alone += room.paces(settings.pick(8, 2))
        wrong = room.wrong
    pace = statistics.median(among[:6]) / statistics.median(alone)
    left = (
        "never closed"
        if watch.gone_after is None
        else f"closed after {watch.gone_after:.1f} s, reads {code} {reason!r}"
    )
    figure = (
        f"server +{watch.grown:.1f} MB, others keep {pace:.0%} of {statistics.median(alone) / 1e3:,.0f} k messages/s"
    )
    return Outcome(
        f"{figure}, {wrong} batches wrong, {left}",
        ok=watch.grown <= 8
        and pace >= 0.9
        and not wrong
        and watch.gone_after is not None
        and watch.gone_after <= 6
        and code == 1013
        and bool(reason)
        and whole,
        details={"grown": watch.grown, "pace": pace, "gone_after": watch.gone_after, "reason": reason},
    )


def read_slowly(room: Crowd, slow: list[Member], seconds: float) -> None:
    """Everybody talks and hears, while each of the slow takes 16 KB twenty times a second."""
    read_at = time.monotonic()

    def read() -> None:
        nonlocal read_at
        if time.monotonic() - read_at >= 0.05:
            read_at = time.monotonic()
            for member in slow:
                member.hear(16_384)

    room.talk(seconds, read)


def slow_readers(server: Server, settings: Settings) -> Outcome:
    with crowd(server, 2) as room:
        room.talk(1)
        slow = room.guests(10, receive_buffer=_SMALL)
        before = memory(server)
        read_slowly(room, slow, settings.pick(20, 7))
        grown = (memory(server) - before) / 1e6
        heard = room.members[0].batches
        end = time.monotonic() + 60
        while any(m.batches < heard and not m.ended for m in slow) and time.monotonic() < end:
            for member in slow:
                member.hear()
        kept = sum(not member.ended and member.close is None for member in slow)
        wrong = room.wrong + sum(member.wrong for member in slow)
        behind = sum(member.batches < heard for member in slow)
    return Outcome(
        f"{kept} of 10 kept, {behind} missed something, {wrong} batches wrong, server +{grown:.1f} MB",
        ok=kept == 10 and not behind and not wrong,
        details={"kept": kept, "behind": behind, "wrong": wrong, "grown": grown},
    )


ATTACKS = (
    Attack(
        "never-reads",
        "a client never reads while 10 others talk at full speed for 30 s: the server grows by at most 8 MB, the "
        "others lose nothing and keep 90 % of their pace; it is closed within 6 s and can read 1013 and why",
        partial(never_reads, 64),
        quick=True,
        attempts=3,
    ),
    Attack(
        "never-reads-4-kb",
        "the same with messages of 4 KB, at ten times the bytes",
        partial(never_reads, 4096),
        attempts=3,
    ),
    Attack(
        "slow-readers",
        "ten clients that read slowly are all kept, and get everything in order",
        slow_readers,
        quick=True,
    ),
)
