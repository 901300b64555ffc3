"""Uids: the identities of topics, servers and actors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from zefnb.core.types import Matcher
from zefnb.errors import FieldError, InvalidValue, shown
from zefnb.text.uids import MARK

PREFIX = MARK
_FORM = re.compile(rf"{PREFIX}[0-9a-f]{{20}}\Z")


def generate_uid() -> str:
    """Return a new random uid.

    Returns:
        ``'🍃-'`` and 20 hex digits: 80 bits from the system's cryptographic source.

    >>> len(generate_uid()), generate_uid() == generate_uid()
    (22, False)
    """
    # `secrets` uses the same source, but importing it takes 10 ms.
    return PREFIX + os.urandom(10).hex()


def is_uid(text: str) -> bool:
    """Whether `text` has the form of a uid.

    >>> is_uid('🍃-87f83f06bfec2ba79b96'), is_uid('chat')
    (True, False)
    """
    return _FORM.match(text) is not None


def checked_name(subject: object, name: object) -> str:
    """Return `name` if it is a uid or a plain name. Raises `InvalidValue` otherwise, also for a malformed uid."""
    if not isinstance(name, str):
        fault = FieldError("uid", f"got {shown(name)}", "a uid or a name, as text")
    elif name.startswith("🍃") and _FORM.match(name) is None:  # as `is_uid`, without the call
        fault = FieldError("uid", f"bad uid {shown(name)}", "'🍃-' and 20 hex digits", "generate_uid() makes one")
    elif not name.strip():
        fault = FieldError("uid", "the name is empty", "a uid or a name")
    else:
        return name
    raise InvalidValue(str(subject), [fault])


class EntityUid(str):
    """A uid as a value.

    Args:
        value: A uid such as ``'🍃-87f83f06bfec2ba79b96'``, or a plain name that is not empty. A literal Ellipsis,
            ``EntityUid(...)``, is a pattern that matches any uid.

    Raises:
        InvalidValue: The text is empty, or begins with ``'🍃'`` and is not a uid.

    >>> EntityUid('🍃-87f83f06bfec2ba79b96')
    EntityUid('🍃-87f83f06bfec2ba79b96')
    >>> EntityUid(...)
    EntityUid(...)
    """

    __slots__ = ()

    def __new__(cls, value: object) -> EntityUid:
        if value is ...:
            return ANY_UID
        return super().__new__(cls, checked_name("EntityUid", value))

    def __repr__(self) -> str:
        return f"EntityUid({str(self)!r})"


class _AnyUid(EntityUid):
    """The pattern that matches every uid and every value with a uid."""

    __slots__ = ()

    def __new__(cls) -> _AnyUid:
        return str.__new__(cls, "...")

    def __repr__(self) -> str:
        return "EntityUid(...)"

    def __reduce__(self) -> tuple[Callable[[object], EntityUid], tuple[object]]:
        return EntityUid, (...,)

    def __pattern__(self) -> Matcher:
        def test(value: object) -> bool:
            name = value if isinstance(value, str) else getattr(value, "_uid", None)
            return isinstance(name, str) and is_uid(name)

        return Matcher(by_type=None, test=test)


ANY_UID = _AnyUid()
