"""A live table: what one kind of row shows of itself, what more of the one that is selected, and what one can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from operator import attrgetter
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from zefnb.engine.actor import Actor
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.requests import Request

T = TypeVar("T")

Frame = dict[str, Any]


class Box(NamedTuple):
    """A box to fill in, beside the button of an action. `kind` is 'text', 'number' or 'content' (a message)."""

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    value: Any = None


class Action(NamedTuple):
    """What one can do with the selected row; `do` returns what to say when it is done. `asks` is asked before."""

    name: str
    label: str
    do: Callable[[Runtime, Any, Request], str | Awaitable[str]]
    boxes: tuple[Box, ...] = ()
    asks: str = ""

    def spec(self) -> dict[str, Any]:
        """What the browser needs to know of it."""
        return {
            "name": self.name,
            "label": self.label,
            "asks": self.asks,
            "boxes": [box._asdict() for box in self.boxes],
        }


class Place(NamedTuple):
    """Where rows belong: the place of a server, and one of its WebSocket routes. `None` is anywhere."""

    server: str | None = None
    path: str | None = None


class Look:
    """What is told of the row that a view has selected, beside its cells. Without more, that is its title."""

    # Whose state is shown.
    actor: Actor | None = None
    # What stands where no frames have come yet.
    hint = ""

    def frames(self) -> tuple[list[Frame], int]:
        """The frames since this was asked last, and how many more there were."""
        return [], 0

    def facts(self) -> Sequence[str]:
        """What else there is to know of it now."""
        return ()

    @property
    def is_open(self) -> bool:
        """Whether anything can still be done with it."""
        return True

    def close(self) -> None:
        """Nobody looks any more."""


class Table(Generic[T]):
    """One kind of row. A file of `watch/tables/` has one as `TABLE`, and is found there by its name. Used on the loop.

    `T` is what runs; it is read by `columns`. Where a server has a part in it, `by_server` says so, and `groups`
    tells which.
    """

    # What one is called; there is none in this table as `empty` says.
    noun: ClassVar[str]
    empty: ClassVar[str] = ""
    columns: ClassVar[tuple[Column, ...]]
    # The column by which rows are in order before anyone sorts them.
    sort: ClassVar[str] = ""
    actions: ClassVar[tuple[Action, ...]] = ()
    by_server: ClassVar[bool] = False
    has_frames: ClassVar[bool] = False
    has_state: ClassVar[bool] = False

    def rows(self, runtime: Runtime) -> Iterable[T]:
        """What runs now."""
        raise NotImplementedError

    def groups(self, runtime: Runtime) -> Iterable[tuple[Place, Iterable[T]]]:
        """The same, by where it belongs."""
        return ((Place(), self.rows(runtime)),)

    def key(self, row: T) -> Hashable:
        """What a row is known by as long as it is there."""
        return row

    def title(self, row: T) -> str:
        """What the row is called, above its details."""
        raise NotImplementedError

    def is_there(self, row: T) -> bool:
        """Whether something can be done with it."""
        return True

    def look(self, runtime: Runtime, row: T) -> Look:
        """Begin to look at one row closely."""
        return Look()

    def value_of(self, column: Column) -> Callable[[T], Any]:
        """How the value of a column is had of a row."""
        return column.of or attrgetter(column.name)

    def spec(self) -> dict[str, Any]:
        """All that the browser needs to know, as JSON."""
        return {
            "noun": self.noun,
            "empty": self.empty,
            "columns": [column.spec() for column in self.columns],
            "sort": self.sort or self.columns[0].name,
            "actions": [action.spec() for action in self.actions],
            "by_server": self.by_server,
            "has_frames": self.has_frames,
            "has_state": self.has_state,
        }
