"""Clients of the subprotocol behind a proxy that cuts, half closes and stalls: each message arrives once, in order."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from tests.net.cutting_proxy import CuttingProxy, cutting_proxy

_NUL = "\0"
_PAUSE = 0.3
_LOST = (ConnectionClosed, InvalidHandshake, OSError, EOFError, TimeoutError)


class Client:
    """Sends numbers to an actor that sends them back, and resumes whenever its connection is lost."""

    def __init__(self, url: str, count: int, interval: float) -> None:
        self._url, self._count, self._interval = url, count, interval
        self.echoed: list[str] = []
        self.missing = self.resumed = 0
        self._unsent = deque[str]()
        self._session = ""
        self._received = self._confirmed = self._made = 0
        self._socket: ClientConnection | None = None

    async def run(self) -> None:
        """Return when each message has come back."""
        making = asyncio.create_task(self._make())
        while len(self.echoed) < self._count:
            try:
                async with connect(self._url, subprotocols=["zefnb.1"], open_timeout=10, close_timeout=0.1) as socket:  # type: ignore[list-item]
                    await self._serve(socket)
            except _LOST:
                pass
            self._socket = None
            await asyncio.sleep(random.uniform(0, _PAUSE))
        await making

    async def _make(self) -> None:
        """Send at an even pace, whether connected or not."""
        for number in range(self._count):
            self._unsent.append(str(number))
            if self._socket is not None:
                try:
                    await self._socket.send(str(number))
                except _LOST:
                    self._socket = None
            await asyncio.sleep(self._interval)

    async def _serve(self, socket: ClientConnection) -> None:
        hello: dict[str, Any] = {"type": "hello"}
        if self._session:
            hello = {"type": "resume", "session": self._session}
            hello |= {"received": self._received, "confirmed": self._confirmed}
        await socket.send(_NUL + json.dumps(hello))
        while len(self.echoed) < self._count:
            async with asyncio.timeout(10):
                text = await socket.recv()
            assert isinstance(text, str)
            if text.startswith(_NUL):
                await self._obey(json.loads(text[1:]), socket)
            else:
                self._received += 1
                self.echoed.append(text)
        await socket.send(_NUL + json.dumps({"type": "bye"}))

    async def _obey(self, message: dict[str, Any], socket: ClientConnection) -> None:
        for _ in range(message.get("received", self._confirmed) - self._confirmed):
            self._unsent.popleft()
            self._confirmed += 1
        if message["type"] == "welcome":
            self.missing += message["missing"] or 0
            self.resumed += message["resumed"]
            self._session, self._received = message["session"], message["position"]
            sent = 0
            while sent < len(self._unsent):  # more are made meanwhile
                await socket.send(self._unsent[sent])
                sent += 1
            self._socket = socket


async def _run(proxy: CuttingProxy, settings: Settings) -> list[Client]:
    clients, seconds, interval = settings.pick((200, 60, 0.1), (20, 3, 0.02))
    count = int(seconds / interval)
    everyone = [Client(f"ws://127.0.0.1:{proxy.port}/echo-inline", count, interval) for _ in range(clients)]
    async with asyncio.timeout(5 * seconds + 60):
        await asyncio.gather(*(each.run() for each in everyone))
    return everyone


def resumed(server: Server, settings: Settings) -> Outcome:
    """Each client sends numbers, which its actor sends back, through connections that last up to 1.5 s."""
    began = time.monotonic()
    with cutting_proxy(server.port) as proxy:
        clients = asyncio.run(_run(proxy, settings))
        cuts = dict(proxy.cuts)
    took = time.monotonic() - began
    in_order = sum(each.echoed == [str(number) for number in range(len(each.echoed))] for each in clients)
    missing, resumes = sum(each.missing for each in clients), sum(each.resumed for each in clients)
    total = sum(len(each.echoed) for each in clients)
    return Outcome(
        f"{total:,} messages each way in {took:.0f} s, {sum(cuts.values()):,} bad ends, {resumes:,} resumed: "
        f"{in_order} of {len(clients)} clients had each message once and in order, {missing} missing",
        ok=in_order == len(clients) and not missing and min(cuts.values()) > 0 and resumes > 0,
        details=cuts,
    )


ATTACKS = (
    Attack(
        "resumed",
        "clients behind a proxy that cuts, half closes and stalls each connection within 1.5 s: every message arrives "
        "once and in order, in both directions",
        resumed,
        quick=True,
        peers=False,
    ),
)
