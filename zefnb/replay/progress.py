"""The progress of a replay, as a line."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable

from zefnb.engine.live_line import LiveLine
from zefnb.engine.runtime import Runtime
from zefnb.engine.side_thread import PRINTING
from zefnb.replay.replay import Replay
from zefnb.text.short_repr import short_repr
from zefnb.text.tracebacks import error_text
from zefnb.text.uids import short_uids

# Seconds.
_INTERVAL = 0.25
_LONGEST_ERROR = 120


def text_of(replay: Replay) -> str:
    """Return the progress as text, such as 'replay into room: 12 of 300 messages, 24 s left'."""
    facts = replay.describe()
    published, position, total, elapsed = (facts[key] for key in ("published", "position", "total", "elapsed"))
    name, state = short_uids(str(replay.target._uid)), facts["state"]
    count = f"{published:,} message{'' if published == 1 else 's'}"
    if state == "running":
        if total is not None and not replay.loops:
            left = elapsed / max(position, 1) if replay.rate is None else 1 / replay.rate
            count = f"{position:,} of {total:,} messages"
            count += f", {_duration(left * (total - position))} left" if published else ""
        elif replay.loops:
            count += f" in rounds of {total:,}"
        return f"replay into {name}: {count}"
    text = f"replay into {name}: {state} after {count} in {_duration(elapsed)}"
    if replay.error is not None:
        text += f": {short_repr(type(replay.error).__name__)[1:-1]}: {error_text(replay.error)[:_LONGEST_ERROR]}"
    return text


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


class Progress:
    """Shows the progress of a replay four times a second. Used on the loop; another thread writes the line."""

    def __init__(self, runtime: Runtime, replay: Replay, line: LiveLine) -> None:
        self._runtime = runtime
        self._replay = replay
        self._line = line
        # The output belongs to the cell of the replay.
        self._context: contextvars.Context = replay.reads_as.contexts.fresh()
        self._timer: asyncio.TimerHandle | None = None
        self._is_written = True

    def start(self) -> None:
        """Show the line from now on."""
        if self._is_written:  # the output may be slow
            self._is_written = False
            self._put(self._line.write)
        self._timer = self._runtime.loop.call_later(_INTERVAL, self.start)

    def end(self) -> None:
        """Show how the replay has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._put(self._line.end)

    def _put(self, write: Callable[[str], None]) -> None:
        text = text_of(self._replay)

        def written() -> None:
            # An output that is closed or broken ends no replay.
            with contextlib.suppress(Exception):
                self._context.run(write, text)
            self._is_written = True

        PRINTING.put(written)
