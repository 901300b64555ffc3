"""Renewal: gets a new certificate in time, and keeps the old one while this fails."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from zefnb.core.time import Time
from zefnb.engine.runtime import Runtime
from zefnb.errors import ZefError
from zefnb.net.https.credentials import BadCredentials
from zefnb.net.https.key_files import UnsafeFile

# The clock may be set, and a computer may sleep: check again after an hour at most.
_LONGEST_SLEEP = 3_600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 300.0, 43_200.0


class CertificateClock:
    """The system's clock. A service of the runtime, so that tests can give it another one."""

    def __init__(self, runtime: Runtime) -> None:
        pass

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        await asyncio.sleep(seconds)


class Plan(NamedTuple):
    """The time of the next renewal, and the time at which to plan again."""

    due: float
    again: float


def pause_after(failures: int) -> float:
    """The seconds until the next attempt: 5 minutes, then twice as long each time, 12 hours at most.

    >>> 300 <= pause_after(1) <= 375, pause_after(20) >= 43_200
    (True, True)
    """
    # A random part, so that many servers do not return at the same moment.
    return min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 30), _LONGEST_PAUSE) * random.uniform(1.0, 1.25)


class Renewal:
    """Keeps one certificate up to date. Used on the loop."""

    def __init__(
        self,
        runtime: Runtime,
        subject: str,
        plan: Callable[[float], Awaitable[Plan]],
        renew: Callable[[], Awaitable[float]],
        least_interval: float = 0.0,
    ) -> None:
        # Also when a new certificate seems to be due already, because this machine's clock is wrong.
        self._least_interval = least_interval
        self._runtime, self._subject, self._plan, self._renew = runtime, subject, plan, renew
        self._clock = runtime.service(CertificateClock)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Renew from now on."""
        self._task = self._runtime.spawn(self._keep(), f"renewing the certificate for {self._subject}")

    def stop(self) -> None:
        """Stop. May be repeated."""
        if self._task is not None:
            self._task.cancel()

    async def _keep(self) -> None:
        failures = 0
        while True:
            now = self._clock.now()
            plan = await self._plan(now)
            if now < plan.due:
                await self._clock.sleep(max(1.0, min(plan.due - now, plan.again - now, _LONGEST_SLEEP)))
                continue
            try:
                valid_until = await self._renew()
            except (ZefError, BadCredentials, UnsafeFile, OSError) as error:
                failures += 1
                self._note_failure(error)
                await self._clock.sleep(pause_after(failures))
                continue
            failures = 0
            text = f"renewed the certificate for {self._subject}; it is valid until {Time(valid_until)}"
            self._runtime.journal.note("info", text)
            if self._least_interval:
                await self._clock.sleep(self._least_interval)

    def _note_failure(self, error: Exception) -> None:
        text = f"the certificate for {self._subject} could not be renewed, and the old one stays: {error}"
        self._runtime.journal.note("warning", text, key=("renewal", self._subject))
