"""The running recordings: a service of the runtime."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from zefnb.core.entity import Topic
from zefnb.engine.context import call_context
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidEffect
from zefnb.net.http.server import Server
from zefnb.recording.client_recorder import ClientRecorder
from zefnb.recording.memory_tape import MemoryTape
from zefnb.recording.recording import Recording
from zefnb.recording.tape import GrowingTape
from zefnb.recording.topic_recorder import TopicRecorder
from zefnb.topics.hub import Hub

# Seconds to wait for the results of handlers when a recording stops.
_RESULTS_TIMEOUT = 1.0
_POLL = 0.002


class Recorder(Protocol):
    """Adds rows to a tape."""

    def start(self) -> None:
        """Record from now on."""

    def detach(self) -> None:
        """Add no more rows."""

    @property
    def is_idle(self) -> bool:
        """Whether the result of each message is recorded."""

    def end(self) -> None:
        """Record no more results."""


class Running:
    """A recording that grows, with its recorder."""

    def __init__(self, handle: Any, recorder: Recorder) -> None:
        self.handle = handle
        self.recorder = recorder


class Recordings(Registry[Running]):
    """Starts and stops recordings. Used on the loop only."""

    def in_memory(self, keep: int) -> GrowingTape:
        """Return a tape that keeps so many rows."""
        return MemoryTape(keep)

    async def on_disk(self, path: str | os.PathLike[str]) -> GrowingTape:
        """Return a tape that writes to a file. Raises `InvalidEffect` if another recording writes to it."""
        from zefnb.recording.disk_tape import DiskTape
        from zefnb.recording.files import check_unused, resolved

        place = resolved("FX.StartRecording", path)
        for running in self:
            other = running.handle.tape
            if isinstance(other, DiskTape) and other.is_at(place):
                problem = f"{running.handle!r} writes to this file"
                allowed = "another path, or stop that recording first"
                raise InvalidEffect("FX.StartRecording", [FieldError("path", problem, allowed)])

        def open_tape() -> DiskTape:
            check_unused(place)
            return DiskTape(self._runtime, place)

        opened: DiskTape = await in_handler_thread(self._runtime, open_tape)
        return opened

    def start_for_server(self, server: Server, tape: GrowingTape) -> Recording:
        """Record the clients of a server, until it stops."""
        recording = Recording(tape, f"the clients of port {server.port}")

        def stopped() -> None:
            if recording.is_running:
                self._runtime.spawn(self.stop(recording), f"the end of {recording!r}")

        return self._start(recording, ClientRecorder(self._runtime, tape, server, stopped))

    def start_for_topics(self, hub: Hub, topics: list[Topic], patterns: list[str], tape: GrowingTape) -> Recording:
        """Record what is published to topics."""
        names = [*(str(topic._uid) for topic in topics), *patterns]
        title = ", ".join(names[:3]) + ("" if len(names) <= 3 else f" and {len(names) - 3} more topics")
        return self._start(Recording(tape, title), TopicRecorder(tape, hub, topics, patterns))

    def _start(self, recording: Recording, recorder: Recorder) -> Recording:
        recorder.start()
        recording.is_running = True
        self.add(Running(recording, recorder))
        return recording

    async def stop(self, recording: Any) -> None:
        """End a recording, with the results of the handlers that still run. Raises `NotRunning` if it has ended."""
        running = self.get(recording)
        self.forget(recording)
        recording.is_running = False
        running.recorder.detach()
        deadline = time.monotonic() + _RESULTS_TIMEOUT
        while not running.recorder.is_idle and time.monotonic() < deadline:
            await asyncio.sleep(_POLL)
        running.recorder.end()
        await recording.tape.finish()

    async def close(self) -> None:
        """End all recordings."""
        await asyncio.gather(*(self.stop(running.handle) for running in self))


async def in_handler_thread(runtime: Runtime, call: Callable[[], Any]) -> Any:
    """Return the result of `call`, which uses a disk and would block the loop."""
    future: asyncio.Future[Any] = runtime.loop.create_future()

    def done(result: Any, error: BaseException | None) -> None:
        if future.done():  # the waiting task was cancelled
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    runtime.handler_threads.submit(done, call_context().run, call)
    return await future
