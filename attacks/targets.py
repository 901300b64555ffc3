"""The servers that are attacked, each in a process of its own: zefnb, and the peers whose figures are to be beaten."""

from __future__ import annotations

from bench import machine
from bench.systems import BenchError, Server, System, running

ZEFNB = System("zefnb", module="attacks.servers.zefnb_server", needs=("zefnb",))
WEBSOCKETS = System("websockets", module="attacks.servers.websockets_server", needs=("websockets",))
PICOWS = System("picows", module="attacks.servers.picows_server", needs=("picows", "uvloop"))
PEERS = (WEBSOCKETS, PICOWS)


def prepare() -> None:
    """Make the place where the servers' last words are kept."""
    machine.BUILD.mkdir(exist_ok=True)


def memory(server: Server) -> int:
    """Bytes of RAM that the server's process has."""
    return machine.resident_bytes(server.pid)


__all__ = ["PEERS", "PICOWS", "WEBSOCKETS", "ZEFNB", "BenchError", "Server", "System", "memory", "prepare", "running"]
