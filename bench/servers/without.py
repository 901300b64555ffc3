"""zefnb with one of its tricks switched off, to show what the trick is worth: `BENCH_WITHOUT=name`.

Nobody should run like this; the product has no such switches.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any


def _one_write_per_turn() -> None:
    """Write whatever is published at once, as servers commonly do."""
    from zefnb.net.websocket.outbox import Outbox

    Outbox._schedule = lambda self: None  # type: ignore[method-assign]
    add = Outbox.add

    def add_and_flush(self: Any, connection: Any) -> None:
        add(self, connection)
        self._loop.call_soon(self.flush)

    Outbox.add = add_and_flush  # type: ignore[method-assign]
    deliver = _fanout().deliver

    def deliver_and_flush(self: Any, content: Any) -> None:
        deliver(self, content)
        self._outbox.flush()

    _fanout().deliver = deliver_and_flush


def _joined_runs() -> None:
    """Give each socket each frame of a run by itself; each still writes once."""
    from zefnb.net.websocket.outbox import Outbox

    Outbox._flush_batch = lambda self, run: (
        [  # type: ignore[method-assign,assignment]
            connection.send_raw(frame, 1) for frame in run._frames for connection in run.members
        ]
        and run.take()
    )


def _own_parser() -> None:
    """Let the Sans-I/O protocol take every frame apart."""
    from websockets.frames import Opcode
    from websockets.http11 import Request

    from zefnb.net.websocket.connection import Connection

    def parse(self: Any, data: Any, deadline: Any) -> int:
        self.protocol.receive_data(bytes(data))
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self._handle_handshake(self, event)
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._take_message(event.opcode, bytes(event.data))
        self._write_protocol()
        return len(data)

    Connection._parse = parse  # type: ignore[method-assign]


def _shared_buffer() -> None:
    """Receive by `data_received`, for which asyncio makes a buffer of 256 KiB each time."""
    from zefnb.net.websocket.connection import Connection

    class Receiving(asyncio.Protocol):
        """What the transport takes for an ordinary protocol."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection
            self.data_received = connection.data_received

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    for name in ("connection_lost", "eof_received", "pause_writing", "resume_writing"):
        setattr(Receiving, name, lambda self, *args, _name=name: getattr(self._connection, _name)(*args))
    made = Connection.connection_made

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        asyncio.get_running_loop().call_soon(lambda: transport.set_protocol(Receiving(self)))

    Connection.connection_made = connection_made  # type: ignore[method-assign]


def _turn_ends() -> None:
    """Go round the loop once more before what was gathered is written."""
    from zefnb.engine.iteration_loop import SelectorIterationLoop

    SelectorIterationLoop.at_iteration_end = SelectorIterationLoop.call_soon  # type: ignore[method-assign,assignment]


def _plain_handshakes() -> None:
    """Have every handshake read by h11 and answered by `websockets`."""
    from zefnb.net.http import arrival

    arrival.read_plain = lambda data: None


def _kept_memory() -> None:
    """Let the C library hand back what has been freed."""
    from zefnb.net.websocket import outbox

    outbox.keep_freed_memory = lambda: None


def _wakers() -> None:
    """Tell who waits by a lock."""
    from zefnb.engine import waker as waker

    waker._MOST_SOCKETS = 0


def _fanout() -> Any:
    from zefnb.net.websocket.fanout import Fanout

    return Fanout


TRICKS: dict[str, Callable[[], None]] = {
    "one write per iteration": _one_write_per_turn,
    "joined batches": _joined_runs,
    "own parser": _own_parser,
    "shared buffer": _shared_buffer,
    "writes at the iteration's end": _turn_ends,
    "plain handshakes": _plain_handshakes,
    "kept memory": _kept_memory,
    "wakers": _wakers,
}


def apply() -> None:
    """Switch off what the environment names."""
    name = os.environ.get("BENCH_WITHOUT")
    if name:
        TRICKS[name]()
