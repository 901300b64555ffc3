"""Display in marimo: values of zefnb get the method `_display_`, by which marimo finds how a value looks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import Entity, HTTPServer
from zefnb.core.rows import Rows
from zefnb.notebook.display.display import as_html, plain_text
from zefnb.notebook.links.links import Link
from zefnb.notebook.marimo.page_frames import frame_of
from zefnb.recording.recording import Recording
from zefnb.rehearsal.difference import Differences
from zefnb.store.dict_database import DictDatabase
from zefnb.text.uids import escaped_uids

_HOOK = "_display_"
_SHOWN = (Entity, Effect, Rows, Link, DictDatabase, Recording, Differences)
_WIDTH = 120


class Shown:
    """The form of a value: a MIME type and its data, which marimo takes from `_mime_`."""

    def __init__(self, mime: str, data: str) -> None:
        self.mime, self.data = mime, data

    def _mime_(self) -> tuple[str, str]:
        return self.mime, self.data


def _display(value: Any) -> Any:
    found = as_html(value)
    if found is not None:
        shown = Shown("text/html", found)
        frame = frame_of(value) if type(value) is HTTPServer else None
        return shown if frame is None else import_module("marimo").vstack([shown, frame])
    return Shown("text/plain", plain_text(value, colour=False, width=_WIDTH) or escaped_uids(repr(value)))


class Display:
    """The display of values in all marimo notebooks of this process."""

    def open(self) -> None:
        """Add the method to the classes."""
        for cls in _SHOWN:
            setattr(cls, _HOOK, _display)

    def close(self) -> None:
        """Remove the method."""
        for cls in _SHOWN:
            if _HOOK in vars(cls):
                delattr(cls, _HOOK)
