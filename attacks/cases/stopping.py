"""Servers that stop: all clients are closed with 1001, and the port is free when the call returns."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from attacks.attack import Attack, Outcome, Settings
from attacks.cases.lifecycle import allow_descriptors
from attacks.targets import BenchError, Server
from attacks.wire import Wire, closing, connect, connected, frame
from tests.ports import is_free


def code_read_by(wire: Wire) -> int | None:
    """Return the close code after all messages of a client; none when its connection was cut."""
    try:
        _, end = wire.read_until_close()
        wire.send(closing(end.code or 1000))
        wire.close()
    except (OSError, AssertionError):
        return None
    return end.code


def in_background(wires: list[Wire]) -> tuple[threading.Thread, list[int | None]]:
    """Let all clients read while the server stops."""
    codes: list[int | None] = []
    thread = threading.Thread(target=lambda: codes.extend(code_read_by(wire) for wire in wires))
    thread.start()
    return thread, codes


def again(server: Server) -> bool:
    """Start on the same port, and return whether it serves."""
    port = server.command("start_again")["port"]
    with connect(server, "/echo") as wire:
        wire.send(frame("again"))
        return port == server.port and wire.read().payload == b"again"


def judge(what: str, server: Server, codes: list[int | None], seconds: float, free: bool) -> Outcome:
    reported = codes.count(1001)
    served = again(server)
    return Outcome(
        f"{reported} of {len(codes)} {what} read 1001, stopped in {seconds:.2f} s, port "
        f"{'free' if free else 'STILL IN USE'} at return, {'serves again' if served else 'DOES NOT serve again'}",
        ok=reported == len(codes) and free and served and seconds < 2.5,
        details={"reported": reported, "seconds": seconds},
    )


def with_many(server: Server, settings: Settings) -> Outcome:
    allow_descriptors()
    with connected(server, settings.pick(500, 100)) as wires:
        reading, codes = in_background(wires)
        seconds = server.command("stop")["seconds"]
        free = is_free(server.port)
        reading.join()
    return judge("clients", server, codes, seconds, free)


def during_a_broadcast(server: Server, settings: Settings) -> Outcome:
    message = frame("m" * 1024) * 20
    with connected(server, 50) as wires, connect(server, "/ws") as talker:
        over = threading.Event()

        def talk() -> None:
            with suppress(OSError):
                while not over.is_set():
                    talker.send(message)

        talking = threading.Thread(target=talk)
        readers = [in_background([wire]) for wire in wires]
        echo, _ = in_background([talker])
        talking.start()
        time.sleep(0.5)
        seconds = server.command("stop")["seconds"]
        free = is_free(server.port)
        over.set()
        for thread in (echo, talking, *(reader for reader, _ in readers)):
            thread.join()
    return judge("listeners", server, [code for _, codes in readers for code in codes], seconds, free)


def during_handshakes(server: Server, settings: Settings) -> Outcome:
    """Some connections are open, some have sent half a handshake, some nothing; and more connect all the time."""
    halves = [Wire(server.port) for _ in range(50)]
    for half in halves[:25]:
        half.send(b"GET /ws HTTP/1.1\r\nHost: loc")
    over = threading.Event()

    def keep_coming() -> None:
        while not over.is_set():
            with suppress(OSError, AssertionError), Wire(server.port) as wire:
                wire.open("/ws")

    coming = threading.Thread(target=keep_coming)
    with connected(server, 50) as wires:
        reading, codes = in_background(wires)
        coming.start()
        time.sleep(0.2)
        seconds = server.command("stop")["seconds"]
        free = is_free(server.port)
        over.set()
        coming.join()
        reading.join()
    dropped = sum(is_over(half) for half in halves)
    outcome = judge("clients", server, codes, seconds, free)
    return Outcome(
        f"{outcome.figure}; {dropped} of 50 half handshakes ended", outcome.ok and dropped == 50, outcome.details
    )


def is_over(wire: Wire) -> bool:
    """Return whether the server has ended this connection."""
    wire.socket.settimeout(2)
    try:
        while wire.socket.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    finally:
        wire.close()
    return True


def twice(server: Server, settings: Settings) -> Outcome:
    server.command("stop")
    try:
        server.command("stop")
        refusal = ""
    except BenchError as error:
        refusal = str(error).split("'stop': ")[-1]
    served = again(server)
    return Outcome(f"the second time: {refusal or 'NO ERROR'}", ok="NotRunning" in refusal and served)


def from_a_handler(server: Server, settings: Settings) -> Outcome:
    with connected(server, 50) as wires, connect(server, "/stop") as stopper:
        reading, codes = in_background([*wires, stopper])
        began = time.monotonic()
        stopper.send(frame("stop"))
        reading.join()
        while not is_free(server.port) and time.monotonic() - began < 5:
            time.sleep(0.01)
        seconds = time.monotonic() - began
    return judge("clients, the caller included,", server, codes, seconds, is_free(server.port))


_PROMISE = "1001 for each client, the port is free at return, and serves again"
ATTACKS = tuple(
    Attack(name, promise, run, quick=True, peers=False)
    for name, promise, run in (
        ("stop-500", f"stop with 500 clients: {_PROMISE}", with_many),
        ("stop-broadcasting", f"stop during a broadcast: {_PROMISE}", during_a_broadcast),
        ("stop-handshakes", f"stop during handshakes: {_PROMISE}; half handshakes are ended", during_handshakes),
        ("stop-twice", "the second stop raises a clear error", twice),
        ("stop-from-handler", f"stop from a handler: {_PROMISE}", from_a_handler),
    )
)
