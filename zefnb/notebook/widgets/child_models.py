"""The child models of a widget: ipywidgets creates models for its layout and style, and does not close them with it."""

from __future__ import annotations

from typing import Any


def close_child_models(widget: Any) -> None:
    """Close the layout and the style of a widget. Can be called again."""
    for name in ("layout", "style"):
        model = getattr(widget, name, None)
        if model is not None:
            model.close()
