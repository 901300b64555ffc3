"""The outputs of an `Output` widget of ipywidgets, as a notebook stores them; old ones are dropped."""

from __future__ import annotations

import threading
import weakref
from typing import Any

Stored = dict[str, Any]

_MOST_TEXT = 20_000
_MOST_DISPLAYS = 20
_lock = threading.Lock()
# The widgets whose outputs the next output replaces.
_waiting: weakref.WeakSet[Any] = weakref.WeakSet()


def add_output(widget: Any, output: Stored) -> None:
    """Add an output to `widget`. Thread-safe."""
    with _lock:
        earlier = () if widget in _waiting else widget.outputs
        _waiting.discard(widget)
        widget.outputs = shortened((*earlier, output))


def clear_outputs(widget: Any, wait: bool = False) -> None:
    """Remove all outputs of `widget`; with `wait`, when the next output is added, so that nothing flickers."""
    with _lock:
        if wait:
            _waiting.add(widget)
        else:
            _waiting.discard(widget)
            widget.outputs = ()


def shortened(outputs: tuple[Stored, ...]) -> tuple[Stored, ...]:
    """Join the pieces of the same stream, and drop the oldest outputs, because each change sends all of them."""
    joined: list[Stored] = []
    for output in outputs:
        if joined and output.get("name") is not None and joined[-1].get("name") == output["name"]:
            joined[-1] = {**output, "text": joined[-1]["text"] + output["text"]}
        else:
            joined.append(output)
    newest: list[Stored] = []
    text, displays = _MOST_TEXT, _MOST_DISPLAYS
    for output in reversed(joined):
        if text <= 0 or displays <= 0:
            break
        if "text" in output:
            newest.insert(0, {**output, "text": output["text"][-text:]})
            text -= len(output["text"])
        else:
            newest.insert(0, output)
            displays -= 1
    return tuple(newest)
