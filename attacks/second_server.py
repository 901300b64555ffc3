"""A second zefnb server with all options: compression, allow-lists, a full log, and an outward client."""

from __future__ import annotations

from collections.abc import Callable

from attacks.attack import Outcome, Run, Settings
from attacks.targets import Server, System, running

SECOND_SERVER = System("zefnb, second server", module="attacks.servers.zefnb_options", needs=("zefnb",))


def against_second_server(attack: Callable[[Server, Settings], Outcome]) -> Run:
    """Return the attack on the server with all options instead of the plain one."""

    def run(server: Server, settings: Settings) -> Outcome:
        with running(SECOND_SERVER) as server:
            return attack(server, settings)

    return run
