"""Every error that zefnb raises, on one page.

    ZefError
    ├── UsageError              a mistake in the call: lists every mistake at once
    │   ├── InvalidEffect       (TypeError)       an effect with unknown, missing or wrong fields
    │   ├── InvalidValue        (ValueError)      a value, uid, pattern or chain that is not valid
    │   │   ├── InvalidBody                       the body of a request is not valid text or JSON
    │   │   └── UnsupportedType (TypeError)       a value of a type that has no form in JSON
    │   ├── UnknownName         (AttributeError)  FX.X that does not exist, ET.x that is not a type name
    │   └── MissingField        (AttributeError)  reading a field that an entity does not have
    ├── UnknownKey              (KeyError)        a database or a table has no such key
    ├── NotRunning              (LookupError)     the server, actor, timer... has ended, or belongs to another process
    ├── WouldBlock              (RuntimeError)    waiting here would block the event loop
    ├── NotPerformed            (RuntimeError)    a handler that is rehearsed performs an effect itself
    ├── PortUnavailable         (OSError)         the port is busy, forbidden or out of range
    ├── ConnectionFailed        (ConnectionError) an outward connection could not be made
    ├── CertificateUnavailable  (RuntimeError)    an authority has not issued a certificate
    ├── NotInstalled            (ImportError)     a package of an extra is missing; the text has the command
    ├── ClusterUnavailable      (ConnectionError) the broker of a cluster has not accepted a message, or is not there
    ├── StorageFailed           (OSError)         a database file could not be read or written
    └── Interrupted             (RuntimeError)    the runtime ended before the effect was complete

A failure after the call (in a handler, in an op, or while sending) raises nothing in the cell.
It is an entry in the journal; see ``FX.QueryLog``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

from zefnb.text.controls import shorten, strip_controls
from zefnb.text.secrets import MARGIN, hide_secrets
from zefnb.text.short_repr import LONGEST, class_name, short_repr

# Comparing takes quadratic time, and a peer may have chosen the name.
_LONGEST_COMPARED = 40
_MOST_COMPARED = 200
_MOST_READ = 2_000
_LONGEST_FIELD = 300
_LONGEST_PROBLEM = 2_000
_MOST_FAULTS = 20
_RAISED_BY = "raised by "


class FieldError(NamedTuple):
    """One mistake in a call: the field, the given value, the allowed values, and a hint."""

    field: str
    problem: str | LateText
    allowed: str = ""
    hint: str | Hint = ""

    def __str__(self) -> str:
        # A handler may pass on names and texts from a peer.
        field, problem = strip_controls(self.field, _LONGEST_FIELD), shorten(str(self.problem), _LONGEST_PROBLEM)
        text = f"{field}: {problem}" if field else problem
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        hint = str(self.hint)
        if hint:
            text += f". {hint}"
        return text


class LateText:
    """A text that is made when it is read. It compares equal to its text, and is pickled as its text.

    Most errors are caught and never shown, and the `__repr__` of a value may take time.

    >>> str(LateText(lambda: "got 1"))
    'got 1'
    """

    __slots__ = ("_make", "_text")

    def __init__(self, make: Callable[[], str]) -> None:
        self._make: Callable[[], str] | None = make
        self._text = ""

    def __str__(self) -> str:
        if (make := self._make) is not None:
            self._text = make()
            self._make = None
        return self._text

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, str | LateText) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return repr(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class Hint(LateText):
    """A suggestion for a mistyped name, computed when it is read.

    `known` holds the existing names, or is a function that returns them.

    >>> str(Hint("contnet", ["target", "content"]))
    "did you mean 'content'?"
    """

    __slots__ = ()

    def __init__(self, name: object, known: Iterable[Any] | Callable[[], Iterable[Any]]) -> None:
        super().__init__(lambda: _suggestion(name, known))


def _suggestion(name: object, known: Iterable[Any] | Callable[[], Iterable[Any]]) -> str:
    if not isinstance(name, str) or len(name) > _LONGEST_COMPARED:
        return ""
    try:
        known = known() if callable(known) else known
    except ZefError:  # the database that has the keys has been closed
        return ""
    return did_you_mean(name, (each for each in islice(known, _MOST_READ) if isinstance(each, str)))


class ZefError(Exception):
    """The base class of every error that zefnb raises.

    `effect` is the name of the effect that failed, such as ``FX.StopTimer``, or an empty text.

    >>> print(naming(NotRunning("ET.Timer('tea') has been stopped"), "FX.StopTimer"))
    FX.StopTimer: ET.Timer('tea') has been stopped
    """

    effect = ""

    def __str__(self) -> str:
        text = self._text()
        return f"{self.effect}: {text}" if self.effect and not text.startswith(f"{self.effect}:") else text

    def _text(self) -> str:
        """Return the text without the effect's name."""
        return super().__str__()


class UsageError(ZefError):
    """A mistake in a call, which the caller can correct.

    ``subject`` is the name of the effect or function, or an empty text where code that several effects use raises it.
    ``faults`` is a tuple of its `FieldError`s. ``part`` is what is wrong in words that no peer can choose, or an empty
    text: the journal counts errors of one part together.

    >>> print(UsageError("FX.Publish", [FieldError("target", "got 'chat'", "ET.Topic")]))
    FX.Publish: target: got 'chat'; allowed: ET.Topic
    """

    def __init__(self, subject: str, faults: Iterable[FieldError] | str, part: str = "") -> None:
        self.subject = subject
        self.part = part
        self.faults = (FieldError("", faults),) if isinstance(faults, str) else tuple(faults)
        super().__init__(subject, self.faults)

    def _text(self) -> str:
        subject = f"{strip_controls(self.subject)}: " if self.subject else ""
        if len(self.faults) == 1:
            return f"{subject}{self.faults[0]}"
        lines = "".join(f"\n  - {fault}" for fault in self.faults[:_MOST_FAULTS])
        more = len(self.faults) - _MOST_FAULTS
        return f"{subject}{len(self.faults)} faults{lines}" + (f"\n  - and {more:,} more" if more > 0 else "")


class InvalidEffect(UsageError, TypeError):
    """An effect has unknown, missing or wrong fields."""


class InvalidValue(UsageError, ValueError):
    """A value, uid, pattern, rule or chain is not valid."""


class InvalidBody(InvalidValue):
    """The body of a request is not valid text or JSON. If a handler does not catch it, the client gets status 400."""


class UnsupportedType(InvalidValue, TypeError):
    """A value of this type has no form in JSON, and no converter gives it one; see `converter`."""


class UnknownName(UsageError, AttributeError):
    """There is no effect or entity type of that name."""


class MissingField(UsageError, AttributeError):
    """The value has no such field; the text lists the fields that it has."""


class UnknownKey(ZefError, KeyError):
    """The database or table has no such key. `args` holds the missing keys and hints."""

    def _text(self) -> str:
        return "; ".join(filter(None, map(str, self.args)))


class NotRunning(ZefError, LookupError):
    """The server, client, actor, timer or database has ended, or belongs to another process."""


class WouldBlock(ZefError, RuntimeError):
    """Waiting for this effect here would block the event loop that performs it."""


class NotPerformed(ZefError, RuntimeError):
    """A handler performs an effect itself during a rehearsal, which performs none."""


class PortUnavailable(ZefError, OSError):
    """The port is busy, not permitted, or out of range."""


class ConnectionFailed(ZefError, ConnectionError):
    """An outward connection could not be made."""


class ClusterUnavailable(ZefError, ConnectionError):
    """The broker of a cluster cannot be reached, or has not accepted a message.

    For a message, the text begins with "not sent" if no subscriber will receive it, else with "outcome unknown".
    """


class CertificateUnavailable(ZefError, RuntimeError):
    """A certificate authority has not issued a certificate; the text has the reason."""


class NotInstalled(ZefError, ImportError):
    """A package that only an extra of zefnb installs is missing; the text has the command that installs it."""


class StorageFailed(ZefError, OSError):
    """A database file could not be opened, read or written."""

    def __init__(self, text: str) -> None:
        # The file may come from elsewhere, and SQLite quotes its names.
        super().__init__(strip_controls(text, _LONGEST_PROBLEM))


class Interrupted(ZefError, RuntimeError):
    """The runtime ended before the effect was complete."""


E = TypeVar("E", bound=BaseException)


def naming(error: E, effect: str) -> E:
    """Return `error` with the name of the effect that raised it; the name of a nested effect stays.

    An error of another library keeps its text and gets a note (PEP 678), which tracebacks show.
    """
    if isinstance(error, ZefError):
        error.effect = error.effect or effect
        # The text names what is wrong. The variables of these frames would show passwords where a notebook shows them.
        error.__traceback__ = None
    elif isinstance(error, Exception) and not any(note.startswith(_RAISED_BY) for note in notes_of(error)):
        with contextlib.suppress(Exception):  # the class may not allow notes
            error.add_note(f"{_RAISED_BY}{effect}")
    return error


def effect_of(error: BaseException) -> str:
    """Return the name of the effect that raised `error`, or an empty text."""
    # Not `isinstance`, which reads the exception's `__class__`, and that may raise.
    if issubclass(type(error), ZefError):
        return cast(ZefError, error).effect
    return next((note.removeprefix(_RAISED_BY) for note in notes_of(error) if note.startswith(_RAISED_BY)), "")


def notes_of(error: BaseException) -> list[str]:
    """Return the notes of `error` (PEP 678). Its class may have anything else under that name."""
    try:
        notes = getattr(error, "__notes__", ())
    except Exception:
        return []
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, list | tuple) else []


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint with the closest known name, or an empty text when no name is close.

    >>> did_you_mean("contnet", ["target", "content"])
    "did you mean 'content'?"
    """
    if len(name) > _LONGEST_COMPARED:
        return ""
    from difflib import get_close_matches

    short = (other for other in islice(known, _MOST_READ) if len(other) <= _LONGEST_COMPARED and other != name)
    close = get_close_matches(name, list(islice(short, _MOST_COMPARED)), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""


def shown(value: object) -> str:
    """Return a value as errors show it: its ``repr``, cut and without secrets, with the name of its type."""
    text = shorten(hide_secrets(short_repr(value, LONGEST + MARGIN)), LONGEST)
    if isinstance(value, type) or value is None:
        return text
    return f"{text} ({class_name(value)})"
