"""Conformance: the Autobahn cases, which many WebSocket implementations run, against the server and the client.

`kosoku` runs their original files without the Python 2 that Autobahn's own runner needs.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections import Counter
from functools import partial
from typing import Any

from attacks.attack import Attack, Outcome, Settings
from attacks.second_server import SECOND_SERVER
from attacks.targets import ZEFNB, Server, running

# Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, and fragments that the case counts itself.
PROTOCOL = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
# Sizes up to 16 MiB.
SIZES = ("9.*",)
# permessage-deflate with a thousand small messages; all such cases take half an hour.
COMPRESSION = ("12.1.1", "12.1.2", "12.1.3", "12.1.4", "13.1.1", "13.1.2", "13.7.1")
LONGEST = 240


def is_there() -> bool:
    return importlib.util.find_spec("kosoku") is not None


def verdict(results: list[Any]) -> Outcome:
    """Count the cases by their results."""
    behaviour = Counter(result.behavior.value for result in results)
    failed = {
        result.case_id: f"{result.behavior.value}, {result.behavior_close.value}"
        for result in results
        if not result.passed
    }
    reported = ", ".join(f"{count} {name}" for name, count in behaviour.most_common())
    named = f"; failed: {', '.join(list(failed)[:8])}" if failed else ""
    return Outcome(f"{len(results)} cases: {reported}{named}", ok=bool(results) and not failed, details=failed)


def holds(result: Any) -> bool:
    """Return whether the outward client passed. No case's script has the client's own pings."""
    received = [event for event in result.received if event[0] != "ping"]
    closed = result.behavior_close.value in ("OK", "INFORMATIONAL")
    return result.passed or (closed and received in result.expected.values())


def verdict_of_the_client(results: list[Any]) -> Outcome:
    failed = sorted(result.case_id for result in results if not holds(result))
    named = f"; failed: {', '.join(failed[:8])}" if failed else ""
    return Outcome(f"{len(results)} cases: {len(results) - len(failed)} OK{named}", ok=bool(results) and not failed)


async def drive(url: str, cases: tuple[str, ...]) -> list[Any]:
    from kosoku import FailureError, run_fuzzingclient

    try:
        return await asyncio.wait_for(run_fuzzingclient(url, list(cases), concurrency=2), LONGEST)
    except FailureError as failure:
        return list(failure.results)


def of_the_server(cases: tuple[str, ...], path: str, server: Server, settings: Settings) -> Outcome:
    if not is_there():
        return LEFT_OUT
    if settings.system is not ZEFNB:
        return verdict(asyncio.run(drive(f"ws://127.0.0.1:{server.port}/echo", cases)))
    with running(SECOND_SERVER) as second:
        return verdict(asyncio.run(drive(f"ws://127.0.0.1:{second.port}{path}", cases)))


async def serve_cases(server: Server, cases: tuple[str, ...]) -> list[Any]:
    """Run the outward client through the cases, with a connection for each; it sends back what it receives."""
    from kosoku import FailureError, run_fuzzingserver

    async with run_fuzzingserver(list(cases), host="127.0.0.1", port=0) as suite:
        await asyncio.to_thread(go_through, server, f"ws://{suite.address}:{suite.port}")
        try:
            return await asyncio.wait_for(suite.get_result(), 20)
        except FailureError as failure:
            return list(failure.results)


def go_through(server: Server, suite: str) -> None:
    """Get the number of cases, run each, and get the report, as every implementation under test does."""
    from websockets.sync.client import connect

    with connect(f"{suite}/getCaseCount") as socket:
        count = int(socket.recv())
    for case in range(1, count + 1):
        server.command("connect", url=f"{suite}/runCase?case={case}&agent=zefnb")  # type: ignore[arg-type]
        until_closed(server)
        server.command("disconnect")
    with connect(f"{suite}/updateReports?agent=zefnb") as socket:
        socket.close()


def until_closed(server: Server) -> None:
    """The client would connect again at once; the case ends with its first connection."""
    deadline = time.monotonic() + 15
    while server.command("reported")["state"] == "connected" and time.monotonic() < deadline:  # type: ignore[comparison-overlap]
        time.sleep(0.003)


def of_the_client(cases: tuple[str, ...], server: Server, settings: Settings) -> Outcome:
    if not is_there():
        return LEFT_OUT
    with running(SECOND_SERVER) as second:
        return verdict_of_the_client(asyncio.run(serve_cases(second, settings.pick(cases, cases[:4]))))


LEFT_OUT = Outcome("LEFT OUT: kosoku is not installed (there is no wheel of it for every platform)", ok=True)


def _server(name: str, what: str, cases: tuple[str, ...], path: str, *, quick: bool, peers: bool) -> Attack:
    run = partial(of_the_server, cases, path)
    return Attack(f"conformance-{name}", f"the Autobahn cases about {what}: none fails", run, quick=quick, peers=peers)


ATTACKS = (
    _server("protocol", "the protocol", PROTOCOL, "/conformance", quick=True, peers=True),
    _server("sizes", "messages up to 16 MiB", SIZES, "/conformance", quick=False, peers=False),
    _server("compression", "compression", COMPRESSION, "/conformance", quick=False, peers=False),
    Attack(
        "conformance-client",
        "the Autobahn cases about the protocol, against the outward client: none fails",
        partial(of_the_client, PROTOCOL),
        peers=False,
    ),
)
