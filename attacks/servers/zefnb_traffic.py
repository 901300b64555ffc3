"""zefnb in two programs that send each other numbers: a server that is replaced, and an outward client."""

# ruff: noqa: F403, F405 - the star import is written as in the specification

from __future__ import annotations

import threading
import time

from bench.servers.control import Control
from zefnb import *

here, there = ET.Topic("here"), ET.Topic("there")
# An outage of some seconds at this pace: the bytes that the server keeps meanwhile.
RETAINED = {"seconds": 60, "bytes": 8 << 20}
ROUTES = {"/ws": ET.WebSocket(clients_subscribe_to=[there], clients_push_into_=[here], resume=RETAINED)}
# Messages for each pause of the publisher, and the pause.
_BATCH, _PAUSE = 100, 0.01


class Arrivals:
    """Counts the numbers that arrive, and those that are not the next one."""

    def __init__(self) -> None:
        self.count = self.wrong = 0

    def add(self, text: Any) -> None:
        """Count one message."""
        self.wrong += text != str(self.count)
        self.count += 1


class Commands:
    """The attacker's commands to the process, as its user would run them in a cell."""

    def __init__(self) -> None:
        self.server = FX.StartHTTPServer(routes=ROUTES, port=0) | run
        self.client: Any = None
        self.arrivals = Arrivals()
        FX.SubscribeFX(topic=here, op=self.arrivals.add) | run

    def replace(self) -> dict[str, Any]:
        """Start the server again at its port, as its cell does when it runs again."""
        self.server = FX.StartHTTPServer(routes=ROUTES, port=self.server.port, allow_restart=True) | run
        return {}

    def connect(self, url: str) -> dict[str, Any]:
        self.client = FX.StartWebSocketClient(url=url, in_stream_into=[here], out_stream_from=[there]) | run
        return {}

    def say(self, count: int) -> dict[str, Any]:
        """Send numbers in another thread."""

        def publish() -> None:
            for number in range(count):
                FX.Publish(target=there, content=str(number)) | run
                if number % _BATCH == 0:
                    time.sleep(_PAUSE)

        threading.Thread(target=publish, daemon=True).start()
        return {}

    def arrived(self) -> dict[str, Any]:
        return {"count": self.arrivals.count, "wrong": self.arrivals.wrong}

    def reported(self) -> dict[str, Any]:
        """Return what the program itself reports as lost."""
        row = {} if self.client is None else FX.QueryWebSocketClient(client=self.client) | run
        texts = [entry["message"] for entry in FX.QueryLog(level="info", limit=1_000) | run]
        return {
            "missed": row.get("missed", 0),
            "dropped": row.get("dropped", 0),
            "lines": [text for text in texts if "miss" in text],
        }


if __name__ == "__main__":
    control = Control()
    commands = Commands()
    names = ("replace", "connect", "say", "arrived", "reported")
    control.serve(commands.server.port, {name: getattr(commands, name) for name in names})
