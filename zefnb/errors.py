"""Every error that zefnb raises, on one page.

    ZefError
    ├── UsageError              the caller's fault: lists every fault of a call at once
    │   ├── InvalidEffect       (TypeError)       an effect with unknown, missing or wrong fields
    │   ├── InvalidValue        (ValueError)      a value, uid, pattern or chain that can never be right
    │   ├── UnknownName         (AttributeError)  FX.X that does not exist, ET.x that is no type name
    │   └── MissingField        (AttributeError)  reading a field that an entity does not have
    ├── UnknownKey              (KeyError)        a database or a table has no such key
    ├── NotRunning              (LookupError)     the server, actor, timer... has ended, or lives elsewhere
    ├── WouldBlock              (RuntimeError)    waiting here would stop the loop
    ├── PortUnavailable         (OSError)         the port is busy, forbidden or out of range
    ├── ConnectionFailed        (ConnectionError) an outward connection could not be made
    ├── StorageFailed           (OSError)         a database file could not be read or written
    └── Interrupted             (RuntimeError)    the runtime ended while the effect was under way

What fails later (a handler, an op, a value that cannot be sent) raises nothing in your face:
it is in the journal, see ``FX.QueryLog``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from zefnb.text.controls import shorten, strip_controls
from zefnb.text.secrets import MARGIN, hide_secrets
from zefnb.text.short_repr import LONGEST, short_repr

_LONGEST_NAME = 80
# Comparing takes time with the square of the length, and a stranger may have chosen the name.
_LONGEST_COMPARED = 40
_MOST_COMPARED = 200
_MOST_LOOKED_AT = 2_000
_LONGEST_FIELD = 300
_LONGEST_PROBLEM = 2_000
_MOST_FAULTS = 20
_RAISED_BY = "raised by "


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with a call: which field, what was given, what was allowed, what to do."""

    field: str
    problem: str
    allowed: str = ""
    hint: str | Hint = ""

    def __str__(self) -> str:
        # Names and texts may come from a peer by way of a handler.
        field, problem = strip_controls(self.field, _LONGEST_FIELD), shorten(self.problem, _LONGEST_PROBLEM)
        text = f"{field}: {problem}" if field else problem
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        hint = str(self.hint)
        if hint:
            text += f". {hint}"
        return text


class Hint:
    """What was probably meant, worked out when somebody reads it: most errors are caught and never read.

    `known` are the names there are, or a function that returns them. Equal to its text; pickled as its text.

    >>> str(Hint("contnet", ["target", "content"]))
    "did you mean 'content'?"
    """

    __slots__ = ("_known", "_name", "_text")

    def __init__(self, name: object, known: Iterable[Any] | Callable[[], Iterable[Any]]) -> None:
        self._name = name
        self._known = known
        self._text: str | None = None

    def __str__(self) -> str:
        if self._text is None:
            self._text = self._worked_out()
            self._known = ()
        return self._text

    def _worked_out(self) -> str:
        if not isinstance(self._name, str) or len(self._name) > _LONGEST_COMPARED:
            return ""
        try:
            known = self._known() if callable(self._known) else self._known
        except ZefError:  # the database whose keys they are has been closed
            return ""
        return did_you_mean(self._name, (name for name in islice(known, _MOST_LOOKED_AT) if isinstance(name, str)))

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, str | Hint) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return repr(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class ZefError(Exception):
    """The base of everything zefnb raises. `effect` names the effect that was performed, such as ``FX.StopTimer``.

    >>> print(naming(NotRunning("ET.Timer('tea') has been stopped"), "FX.StopTimer"))
    FX.StopTimer: ET.Timer('tea') has been stopped
    """

    effect = ""

    def __str__(self) -> str:
        text = self._text()
        return f"{self.effect}: {text}" if self.effect and not text.startswith(f"{self.effect}:") else text

    def _text(self) -> str:
        """What went wrong, without the effect's name."""
        return super().__str__()


class UsageError(ZefError):
    """A call that can be mended by its caller. ``subject`` is what was called, ``faults`` what is wrong.

    >>> print(UsageError("FX.Publish", [FieldError("target", "got 'chat'", "ET.Topic")]))
    FX.Publish: target: got 'chat'; allowed: ET.Topic
    """

    def __init__(self, subject: str, faults: Iterable[FieldError] | str) -> None:
        self.subject = subject
        self.faults = (FieldError("", faults),) if isinstance(faults, str) else tuple(faults)
        super().__init__(subject, self.faults)

    def _text(self) -> str:
        subject = strip_controls(self.subject)
        if len(self.faults) == 1:
            return f"{subject}: {self.faults[0]}"
        lines = "".join(f"\n  - {fault}" for fault in self.faults[:_MOST_FAULTS])
        more = len(self.faults) - _MOST_FAULTS
        return f"{subject}: {len(self.faults)} faults{lines}" + (f"\n  - and {more:,} more" if more > 0 else "")


class InvalidEffect(UsageError, TypeError):
    """An effect that can never run as written, or that is incomplete when it is run."""


class InvalidValue(UsageError, ValueError):
    """A value, uid, pattern, rule or chain that can never be right."""


class UnknownName(UsageError, AttributeError):
    """An effect or an entity type of that name does not exist."""


class MissingField(UsageError, AttributeError):
    """The value has no such field; the error lists the fields there are."""


class UnknownKey(ZefError, KeyError):
    """No such key. `args` are what is missing, and hints."""

    def _text(self) -> str:
        return "; ".join(filter(None, map(str, self.args)))


class NotRunning(ZefError, LookupError):
    """The server, client, actor, timer or database has ended, or belongs to another process."""


class WouldBlock(ZefError, RuntimeError):
    """Waiting for this effect here would stop the loop it needs."""


class PortUnavailable(ZefError, OSError):
    """The port is busy, not permitted, or out of range."""


class ConnectionFailed(ZefError, ConnectionError):
    """An outward connection could not be made."""


class StorageFailed(ZefError, OSError):
    """A database file could not be opened, read or written."""


class Interrupted(ZefError, RuntimeError):
    """The runtime ended while the effect was under way."""


E = TypeVar("E", bound=BaseException)


def naming(error: E, effect: str) -> E:
    """`error`, naming the effect whose performing raised it; where effects perform others, the innermost one.

    An error that is not zefnb's keeps its text and gets a note (PEP 678), which tracebacks show.
    """
    if isinstance(error, ZefError):
        error.effect = error.effect or effect
    elif isinstance(error, Exception) and not any(note.startswith(_RAISED_BY) for note in notes_of(error)):
        error.add_note(f"{_RAISED_BY}{effect}")
    return error


def notes_of(error: BaseException) -> list[str]:
    """The notes that `error` carries (PEP 678)."""
    return [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint naming the closest known name, or nothing; also nothing for a long name.

    >>> did_you_mean("contnet", ["target", "content"])
    "did you mean 'content'?"
    """
    if len(name) > _LONGEST_COMPARED:
        return ""
    short = (other for other in islice(known, _MOST_LOOKED_AT) if len(other) <= _LONGEST_COMPARED and other != name)
    close = difflib.get_close_matches(name, list(islice(short, _MOST_COMPARED)), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""


def shown(value: object) -> str:
    """A value as an error shows it: its ``repr``, cut to a readable length and without secrets, with its type."""
    text = shorten(hide_secrets(short_repr(value, LONGEST + MARGIN)), LONGEST)
    if isinstance(value, type) or value is None:
        return text
    return f"{text} ({strip_controls(type(value).__name__, _LONGEST_NAME)})"
