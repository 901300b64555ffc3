"""Marks: the lines of two results, with what differs in them marked."""

from __future__ import annotations

import difflib
import re
from typing import Any, NamedTuple

from zefnb.rehearsal.difference import Difference
from zefnb.rehearsal.parts import MISSING, parts_of
from zefnb.rehearsal.uids import Uids
from zefnb.text.short_repr import short_repr
from zefnb.text.uids import short_uids

_LONGEST = 200
_MOST_LINES = 8
_TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)
# Texts with less in common are marked as a whole: single letters in them that are the same mean nothing.
_LEAST_RATIO = 0.4


class Span(NamedTuple):
    """A piece of a text; `differs` if it is not in the other text."""

    text: str
    differs: bool = False


class Line(NamedTuple):
    """A line of a cell: the path of a part, such as `state.n`, and its value."""

    path: str
    spans: tuple[Span, ...]


class Cells(NamedTuple):
    """The lines of then and of now."""

    then: list[Line]
    now: list[Line]


def cells_of(row: Difference, uids: Uids | None) -> Cells:
    """Return the lines of a row: the parts that differ, or the whole results if nothing does.

    The uids of the rehearsal are shown as those of the recording.
    """
    uids = uids or Uids()
    if row.then is None:
        return Cells([Line("", (Span("not recorded"),))], whole(row.now))
    if not row.what:
        return Cells(whole(row.then), [Line("", (Span("the same"),))])
    parts = parts_of(row.then, row.now, uids)
    cells = Cells([], [])
    for part in parts[:_MOST_LINES]:
        then, now = marked(_text(part.then), uids.as_then(_text(part.now)))
        cells.then.append(Line(part.path, then))
        cells.now.append(Line(part.path, now))
    if len(parts) > _MOST_LINES:
        more = Line("", (Span(f"… {len(parts) - _MOST_LINES} more parts differ"),))
        cells.then.append(more)
        cells.now.append(more)
    return cells


def whole(outcome: Any) -> list[Line]:
    """Return the lines of one result."""
    lines = [Line("", (Span(_text(effect)),)) for effect in outcome.effects[:_MOST_LINES]]
    if len(outcome.effects) > _MOST_LINES:
        lines.append(Line("", (Span(f"… {len(outcome.effects) - _MOST_LINES:,} more effects"),)))
    lines.append(Line("state", (Span(_text(outcome.state)),)))
    if outcome.error is not None:
        lines.append(Line("error", (Span(outcome.error),)))
    return lines


def _text(value: Any) -> str:
    return repr(value) if value is MISSING else short_uids(short_repr(value, _LONGEST))


def marked(then: str, now: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return two texts in pieces, with the words that differ marked.

    >>> [span.text for span in marked("'1: two'", "'1: two!'")[1] if span.differs]
    ['!']
    """
    one, other = _TOKEN.findall(then), _TOKEN.findall(now)
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.ratio() < _LEAST_RATIO:
        return (Span(then, True),), (Span(now, True),)
    pieces: tuple[list[Span], list[Span]] = ([], [])
    for tag, a, b, c, d in matcher.get_opcodes():
        for tokens, spans in ((one[a:b], pieces[0]), (other[c:d], pieces[1])):
            if tokens:
                spans.append(Span("".join(tokens), tag != "equal"))
    return tuple(pieces[0]), tuple(pieces[1])


def message_text(row: Difference) -> str:
    """Return the text of the message of a row; a connection that opens or closes is its kind."""
    if row.kind in ("connected", "disconnected"):
        return row.kind
    return short_uids(short_repr(row.message, _LONGEST))
