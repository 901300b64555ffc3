"""Login links in a notebook: a widget instead of a line of output, which would be saved with the notebook."""

from __future__ import annotations

from typing import Any

from zefnb.engine.private_link import PrivateLink, set_display


def _show(link: PrivateLink) -> None:
    from zefnb.notebook.widgets.login_link import show_login_link

    show_login_link(link)


class LoginLinks:
    """The display of login links in a kernel. A terminal prints them."""

    def __init__(self, shell: Any) -> None:
        self._is_kernel = getattr(shell, "kernel", None) is not None

    def open(self) -> None:
        """Use the widget."""
        if self._is_kernel:
            set_display(_show)

    def close(self) -> None:
        """Print links again."""
        if self._is_kernel:
            set_display(None)
