"""Recordings on disk: 100 clients at full speed, and `kill -9` while they send."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

from attacks.attack import Attack, Broken, Outcome, Settings
from attacks.peak import Peak
from attacks.targets import ZEFNB, Server, running
from attacks.wire import Wire, connected, frame

_CLIENTS = 100
_TOGETHER = 50
_TIMEOUT = 60.0


def _send(wires: list[Wire], each: int) -> None:
    """Let every client send `each` numbered messages, 50 at a time. Returns early if the server ends."""
    for first in range(0, each, _TOGETHER):
        for client, wire in enumerate(wires):
            numbers = range(first, min(first + _TOGETHER, each))
            try:
                wire.send(b"".join([frame(f"{client} {number}") for number in numbers]))
            except OSError:
                return


def _wait_for_rows(server: Server, wanted: int) -> int:
    """Return the number of rows on disk as soon as there are so many."""
    deadline = time.monotonic() + _TIMEOUT
    while (rows := int(server.command("recorded")["rows"])) < wanted:
        if time.monotonic() > deadline:
            raise Broken(f"{rows:,} of {wanted:,} rows are on disk")
    return rows


def recorded(server: Server, settings: Settings) -> Outcome:
    """100 clients send; every row must be the next message of its client."""
    each = settings.pick(1_000, 50)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "clients.zeft")
        server.command("start_recording", path=path)
        peak = Peak(server)
        with connected(server, _CLIENTS, "/record") as wires:
            _send(wires, each)
            _wait_for_rows(server, _CLIENTS * (each + 1))
        server.command("stop_recording")
        grown = peak.grown / 1e6
        found = server.command("read_recording", path=path)
    whole = found["counts"].count(each)
    return Outcome(
        f"{sum(found['counts']):,} messages of {whole} clients, {found['wrong']} wrong; server +{grown:.0f} MB",
        ok=whole == _CLIENTS and not found["wrong"] and grown <= 64,
        details=found,
    )


def killed(server: Server, settings: Settings) -> Outcome:
    """Kill another server than the given one in the middle, so that this one can read the file."""
    each = settings.pick(1_000, 100)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "clients.zeft")
        with running(ZEFNB) as target:
            target.command("start_recording", path=path)
            with connected(target, _CLIENTS, "/record") as wires:
                sender = threading.Thread(target=_send, args=(wires, each))
                sender.start()
                acknowledged = _wait_for_rows(target, _CLIENTS * each // 3)
                os.kill(target.pid, signal.SIGKILL)
                sender.join()
        found = server.command("read_recording", path=path)
    return Outcome(
        f"{acknowledged:,} rows acknowledged, {found['rows']:,} in the file, {found['wrong']} wrong",
        ok=found["rows"] >= acknowledged and not found["wrong"],
        details=found,
    )


ATTACKS = (
    Attack(
        "recording",
        "100 clients send 100,000 messages at full speed, which are recorded to disk: each message is a row, once, "
        "with its client and in its order; memory within 64 MB",
        recorded,
        quick=True,
        peers=False,
    ),
    Attack(
        "recording-kill-9",
        "kill -9 while 100 clients send 100,000 messages that are recorded to disk: every acknowledged row is there",
        killed,
        quick=True,
        peers=False,
    ),
)
