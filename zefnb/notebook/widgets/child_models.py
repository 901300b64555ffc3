"""What ipywidgets makes beside a widget: models of its own for layout and style, which outlive it unless closed."""

from __future__ import annotations

from typing import Any


def close_child_models(widget: Any) -> None:
    """Close the layout and the style of a widget that is closed. May be repeated."""
    for name in ("layout", "style"):
        beside = getattr(widget, name, None)
        if beside is not None:
            beside.close()
