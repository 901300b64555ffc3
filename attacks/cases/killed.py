"""`kill -9` with a database on disk: every acknowledged update is there afterwards."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from pathlib import Path

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import ZEFNB, Server, running
from attacks.wire import Wire, connected, frame

_CLIENTS = 8


def store(wire: Wire, client: int, acknowledged: list[str]) -> None:
    """Store one value after the other, each after the previous acknowledgement, until the server ends."""
    number = 0
    while True:
        key = f"{client} {number}"
        try:
            wire.send(frame(key))
            assert wire.read().payload == key.encode()
        except (OSError, AssertionError):
            return
        acknowledged.append(key)
        number += 1


def killed(server: Server, settings: Settings) -> Outcome:
    """Kill another server than the given one, so that this one can read the disk."""
    wanted = settings.pick(5_000, 500)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "updates.db")
        acknowledged: list[str] = []
        with running(ZEFNB) as target:
            target.command("open_database", path=path)
            with connected(target, _CLIENTS, "/store") as wires:
                writers = [
                    threading.Thread(target=store, args=(wire, client, acknowledged))
                    for client, wire in enumerate(wires)
                ]
                for writer in writers:
                    writer.start()
                while len(acknowledged) < wanted and any(writer.is_alive() for writer in writers):
                    writers[0].join(0.001)
                os.kill(target.pid, signal.SIGKILL)
                for writer in writers:
                    writer.join()
        stored = set(server.command("read_database", path=path)["keys"])
    missing = [key for key in acknowledged if key not in stored]
    return Outcome(
        f"{len(acknowledged):,} updates acknowledged to {_CLIENTS} clients, {len(missing)} of them missing, "
        f"{len(stored) - len(acknowledged) + len(missing)} more were on disk",
        ok=len(acknowledged) >= wanted and not missing and len(stored) - len(acknowledged) <= _CLIENTS,
        details={"acknowledged": len(acknowledged), "missing": missing[:5]},
    )


ATTACKS = (
    Attack(
        "kill-9",
        "kill -9 while 8 clients write into a database on disk: every acknowledged update is there",
        killed,
        quick=True,
        peers=False,
    ),
)
