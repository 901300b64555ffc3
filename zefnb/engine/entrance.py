"""The entrance: the one ordered queue by which other threads reach the loop."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from zefnb.engine.bell import Bell, my_bell
from zefnb.engine.turn_loop import TurnLoop
from zefnb.errors import Interrupted

Call = tuple[Callable[..., Any], tuple[Any, ...]]

_SLICE = 256
_HELD_BACK_AT = 4_096


class Entrance:
    """Calls from other threads, made on the loop in the order in which they were put.

    A burst costs one wake-up. The order in `put` matters: wake, set the flag, append; an interrupt
    between any two of them costs at most a wake-up for nothing, never a call that nobody makes.
    """

    def __init__(self, loop: TurnLoop, on_error: Callable[[BaseException], None]) -> None:
        self._loop = loop
        self._on_error = on_error
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque()
        self._woken = False
        # Whether publishers outside the loop should wait.
        self.is_held = False
        self._held_back: set[Bell] = set()
        self._congestions: set[object] = set()
        loop.on_wake = self._woken_up

    def put(self, call: Callable[..., Any], *args: Any) -> None:
        """Have `call(*args)` made on the loop. From any thread; never waits."""
        with self._lock:
            if not self._woken:
                self._wake()
                self._woken = True
            self._calls.append((call, args))
            if len(self._calls) >= _HELD_BACK_AT:
                self.is_held = True

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # what some loops raise when they are closed, and others do not
            self._loop.wake()
        if self._loop.is_closed():
            raise Interrupted("the runtime has been closed")

    def _woken_up(self) -> None:
        # In a context of its own: the calls of all threads share the turn, and none may see another's owner.
        contextvars.Context().run(self._drain)

    def _drain(self) -> None:
        calls = self._calls
        # What is put meanwhile has its turn after the sockets': who asks without a pause must not hold them up.
        for _ in range(min(len(calls), _SLICE)):
            call, args = calls.popleft()
            try:
                call(*args)
            except BaseException as error:  # whatever user code raises, the calls behind it are made
                self._on_error(error)
        if not self._may_sleep():
            self._loop.call_soon(self._drain)
        if self.is_held:
            self._let_go()

    def _may_sleep(self) -> bool:
        """Whether nobody is about to put a call; from then on the next one who does wakes the loop."""
        with self._lock:
            if self._calls:
                return False
            self._woken = False
            return True

    def _let_go(self) -> None:
        """Have publishers wait no longer, if there is room again and nobody lags."""
        with self._lock:
            if self._congestions or len(self._calls) >= _HELD_BACK_AT // 2:
                return
            self.is_held = False
        for bell in tuple(self._held_back):
            bell.ring()

    def hold_back(self) -> None:
        """Wait while publishers have outrun the loop or clients that read. For other threads than ours."""
        bell = my_bell()
        self._held_back.add(bell)
        try:
            while self.is_held and not self._loop.is_closed():
                bell.wait()
        finally:
            self._held_back.discard(bell)

    def congested(self, source: object) -> None:
        """From now on `source` (slow clients that do read) holds other threads' publishers back."""
        with self._lock:
            self._congestions.add(source)
            self.is_held = True

    def relieved(self, source: object) -> None:
        """`source` no longer holds anybody back."""
        self._congestions.discard(source)
        self._let_go()

    @property
    def waiting(self) -> int:
        """How many calls wait for the loop."""
        return len(self._calls)
