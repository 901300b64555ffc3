"""Private links: an address with a secret, shown once to the person who runs the code, and written nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zefnb.engine.cells import current_notices


class PrivateLink:
    """The address of a path of a server. Its `repr` and `str` do not contain the path."""

    __slots__ = ("is_secure", "path", "server")

    def __init__(self, server: Any, path: str, is_secure: bool) -> None:
        self.server, self.path, self.is_secure = server, path, is_secure

    @property
    def local_url(self) -> str:
        """The address on this machine."""
        return f"{'https' if self.is_secure else 'http'}://localhost:{self.server.port}{self.path}"

    def show(self) -> None:
        """Show the link under the running cell, or on the output of a program."""
        _display(self)


def _print(link: PrivateLink) -> None:
    print(f"log in: {link.local_url}")


_display: Callable[[PrivateLink], None] = _print


def set_display(display: Callable[[PrivateLink], None] | None) -> None:
    """Set the function that shows links; `None` for the default, which prints them."""
    global _display
    _display = _print if display is None else display


def show_when_done(link: PrivateLink) -> None:
    """Show `link` when the running effect is complete, in the thread of its caller."""
    notices = current_notices.get()
    if notices is not None:
        notices.append(link)
