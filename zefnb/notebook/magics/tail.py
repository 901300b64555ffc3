"""`%zef tail`"""

from __future__ import annotations

import argparse
import queue
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import FX
from zefnb.core.op import op
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.command_line.command import Command, Context, Parser, count, topic
from zefnb.notebook.magics import on
from zefnb.text.controls import strip_controls
from zefnb.text.short_repr import short_repr
from zefnb.text.uids import short_uids

if TYPE_CHECKING:
    from zefnb.notebook.widgets.live_list import LiveList

_REFRESH_INTERVAL = 0.2
_LONGEST = 300
_MOST_QUEUED = 10_000

# The live list of each cell, by subscription. It is closed when the cell runs again.
_lists: dict[Any, LiveList] = {}


class Tail(Command):
    """Show the messages of a topic as they arrive: a live list in a notebook, lines until Ctrl-C in a terminal.

    Running the cell again replaces the list; %zef off TOPIC ends it."""

    name = "tail"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("topic", type=topic, help="the name of the topic, or of a variable with it")
        parser.add_argument("-n", type=count, default=20, metavar="COUNT", help="the length of the list (20)")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        target = context.topic(given.topic)
        return _in_notebook(target, given.n, context) if context.is_notebook else _in_terminal(target, context)


def _in_notebook(target: Any, length: int, context: Context) -> Any:
    from zefnb.notebook.widgets.live_list import LiveList

    shown = LiveList(str(target._uid), max(1, length))
    result = context.run(FX.SubscribeFX(topic=target, op=_printer(shown.add)))
    on.remember(target, result.subscription)
    _close_ended()
    _lists[result.subscription] = shown
    return shown


def _close_ended() -> None:
    """Close the lists whose subscriptions have been replaced."""
    from zefnb.notebook.overview import on_loop
    from zefnb.topics.subscriptions import Subscriptions

    runtime = default_runtime()
    subscriptions = runtime.service(Subscriptions)
    for handle in on_loop(runtime, lambda: [h for h in _lists if subscriptions.find(h) is None]):
        _lists.pop(handle).close()


def _in_terminal(target: Any, context: Context) -> None:
    lines: queue.Queue[str] = queue.Queue(_MOST_QUEUED)

    def put(line: str) -> None:
        if not lines.full():
            lines.put_nowait(line)

    result = context.run(FX.SubscribeFX(topic=target, op=_printer(put)))
    print(f"{short_uids(strip_controls(repr(target), _LONGEST))}: messages as they arrive; Ctrl-C ends")
    try:
        while True:
            try:
                print(lines.get(timeout=_REFRESH_INTERVAL))
            except queue.Empty:
                continue
    except KeyboardInterrupt:
        print()
    finally:
        context.run(FX.Unsubscribe(subscription=result.subscription))


def _printer(put: Callable[[str], None]) -> Any:
    @op(inline=True)
    def tail(message: Any) -> None:
        text = message if isinstance(message, str) else short_repr(message, _LONGEST)
        put(f"{time.strftime('%H:%M:%S')}  {short_uids(strip_controls(text, _LONGEST))}")

    return tail


COMMAND = Tail()
