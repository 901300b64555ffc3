"""The line of a kernel: a display under the cell, which is updated also after the cell has ended."""

from __future__ import annotations

from typing import Any


class DisplayedLine:
    """A display with an id. The notebook saves its last text."""

    def __init__(self) -> None:
        self._handle: Any = None

    def write(self, text: str) -> None:
        """Show this text in place of the one before."""
        from IPython.display import display

        data = {"text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)

    def end(self, text: str) -> None:
        """Show the last text."""
        self.write(text)
