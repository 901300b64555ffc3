"""A second zefnb, with all its doors: compression, allow-lists, a full log, and a client that goes outward."""

from __future__ import annotations

from collections.abc import Callable

from faults.attack import Outcome, Run, Settings
from faults.victims import Server, System, running

DOORS = System("zefnb doors", module="faults.servers.zefnb_doors", needs=("zefnb",))


def against_doors(attack: Callable[[Server, Settings], Outcome]) -> Run:
    """The attack, on a server with all doors instead of the plain one."""

    def run(server: Server, settings: Settings) -> Outcome:
        with running(DOORS) as doors:
            return attack(doors, settings)

    return run
