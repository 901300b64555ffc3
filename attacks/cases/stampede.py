"""Thousands of pages lose their server at once, and come back after the pauses of the shipped `/zef.js`."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import zefnb.net.http
from attacks.attack import Attack, Broken, Outcome, Settings
from attacks.cases.lifecycle import allow_descriptors
from attacks.targets import Server
from attacks.wire import connect
from tests.net.wire import closing, frame, handshake

LEFT_OUT = Outcome("LEFT OUT: node is not installed", ok=True)
_MODULE = Path(zefnb.net.http.__file__).parent / "static" / "zef.js"
_ATTEMPTS = 12
# Seconds for which the server is away: most pages have tried more than once by then.
_AWAY = 3.0
_PATH = "/crowd"
_HANDSHAKE = handshake(_PATH, Sec_WebSocket_Protocol="zefnb.1")
_PROBE_PAUSE = 0.005


def pauses(count: int) -> list[list[float]]:
    """The pauses of `count` pages before each attempt, in seconds, as the shipped module computes them."""
    program = (
        f"const {{ pauseBefore }} = await import({json.dumps(_MODULE.as_uri())});"
        f"const page = () => Array.from({{ length: {_ATTEMPTS} }}, (_, attempt) => pauseBefore(attempt) / 1000);"
        f"console.log(JSON.stringify(Array.from({{ length: {count} }}, page)));"
    )
    command = ["node", "--input-type=module", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, timeout=60, check=True)
    computed: list[list[float]] = json.loads(done.stdout)
    return computed


class Page:
    """A page with one connection. It resumes its session after the pauses that it is given."""

    def __init__(self, port: int, waits: list[float]) -> None:
        self._port, self._waits = port, waits
        self._session = ""
        self.attempts = 0
        self.lost_at = self.back_at = 0.0
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def open(self) -> None:
        """Connect, and begin or resume the session."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._reader, self._writer = reader, writer
        try:
            writer.write(_HANDSHAKE)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.partition(b"\r\n")[0]:
                raise OSError("the handshake was refused")
            hello: dict[str, Any] = {"type": "hello"}
            if self._session:
                hello = {"type": "resume", "session": self._session, "received": 0, "confirmed": 0}
            writer.write(frame("\0" + json.dumps(hello)))
            welcome = json.loads((await self._read(reader))[1:])
        except BaseException:
            writer.close()
            raise
        self._session = welcome["session"]

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        first = await reader.readexactly(2)
        length = first[1] & 0x7F
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2))
        return await reader.readexactly(length)

    async def come_back(self) -> None:
        """Wait until the connection is lost, and then until it is resumed."""
        assert self._reader is not None
        assert self._writer is not None
        await self._reader.read()
        self.lost_at = time.monotonic()
        self._writer.close()
        for wait in self._waits:
            await asyncio.sleep(wait)
            self.attempts += 1
            try:
                await self.open()
            except (OSError, EOFError):
                continue
            self.back_at = time.monotonic()
            return
        raise Broken("a page did not come back")

    async def leave(self) -> None:
        """End the session and the connection."""
        assert self._writer is not None
        self._writer.write(frame("\0" + json.dumps({"type": "bye"})) + closing(1000))
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


class Handshakes:
    """Another client, which connects again and again and measures its handshakes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        # When each began, and how long it took, in seconds.
        self.taken: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def _measure(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                with connect(self._server, "/echo-inline"):
                    self.taken.append((began, time.monotonic() - began))
            except (OSError, AssertionError, EOFError):
                pass  # while the server is away
            time.sleep(_PROBE_PAUSE)

    def __enter__(self) -> Handshakes:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join(30)

    def between(self, begin: float, end: float) -> list[float]:
        """The times of the handshakes that began in this interval."""
        return [took for began, took in self.taken if begin <= began < end]


async def _lose_and_return(server: Server, pages: list[Page]) -> float:
    """Let all pages connect, lose the server and come back. Returns when the server was there again."""
    for at in range(0, len(pages), 50):
        await asyncio.gather(*(page.open() for page in pages[at : at + 50]))
    await asyncio.sleep(2)  # quiet, for comparison
    returning = [asyncio.create_task(page.come_back()) for page in pages]
    await asyncio.to_thread(server.command, "stop")
    await asyncio.sleep(_AWAY)
    await asyncio.to_thread(server.command, "start_again")
    there = time.monotonic()
    async with asyncio.timeout(120):
        await asyncio.gather(*returning)
        await asyncio.gather(*(page.leave() for page in pages))
    return there


def stampede(server: Server, settings: Settings) -> Outcome:
    """The server is away for some seconds. The pages return over the back-off, while another client connects."""
    if shutil.which("node") is None:
        return LEFT_OUT
    allow_descriptors()
    pages = [Page(server.port, waits) for waits in pauses(settings.pick(2_000, 200))]
    with Handshakes(server) as handshakes:
        there = asyncio.run(_lose_and_return(server, pages))
    lost = min(page.lost_at for page in pages)
    last = max(page.back_at for page in pages)
    quiet, busy = handshakes.between(lost - 2, lost - 0.1), handshakes.between(there, last)
    before, meanwhile = statistics.median(quiet), statistics.median(busy)
    seconds = Counter(int(page.back_at - there) for page in pages)
    [(busiest, returned)] = seconds.most_common(1)
    most = returned / len(pages)
    worst = statistics.median(handshakes.between(there + busiest, there + busiest + 1))
    attempts = sum(page.attempts for page in pages) / len(pages)
    return Outcome(
        f"{len(pages):,} pages back within {last - there:.1f} s, at most {100 * most:.0f} % of them in one second, "
        f"after {attempts:.1f} attempts on average; another handshake takes {1e3 * meanwhile:.2f} ms meanwhile, "
        f"{meanwhile / before:.2f} times as long as before (median of {len(busy):,}), "
        f"and {worst / before:.2f} times in the busiest second",
        ok=all(page.back_at for page in pages) and most <= 0.5 and meanwhile <= 2 * before,
        details={"per second": dict(seconds), "quiet": len(quiet)},
    )


ATTACKS = (
    Attack(
        "stampede",
        "pages that lose their server at once come back spread over the back-off, at most half of them in one second, "
        "and another client's handshake takes at most twice as long meanwhile",
        stampede,
        quick=True,
        peers=False,
        attempts=3,
    ),
)
