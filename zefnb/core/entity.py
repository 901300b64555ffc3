"""Entities: `ET.Guest(db=db)`, immutable values with a type, fields and perhaps a uid.

Any capitalised name is a type. Types are classes, made when the program first uses them (never from a peer's
messages), so that `match` statements, `isinstance` and pickling work.
"""

from __future__ import annotations

import copyreg
import unicodedata
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from zefnb.core.derived import DERIVED
from zefnb.core.record import VALID_NAMES, Record, assemble, check_field_names, refuse_secrets, set_fields, set_uid
from zefnb.core.secret_fields import SECRECY
from zefnb.core.types import Matcher, Union, compile_pattern
from zefnb.core.uid import checked_name
from zefnb.errors import FieldError, InvalidValue, UnknownName, shown

if TYPE_CHECKING:
    import inspect

_LONGEST_NAME = 200

# Weak, so that a type from a database file is freed with its last value; `ET` holds the types that the program uses.
_types: dict[str, weakref.ref[type[Entity]]] = {}


class _Doc:
    """The `__doc__` of the values of an entity type."""

    def __get__(self, value: object, cls: EntityType) -> str:
        return _doc_of(cls)


_DOC = _Doc()


def _doc_of(cls: EntityType) -> str:
    """Return the docstring from the shapes, which are imported only when it is needed."""
    from zefnb.core.shapes import doc_of

    return doc_of(cls.__name__)


class EntityType(type):
    """The type of entity types: they print as `ET.Guest` and join with `|`."""

    def __repr__(cls) -> str:
        return f"ET.{cls.__name__}"

    @property
    def __doc__(cls) -> str:  # type: ignore[override]
        # `help` reads this attribute, and not the descriptor of the class.
        own = vars(cls)["__doc__"]
        return own if isinstance(own, str) else _doc_of(cls)

    @property
    def __signature__(cls) -> inspect.Signature:
        from zefnb.core.shapes import SHAPES

        shape = SHAPES.get(cls.__name__)
        if shape is None:
            raise AttributeError("__signature__")
        return shape.signature

    # Hidden from type checkers: pyright would take `Topic | None` in an annotation as a call, and check nothing.
    if not TYPE_CHECKING:

        def __or__(cls, other: object) -> Any:
            return Union.of(cls, other) if _joins(other) else NotImplemented

        def __ror__(cls, other: object) -> Any:
            return Union.of(other, cls) if _joins(other) else NotImplemented


def _joins(other: object) -> bool:
    return other is None or isinstance(other, type) or hasattr(type(other), "__pattern__")


def _check_positional(cls: type[Entity], given: tuple[object, ...]) -> None:
    # `ET.GitHubOAuth(ID, SECRET)` and `ET.GitHubOAuth(SECRET)` are likely mistakes; the error must not show the secret.
    is_hidden = cls._secrecy is not None
    if len(given) == 1 and not is_hidden:
        return
    count = f"{len(given)} values" if len(given) > 1 else "a value"
    problem = f"got {count} by position" + ("" if is_hidden else f", the second is {shown(given[1])}")
    given = ()
    allowed = "every field by name" if is_hidden else "one uid or name; everything else by field name"
    raise InvalidValue(repr(cls), [FieldError("uid", problem, allowed)])


class Entity(Record, metaclass=EntityType):
    """A value of an entity type; see `ET`."""

    __slots__ = ()

    def __init__(self, /, *uid: str, **fields: Any) -> None:
        cls = type(self)
        try:
            if uid:
                _check_positional(cls, uid)
            if not fields.keys() <= VALID_NAMES:
                check_field_names(cls, fields.keys())  # the names alone: a verbose traceback shows them
            set_uid(self, checked_name(cls, uid[0]) if uid else None)
        except InvalidValue:
            if cls._secrecy is not None:
                # A verbose traceback shows the variables of this frame.
                uid, fields = (), {}
            raise
        set_fields(self, fields)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        refuse_secrets(self)
        return _rebuild, (type(self).__name__, self._uid, dict(self.__dict__))

    def __pattern__(self) -> Matcher:
        """Match an equal value of the same type; in fields, `Time(...)` and `EntityUid(...)` match any."""
        cls, wanted, uid = type(self), self.__dict__, self._uid
        if uid is not None:
            return Matcher(by_type=lambda t: None if t is cls else False, test=lambda value: bool(value == self))
        fields = {name: _field_matcher(field) for name, field in wanted.items()}

        def test(value: Any) -> bool:
            if type(value) is not cls or value._uid is not None or value.__dict__.keys() != wanted.keys():
                return False
            given = value.__dict__
            return all(field.test(given[name]) for name, field in fields.items())

        inline = all(field.inline for field in fields.values())
        return Matcher(by_type=lambda t: None if t is cls else False, test=test, inline=inline)


def _field_matcher(field: Any) -> Matcher:
    """Return the matcher for a field of a literal; functions, types and sets are compared as data."""
    if callable(field) or isinstance(field, set | frozenset):
        return Matcher(by_type=None, test=lambda value: bool(value == field))
    return compile_pattern(field)


def _rebuild(name: str, uid: str | None, fields: dict[str, Any]) -> Entity:
    return assemble(entity_type(name), uid, fields)


def entity_type(name: str) -> type[Entity]:
    """Return the entity type of that name, and make it if necessary. Raises `InvalidValue` for an invalid name."""
    known = _types.get(name)
    found = known() if known is not None else None
    while found is None:
        declared = {"__slots__": (), "__module__": "zefnb.core.entity", "__doc__": _DOC, **DERIVED.get(name, {})}
        declared["_secrecy"] = SECRECY.get(name)
        made = EntityType(_checked_type_name(name), (Entity,), declared)
        # Another thread may have made it first.
        stored = _types.setdefault(name, weakref.ref(cast("type[Entity]", made), lambda ref: _forget(name, ref)))
        found = stored()
        if found is None:
            _forget(name, stored)
    return found


def _forget(name: str, ref: weakref.ref[type[Entity]]) -> None:
    if _types.get(name) is ref:
        _types.pop(name, None)


def _checked_type_name(name: object) -> str:
    """Return `name` if it can follow `ET.` in a program, since it is printed with each value of the type."""
    if not isinstance(name, str) or not (name[:1].isupper() and name.isidentifier()):
        raise InvalidValue("ET", [FieldError("name", f"got {shown(name)}", "a capitalised name")])
    if len(name) > _LONGEST_NAME or not unicodedata.is_normalized("NFKC", name):
        allowed = f"at most {_LONGEST_NAME} characters, in the normal form that Python reads names in (NFKC)"
        raise InvalidValue("ET", [FieldError("name", f"got {shown(name)}", allowed)])
    return name


copyreg.pickle(EntityType, lambda cls: (entity_type, (cls.__name__,)))


class EntityTypes:
    """The namespace of entity types.

    >>> ET.Guest(name='Ada').name
    'Ada'
    >>> ET.Topic('chat') == ET.Topic('chat'), ET.Guest(n=1) == ET.Guest(n=2)
    (True, False)
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if not name[0].isupper():
            raise UnknownName(f"ET.{name}", f"entity types are capitalised: ET.{name[0].upper()}{name[1:]}")
        # Stored as an attribute, so that the next lookup does not call `__getattr__`.
        self.__dict__[name] = found = entity_type(name)
        return found

    def __dir__(self) -> list[str]:
        from zefnb.core.shapes import SHAPES

        return sorted({*_types, *SHAPES})

    def __repr__(self) -> str:
        return "ET"

    def __reduce__(self) -> str:
        return "ET"


ET = EntityTypes()

if TYPE_CHECKING:
    # For type checkers; `shapes` has the fields, and a test compares the two.

    class Topic(Entity):
        """A named stream of messages."""

    class HTTPServer(Entity):
        """A handle on a running server, made by `FX.StartHTTPServer`."""

        port: int
        root_certificate: str

    class Actor(Entity):
        """A handle on an actor, made by `FX.StartActor`."""

        input: Topic

    class WebSocketClient(Entity):
        """A handle on an outward connection, made by `FX.StartWebSocketClient`."""

    class Timer(Entity):
        """A handle on a timer, made by `FX.StartTimer`."""

    class Replay(Entity):
        """A handle on a replay, made by `FX.StartReplay`."""

    class Subscription(Entity):
        """A handle on a subscription, made by `FX.SubscribeFX` or `FX.MapTopic`."""

    class Success(Entity):
        """The result of an effect without another result."""

else:
    Topic, HTTPServer, Actor = ET.Topic, ET.HTTPServer, ET.Actor
    WebSocketClient, Timer, Replay, Subscription = ET.WebSocketClient, ET.Timer, ET.Replay, ET.Subscription
    Success = ET.Success
