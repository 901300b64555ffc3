"""The servers under attack, each in its own process: zefnb, and the peers that it is compared with."""

from __future__ import annotations

from bench import machine
from bench.systems import BenchError, Server, System, running

ZEFNB = System("zefnb", module="attacks.servers.zefnb_server", needs=("zefnb",))
WEBSOCKETS = System("websockets", module="attacks.servers.websockets_server", needs=("websockets",))
PICOWS = System("picows", module="attacks.servers.picows_server", needs=("picows", "uvloop"))
PEERS = (WEBSOCKETS, PICOWS)


def prepare() -> None:
    """Make the folder of the servers' logs."""
    machine.BUILD.mkdir(exist_ok=True)


def memory(server: Server) -> int:
    """Return the resident memory of the server's process, in bytes."""
    return machine.resident_bytes(server.pid)


__all__ = ["PEERS", "PICOWS", "WEBSOCKETS", "ZEFNB", "BenchError", "Server", "System", "memory", "prepare", "running"]
