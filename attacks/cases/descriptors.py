"""More connections than there are descriptors."""

from __future__ import annotations

import contextlib
import resource
import time

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import Probe
from attacks.targets import Server
from attacks.wire import Wire
from bench import machine

LIMIT = 64
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def run_out(server: Server, settings: Settings) -> Outcome:
    """The server may open 64 descriptors. Hundreds of clients connect again and again, most of them silent."""
    seconds = settings.pick(10, 4)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    replies: dict[str, int] = {}
    with Probe(server, ("echo",)) as probe, contextlib.ExitStack() as stack:
        began, busy = time.monotonic(), machine.cpu_seconds(server.pid)
        while time.monotonic() - began < seconds:
            for _ in range(100):
                wire = stack.enter_context(Wire(server.port))
                wire.send(GET)
            reply = outcome_of(wire)
            replies[reply] = replies.get(reply, 0) + 1
            time.sleep(0.2)
        busy = (machine.cpu_seconds(server.pid) - busy) / (time.monotonic() - began)
        journal = server.command("journal")
        # The probe has ended when the server stops; the crowd is still connected.
        probe.stop()
        stopped = server.command("stop")["seconds"]
    lines = [text for text in journal["messages"] if "refused a connection" in text]
    others = len(journal["messages"]) - len(lines)
    return Outcome(
        f"the last of each hundred: {replies}; {busy:.0%} of a processor; worst of others {probe}; stopped in "
        f"{stopped:.1f} s; {len(lines)} line in the journal and {others} others",
        ok=probe.worst <= 50 and busy < 0.5 and stopped < 2 and len(lines) == 1 and not others,
        details={"busy": busy, "worst": probe.worst, "stopped": stopped, "replies": replies},
    )


def outcome_of(wire: Wire) -> str:
    wire.socket.settimeout(3)
    try:
        return str(wire.read_response()[0])
    except TimeoutError:
        return "waits"
    except (OSError, AssertionError):
        return "cut"


ATTACKS = (
    Attack(
        "descriptors",
        "hundreds of connections for 64 descriptors: the surplus is refused, worst delay of others 50 ms, less than "
        "half a "
        "processor, one line in the journal, stopped within 2 s",
        run_out,
        quick=True,
        peers=False,
        attempts=3,
        ends=True,
    ),
)
