"""Two programs with zefnb send each other messages, while the server of one is replaced again and again."""

from __future__ import annotations

import time
from typing import Any

from attacks.attack import Attack, Broken, Outcome, Settings
from attacks.targets import Server, System, running

TRAFFIC = System("zefnb, traffic", module="attacks.servers.zefnb_traffic", needs=("zefnb",))
_TIMEOUT = 180.0


def _arrived(programs: tuple[Server, Server]) -> list[dict[str, Any]]:
    return [program.command("arrived") for program in programs]


def _wait_for(programs: tuple[Server, Server], count: float) -> None:
    """Wait until both programs have received so many messages."""
    deadline = time.monotonic() + _TIMEOUT
    while min(each["count"] for each in _arrived(programs)) < count:
        if time.monotonic() > deadline:
            raise Broken(f"messages do not arrive: {_arrived(programs)}")
        time.sleep(0.02)


def replaced(server: Server, settings: Settings) -> Outcome:
    """Send numbers both ways. Each side counts those that are not the next one."""
    count, times = settings.pick((100_000, 9), (10_000, 3))
    began = time.monotonic()
    with running(TRAFFIC) as served, running(TRAFFIC) as other:
        programs = (served, other)
        other.command("connect", url=f"ws://127.0.0.1:{served.port}/ws")
        for program in programs:
            program.command("say", count=count)
        for number in range(1, times + 1):
            _wait_for(programs, number * count / (times + 1))
            served.command("replace")
        _wait_for(programs, count)
        time.sleep(0.5)  # for messages that would arrive twice
        arrived = _arrived(programs)
        reports = [program.command("reported") for program in programs]
    took = time.monotonic() - began
    wrong = sum(each["wrong"] for each in arrived)
    more = sum(abs(each["count"] - count) for each in arrived)
    reported = sum(each["missed"] + each["dropped"] + len(each["lines"]) for each in reports)
    return Outcome(
        f"{count:,} messages each way in {took:.0f} s, the server replaced {times} times: {more} lost or doubled, "
        f"{wrong} out of order, {reported} reported as missing",
        ok=not wrong and not more and not reported,
        details={"arrived": arrived, "reports": reports},
    )


ATTACKS = (
    Attack(
        "replaced",
        "zefnb to zefnb: messages go both ways while the server is replaced again and again: "
        "each arrives once and in order",
        replaced,
        quick=True,
        peers=False,
    ),
)
