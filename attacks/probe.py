"""A probe: another client that measures echoes, chat round trips and handshakes all the time.

With the loop's thread it also measures how long the loop computed in each of these times, and how long the loop and the
probe waited for a processor, which other programs had. These figures are right on a busy machine, too.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from attacks.stall_meter import Stalls, stall_meters
from attacks.targets import Server
from attacks.wire import PING, PONG, Wire, connect, frame

_PAUSE = 0.002
# Seconds until another thread of this process gets the GIL. With Python's 5 ms, the attack would delay its own probe.
_SWITCH_INTERVAL = 0.0005


def round_trip(wire: Wire, text: str) -> float:
    """Return the seconds until `text` comes back. Pings of the server get their pongs meanwhile."""
    begin = time.perf_counter()
    wire.send(frame(text))
    while (arrived := wire.read()).opcode == PING:
        wire.send(frame(arrived.payload, PONG))
    took = time.perf_counter() - begin
    assert arrived.payload == text.encode(), arrived
    return took


class Thread:
    """The times of a thread, in milliseconds, as the kernel counts them."""

    def __init__(self, process: int | str, thread: int) -> None:
        self._path = Path(f"/proc/{process}/task/{thread}/schedstat")

    def times(self) -> tuple[float, float]:
        """Return how long it has computed, and how long it has waited for a processor."""
        computed, waited, _ = self._path.read_text().split()
        return int(computed) / 1e6, int(waited) / 1e6


class Probe:
    """Runs in a thread during its block. Then `worst` and `p99` are the times of each kind, in milliseconds.

    With `loop`, the number of the loop's thread, `loop_worst` and `own_worst` are available, too.
    """

    def __init__(
        self, server: Server, kinds: tuple[str, ...] = ("echo", "chat", "handshake"), loop: int | None = None
    ) -> None:
        self._server, self._kinds = server, kinds
        self._loop = Thread(server.pid, loop) if loop is not None else None
        self.times: dict[str, list[float]] = {kind: [] for kind in kinds}
        # The longest of all.
        self.loop_worst = self.own_worst = 0.0
        self.failure: BaseException | None = None
        self._over = threading.Event()
        self._stack = ExitStack()
        self._stalls = Stalls()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        try:
            with connect(self._server, "/echo") as echo, connect(self._server, "/ws") as chat:
                requested: dict[str, Callable[[], float]] = {
                    "echo": lambda: round_trip(echo, "echo"),
                    "chat": lambda: round_trip(chat, "chat"),
                    "handshake": self._shake_hands,
                }
                here = Thread("self", threading.get_native_id())
                while not self._over.is_set():
                    for kind in self._kinds:
                        if self._loop is None:
                            self.times[kind].append(requested[kind]() * 1e3)
                        else:
                            self.times[kind].append(self._compare(requested[kind], here, self._loop))
                    time.sleep(_PAUSE)
        except BaseException as error:
            self.failure = error

    def _compare(self, request: Callable[[], float], here: Thread, loop: Thread) -> float:
        (_, waited_here), (computed, waited) = here.times(), loop.times()
        took = request() * 1e3
        (_, waited_here_then), (computed_then, waited_then) = here.times(), loop.times()
        self.loop_worst = max(self.loop_worst, computed_then - computed)
        self.own_worst = max(self.own_worst, took - (waited_then - waited) - (waited_here_then - waited_here))
        return took

    def _shake_hands(self) -> float:
        begin = time.perf_counter()
        with connect(self._server, "/echo"):
            return time.perf_counter() - begin

    def __enter__(self) -> Probe:
        self._stalls = self._stack.enter_context(stall_meters())
        self._stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(_SWITCH_INTERVAL)
        self._thread.start()
        while not all(len(times) > 3 for times in self.times.values()) and self._thread.is_alive():
            time.sleep(_PAUSE)
        for times in self.times.values():
            times.clear()
        self.loop_worst = self.own_worst = 0.0
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
        machine = f"{worst} ms (the machine's own worst: {self._stalls.worst:.0f} ms"
        if self._loop is None:
            return f"{machine})"
        return (
            f"{machine}; {self.own_worst:.0f} ms without the time in which other programs had the processors; "
            f"{self.loop_worst:.0f} ms of the loop's processor time)"
        )

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
