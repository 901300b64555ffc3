"""The running replays: a service of the runtime."""

from __future__ import annotations

from zefnb.core.entity import Entity
from zefnb.engine.actor import Actor
from zefnb.engine.live_line import new_line
from zefnb.engine.registry import Registry
from zefnb.engine.runtime import Runtime
from zefnb.engine.switch_interval import SwitchInterval, switch_interval
from zefnb.replay.progress import Progress
from zefnb.replay.replay import Replay

_REMEMBERED = 1_000


class Replays(Registry[Replay]):
    """Starts and stops replays. Used on the loop only."""

    listed_by = "FX.ListReplays()"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        # Those that have come to their end, the newest last. Stopping one of them is no mistake.
        self._complete: dict[str | None, Replay] = {}

    def add(self, started: Replay, owner: Actor | None = None) -> None:
        """Register a replay before its start. It ends with the actor `owner`."""
        super().add(started)
        self._switch_interval.acquire()
        started.on_end = lambda: self._on_end(started)
        started.owner = owner
        if owner is not None:

            def release() -> None:
                self.stop(started.handle)

            owner.own(started.handle, release)

    def show(self, replay: Replay, *, is_awaited: bool) -> None:
        """Show the progress of a replay as a line, where there can be one. Those of actors have none."""
        line = new_line(is_awaited=is_awaited) if replay.owner is None else None
        if line is not None:
            progress = Progress(self._runtime, replay, line)
            replay.on_finished = progress.end
            progress.start()

    def stop(self, handle: Entity) -> Replay:
        """End a replay. Raises `NotRunning` if it has been stopped before."""
        complete = self._complete.get(handle._uid)
        if complete is not None:
            return complete
        replay = self.get(handle)
        replay.stop()
        self._forget(replay)
        return replay

    def complete(self, handle: Entity) -> Replay | None:
        """Return a replay that has come to its end."""
        return self._complete.get(handle._uid)

    def _on_end(self, replay: Replay) -> None:
        if self.find(replay.handle) is None:
            return
        self._forget(replay)
        if len(self._complete) >= _REMEMBERED:
            del self._complete[next(iter(self._complete))]
        self._complete[replay.handle._uid] = replay

    def _forget(self, replay: Replay) -> None:
        self.forget(replay.handle)
        self._switch_interval.release()
        if replay.owner is not None:
            replay.owner.disown(replay.handle)

    @property
    def _switch_interval(self) -> SwitchInterval:
        return self._runtime.service(switch_interval)

    def close(self) -> None:
        """End all replays."""
        for replay in self:
            self.stop(replay.handle)
