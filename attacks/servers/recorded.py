"""Recordings of a server under attack."""

# ruff: noqa: F403, F405 - the star import is as in the specification

from __future__ import annotations

from typing import Any

from zefnb import *


class Recordings:
    """The recording of all clients of one server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._tape: Any = None

    def start(self, path: str) -> dict[str, Any]:
        self._tape = FX.StartRecording(server=self._server, path=path) | run
        return {}

    def recorded(self) -> dict[str, Any]:
        """Return the number of rows on disk."""
        return {"rows": len(self._tape)}

    def stop(self) -> dict[str, Any]:
        FX.StopRecording(recording=self._tape) | run
        return {"rows": len(self._tape)}


def read_recording(path: str) -> dict[str, Any]:
    """Return the number of messages of each client, and the rows that are not the next message of their client."""
    tape = FX.LoadRecording(path=path) | run
    counts: dict[str, int] = {}
    wrong, last = 0, tape[0].time
    for row in tape:
        wrong += row.time < last or row.path != "/record" or row.channel_id is None
        last = row.time
        if row.kind == "message":
            client, _, number = row.content.partition(" ")
            wrong += int(number) != counts.get(client, 0)
            counts[client] = counts.get(client, 0) + 1
    return {"rows": len(tape), "counts": list(counts.values()), "wrong": wrong}
