"""Display: the forms of handles and query results, in the notebook, in a terminal, and as plain text.

The formatters are registered by name, so that nothing is imported until a value is shown.
"""

from __future__ import annotations

import sys
from typing import Any

from zefnb.text.uids import escaped_uids

_SHOWN = (
    ("zefnb.core.entity", "Entity"),
    ("zefnb.core.effect", "Effect"),
    ("zefnb.core.rows", "Rows"),
    ("zefnb.store.dict_database", "DictDatabase"),
    ("zefnb.recording.recording", "Recording"),
    ("zefnb.rehearsal.difference", "Differences"),
)


class Display:
    """The formatters of zefnb in a shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def open(self) -> None:
        """Register the formatters."""
        formatters = self._shell.display_formatter.formatters
        for module, name in _SHOWN:
            formatters["text/html"].for_type_by_name(module, name, as_html)
            formatters["text/plain"].for_type_by_name(module, name, self._as_text)

    def close(self) -> None:
        """Remove the formatters."""
        formatters = self._shell.display_formatter.formatters
        for mime in ("text/html", "text/plain"):
            for module, name in _SHOWN:
                formatters[mime].deferred_printers.pop((module, name), None)
                for cls in [c for c in formatters[mime].type_printers if (c.__module__, c.__name__) == (module, name)]:
                    del formatters[mime].type_printers[cls]

    def _as_text(self, value: Any, printer: Any, cycle: bool) -> None:
        # Inside a container a value is shown by its `repr`, which is an expression.
        nested = len(getattr(printer, "stack", ())) > 1
        text = None if nested else plain_text(value, colour=self._has_colour, width=self._width)
        if text is not None:
            printer.text(text)
        elif isinstance(value, list):
            _as_a_list(value, printer, cycle)
        else:
            printer.text(escaped_uids(repr(value)))

    @property
    def _is_kernel(self) -> bool:
        return getattr(self._shell, "kernel", None) is not None

    @property
    def _has_colour(self) -> bool:
        return not self._is_kernel and sys.stdout.isatty()

    @property
    def _width(self) -> int:
        import shutil

        return 120 if self._is_kernel else shutil.get_terminal_size().columns


def _as_a_list(value: list[Any], printer: Any, cycle: bool) -> None:
    from IPython.lib.pretty import _seq_pprinter_factory

    _seq_pprinter_factory("[", "]")(value, printer, cycle)  # type: ignore[no-untyped-call]


def as_html(value: Any) -> str | None:
    """Return the HTML form, or `None` if the plain one is sufficient."""
    from zefnb.core.effect import Effect
    from zefnb.core.rows import Rows
    from zefnb.notebook.display import html, tables
    from zefnb.notebook.display.handles import described

    if type(value).__name__ == "Recording":
        from zefnb.notebook.display.recordings import recording_html

        return recording_html(value)
    if _is_rehearsal(value):
        from zefnb.notebook.display import differences

        return differences.as_html(value)
    own = getattr(value, "_repr_html_", None)
    if own is not None:
        return str(own())
    if isinstance(value, Effect):
        return None
    if isinstance(value, Rows):
        grid = tables.grid(value)
        if not value:
            return html.page(html.tag("span", f"no {value.title}", cls="d"))
        return html.page(html.table(grid.titles, grid.rows, grid.numbers))
    found = described(value)
    if found is None:
        return None
    state = html.tag("span", found.state, cls="on" if found.runs else "off")
    head = html.tag("div", html.tag("b", found.kind), " ", state, *(f" · {fact}" for fact in found.facts))
    links = [
        html.tag(
            "div",
            html.tag("code", url) if note.startswith("WebSocket") else html.link(url),
            " ",
            html.tag("span", note, cls="d"),
        )
        for url, note in found.links
    ]
    rows = [html.table(("key", "value"), found.rows)] if found.rows else []
    return html.page(head, *links, *rows, html.tag("div", html.tag("code", escaped_uids(repr(value))), cls="d"))


def _is_rehearsal(value: Any) -> bool:
    """Whether it is the result of `FX.Rehearse`, found without an import: most notebooks have none."""
    return type(value).__module__ == "zefnb.rehearsal.difference"


def plain_text(value: Any, *, colour: bool, width: int) -> str | None:
    """Return the form for a terminal, or plain text without colour. `None` means that the `repr` is sufficient."""
    from zefnb.core.effect import NOT_RUN, Effect
    from zefnb.core.rows import Rows
    from zefnb.notebook.display.handles import described

    if type(value).__name__ == "Recording":
        from zefnb.notebook.display.recordings import recording_text

        return recording_text(value, colour=colour, width=width)
    if _is_rehearsal(value):
        from zefnb.notebook.display import differences

        return differences.plain_text(value, colour=colour, width=width)
    if isinstance(value, Rows):
        return _drawn(value, colour, width)
    if isinstance(value, Effect):
        return f"{escaped_uids(repr(value))}\n  {NOT_RUN}"
    found = described(value)
    if found is None:
        return None
    lines = [escaped_uids(repr(value)), "  ".join(["  " + found.state, *found.facts])]
    lines += [f"  {url}  {note}".rstrip() for url, note in found.links]
    lines += [f"  {key}: {row}" for key, row in found.rows]
    return "\n".join(lines)


def _drawn(rows: Any, colour: bool, width: int) -> str:
    if not rows:
        return "[]"
    from zefnb.notebook.display import tables
    from zefnb.notebook.display.terminal_text import terminal_text

    return terminal_text(tables.rows_table(rows, width=width), colour=colour, width=width)
