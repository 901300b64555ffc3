"""Login links, pages and lines in a notebook, under the cell that started what they are about.

A printed link would be saved with the notebook.
"""

from __future__ import annotations

from typing import Any

from zefnb.engine import live_line, page_view, private_link
from zefnb.notebook.display.progress_line import DisplayedLine


def _show_link(link: private_link.PrivateLink) -> None:
    from zefnb.notebook.widgets.login_link import show_login_link

    show_login_link(link)


def _show_pages(view: page_view.PageView) -> None:
    from zefnb.notebook.widgets.page_frame import show_pages

    show_pages(view)


class CellDisplays:
    """The displays of a kernel. A terminal prints links and lines, and shows no pages."""

    def __init__(self, shell: Any) -> None:
        self._is_kernel = getattr(shell, "kernel", None) is not None

    def open(self) -> None:
        """Use the widgets and displays."""
        if self._is_kernel:
            private_link.set_display(_show_link)
            page_view.set_display(_show_pages)
            live_line.set_lines(DisplayedLine)

    def close(self) -> None:
        """Print links again, and show no pages."""
        if self._is_kernel:
            private_link.set_display(None)
            page_view.set_display(None)
            live_line.set_lines(None)
