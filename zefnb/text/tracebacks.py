"""Tracebacks: an exception as Python prints it, with a bounded length and with its texts marked.

Python's own formatting takes time and memory that grow with the texts, notes and causes of an exception.
It also starts each line of them in the first column, where a line can be mistaken for one of the traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import cast

from zefnb.text.controls import plain, strip_controls, strip_controls_in_lines
from zefnb.text.secrets import cut_without_secrets
from zefnb.text.short_repr import class_name, short_str

_LONGEST = 8_000
_LONGEST_TEXT = 1_000
_LONGEST_LINE = 300
_LONGEST_NAME = 200
# The ends of a long stack help most: the first call, and the place of the failure.
_FIRST_FRAMES, _LAST_FRAMES = 4, 12
_MOST_CAUSES = 5
_MOST_NOTES = 5
_MOST_IN_A_GROUP = 3
_DEEPEST_GROUP = 2

# A class cannot override these; its own attributes may raise.
_PARTS = BaseException.__dict__
traceback_of: Callable[[BaseException], TracebackType | None] = _PARTS["__traceback__"].__get__
_cause_of, _context_of = _PARTS["__cause__"].__get__, _PARTS["__context__"].__get__
_hides_context = _PARTS["__suppress_context__"].__get__
_errors_of = BaseExceptionGroup.__dict__["exceptions"].__get__

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def error_text(error: BaseException, longest: int = _LONGEST_TEXT) -> str:
    """Return at most `longest` characters of `str(error)`, without secrets, with its lines unchanged."""
    return cut_without_secrets(short_str(error, 2 * longest), longest)


def error_name(error: BaseException) -> str:
    """Return the name of the class of `error`, with its module unless that is `builtins` or `__main__`."""
    return class_name(error, qualified=True)


def format_error(error: BaseException, longest: int = _LONGEST) -> str:
    """Return the traceback of `error`, its causes and its group, in at most `longest` characters (8,000 by default).

    A text that is too long loses the first cause first. Texts, notes and source lines are cut, their control
    characters are escaped and their secrets hidden; the second and later lines of a text begin with a bar.
    """
    text = "".join(_chain(error, 0))
    if len(text) <= longest:
        return text
    # Cut at a line: half a line may be a secret without its name.
    return "…\n" + text[-(longest - 2) :].partition("\n")[2]


def _chain(error: BaseException, depth: int) -> Iterator[str]:
    """Yield the lines of an exception's causes, the first cause first, and of the exception itself."""
    chain: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    following: BaseException | None = error
    link = ""
    while following is not None and id(following) not in seen and len(chain) < _MOST_CAUSES:
        chain.append((following, link))
        seen.add(id(following))
        cause = _cause_of(following)
        link = _CAUSE if cause is not None else _CONTEXT
        following = cause if cause is not None or _hides_context(following) else _context_of(following)
    for one, link_below in reversed(chain):
        yield from _one(one, depth)
        yield link_below


def _one(error: BaseException, depth: int) -> Iterator[str]:
    if (first := traceback_of(error)) is not None:
        yield "Traceback (most recent call last):\n"
        yield from _frames(first)
    # Not `isinstance`, which reads the exception's `__class__`.
    if issubclass(type(error), SyntaxError):
        yield from _place(cast("SyntaxError", error))
    text = strip_controls_in_lines(error_text(error), 2 * _LONGEST_TEXT)
    yield f"{error_name(error)}: {text}\n" if text else f"{error_name(error)}\n"
    yield from _notes(error)
    if issubclass(type(error), BaseExceptionGroup) and depth < _DEEPEST_GROUP:
        yield from _group(_errors_of(error), depth)


def _frames(first: TracebackType) -> Iterator[str]:
    count = sum(1 for _ in traceback.walk_tb(first))
    if count <= _FIRST_FRAMES + _LAST_FRAMES:
        yield from map(_frame, traceback.extract_tb(first))
        return
    yield from map(_frame, traceback.extract_tb(first, limit=_FIRST_FRAMES))
    yield f"  … {count - _FIRST_FRAMES - _LAST_FRAMES:,} more …\n"
    yield from map(_frame, traceback.extract_tb(first, limit=-_LAST_FRAMES))


def _frame(frame: traceback.FrameSummary) -> str:
    line = frame.line or ""
    if len(line) <= _LONGEST_LINE and line.isprintable() and frame.filename.isprintable() and frame.name.isprintable():
        # Includes the marks that point at the failing expression.
        text = "".join(traceback.StackSummary.from_list([frame]).format())
        return "".join(f"{cut_without_secrets(part, _LONGEST_LINE)}\n" for part in text.splitlines())
    file, name = strip_controls(frame.filename, _LONGEST_LINE), strip_controls(frame.name, _LONGEST_NAME)
    source = strip_controls(cut_without_secrets(line, _LONGEST_LINE), _LONGEST_LINE)
    return f'  File "{file}", line {frame.lineno}, in {name}\n' + (f"    {source}\n" if source else "")


def _place(error: SyntaxError) -> Iterator[str]:
    """Yield the place of a syntax error and its line, which may be text from a peer."""
    if error.lineno is not None:
        yield f'  File "{strip_controls(str(error.filename), _LONGEST_LINE)}", line {int(error.lineno)}\n'
    if isinstance(error.text, str):
        line = plain(error.text, 2 * _LONGEST_LINE).strip()
        yield f"    {strip_controls(cut_without_secrets(line, _LONGEST_LINE), _LONGEST_LINE)}\n"


def _notes(error: BaseException) -> Iterator[str]:
    try:
        notes = getattr(error, "__notes__", None)
    except Exception:
        return
    if not isinstance(notes, list | tuple):
        return
    for note in notes[:_MOST_NOTES]:
        text = cut_without_secrets(short_str(note, 2 * _LONGEST_TEXT), _LONGEST_TEXT)
        yield f"{strip_controls_in_lines(text, 2 * _LONGEST_TEXT)}\n"
    if len(notes) > _MOST_NOTES:
        yield f"… {len(notes) - _MOST_NOTES:,} more notes …\n"


def _group(errors: tuple[BaseException, ...], depth: int) -> Iterator[str]:
    for number, error in enumerate(errors[:_MOST_IN_A_GROUP], 1):
        yield f"  +---------------- {number} ----------------\n"
        for part in _chain(error, depth + 1):
            for line in part.splitlines():
                yield f"  | {line}\n"
    if len(errors) > _MOST_IN_A_GROUP:
        yield f"  +- … {len(errors) - _MOST_IN_A_GROUP:,} more …\n"
