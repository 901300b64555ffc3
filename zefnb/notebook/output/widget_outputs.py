"""What an `Output` widget of ipywidgets holds: outputs as a notebook stores them, of which the latest are kept."""

from __future__ import annotations

import threading
from typing import Any

Stored = dict[str, Any]

_MOST_TEXT = 20_000
_MOST_DISPLAYS = 20
_lock = threading.Lock()


def add_output(widget: Any, output: Stored) -> None:
    """Show one more output in `widget`. From any thread."""
    with _lock:
        widget.outputs = shortened((*widget.outputs, output))


def clear_outputs(widget: Any) -> None:
    """Show nothing in it any more."""
    with _lock:
        widget.outputs = ()


def shortened(outputs: tuple[Stored, ...]) -> tuple[Stored, ...]:
    """Pieces of the same stream joined, the oldest dropped: all of it is sent with each change."""
    joined: list[Stored] = []
    for output in outputs:
        if joined and output.get("name") is not None and joined[-1].get("name") == output["name"]:
            joined[-1] = {**output, "text": joined[-1]["text"] + output["text"]}
        else:
            joined.append(output)
    kept: list[Stored] = []
    text, displays = _MOST_TEXT, _MOST_DISPLAYS
    for output in reversed(joined):
        if text <= 0 or displays <= 0:
            break
        if "text" in output:
            kept.insert(0, {**output, "text": output["text"][-text:]})
            text -= len(output["text"])
        else:
            kept.insert(0, output)
            displays -= 1
    return tuple(kept)
