"""A probe: another client that measures echoes, chat round trips and handshakes all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from attacks.stall_meter import Stalls, stall_meters
from attacks.targets import Server
from attacks.wire import PING, PONG, Wire, connect, frame

_PAUSE = 0.002


def round_trip(wire: Wire, text: str) -> float:
    """Return the seconds until `text` comes back. Pings of the server get their pongs meanwhile."""
    begin = time.perf_counter()
    wire.send(frame(text))
    while (came := wire.read()).opcode == PING:
        wire.send(frame(came.payload, PONG))
    took = time.perf_counter() - begin
    assert came.payload == text.encode(), came
    return took


class Probe:
    """Runs in a thread during its block. Then `worst` and `p99` are the times of each kind, in milliseconds."""

    def __init__(self, server: Server, kinds: tuple[str, ...] = ("echo", "chat", "handshake")) -> None:
        self._server, self._kinds = server, kinds
        self.times: dict[str, list[float]] = {kind: [] for kind in kinds}
        self.failure: BaseException | None = None
        self._over = threading.Event()
        self._stack = ExitStack()
        self._stalls = Stalls()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        try:
            with connect(self._server, "/echo") as echo, connect(self._server, "/ws") as chat:
                asked: dict[str, Callable[[], float]] = {
                    "echo": lambda: round_trip(echo, "echo"),
                    "chat": lambda: round_trip(chat, "chat"),
                    "handshake": self._shake_hands,
                }
                while not self._over.is_set():
                    for kind in self._kinds:
                        self.times[kind].append(asked[kind]() * 1e3)
                    time.sleep(_PAUSE)
        except BaseException as error:
            self.failure = error

    def _shake_hands(self) -> float:
        begin = time.perf_counter()
        with connect(self._server, "/echo"):
            return time.perf_counter() - begin

    def __enter__(self) -> Probe:
        self._stalls = self._stack.enter_context(stall_meters())
        self._thread.start()
        while not all(len(times) > 3 for times in self.times.values()) and self._thread.is_alive():
            time.sleep(_PAUSE)
        for times in self.times.values():
            times.clear()
        return self

    def stop(self) -> None:
        """Stop measuring."""
        self._over.set()
        self._thread.join(30)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._stack.close()
        if self.failure is not None and error is None:
            raise self.failure

    def __str__(self) -> str:
        """The longest time of each kind, as text."""
        worst = ", ".join(f"{kind} {max(times, default=float('inf')):.0f}" for kind, times in self.times.items())
        return f"{worst} ms (the machine's own worst: {self._stalls.worst:.0f} ms)"

    @property
    def worst(self) -> float:
        """The longest time of all, minus the machine's own longest delay."""
        return max(max(times, default=float("inf")) for times in self.times.values()) - self._stalls.worst

    @property
    def p99(self) -> float:
        """The 99th percentile of the slowest kind, with the machine's own."""
        return max(sorted(times)[len(times) * 99 // 100] if times else float("inf") for times in self.times.values())

    @property
    def machine_worst(self) -> float:
        """The machine's own longest delay of a process that only wakes up."""
        return self._stalls.worst

    @property
    def machine_p99(self) -> float:
        """The 99th percentile of that delay."""
        return self._stalls.p99
