"""A live table: the columns of one kind of row, the details of the selected row, and the actions on it."""

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
    """An input box beside the button of an action. `kind` is 'text', 'number' or 'content' (a message)."""

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    value: Any = None


class Action(NamedTuple):
    """An action on the selected row. `do` returns the text of its success. If there is a question, it comes first."""

    name: str
    label: str
    do: Callable[[Runtime, Any, Request], str | Awaitable[str]]
    boxes: tuple[Box, ...] = ()
    question: str = ""

    def spec(self) -> dict[str, Any]:
        """Return the description of the action for the browser, as JSON values."""
        return {
            "name": self.name,
            "label": self.label,
            "question": self.question,
            "boxes": [box._asdict() for box in self.boxes],
        }


class Place(NamedTuple):
    """The server and the WebSocket route to which rows belong. `server` is a server's place; `None` is any."""

    server: str | None = None
    path: str | None = None


class RowDetails:
    """The details of the row that a view has selected, in addition to its cells. By default there are none."""

    # The actor whose state is shown.
    actor: Actor | None = None
    # Reads what is shown as the state of a row without an actor. Called in a handler thread, since it may take time.
    contents: Callable[[], Any] | None = None
    # The text that is shown until the first frame.
    hint = ""

    def frames(self) -> tuple[list[Frame], int]:
        """Return the frames since the last call, and the number of frames that were dropped."""
        return [], 0

    def facts(self) -> Sequence[str]:
        """Return other current facts on the row, each as a short text."""
        return ()

    @property
    def is_open(self) -> bool:
        """Whether the row still exists, so that actions are possible."""
        return True

    def close(self) -> None:
        """Release the resources of the details, when the row is no longer selected."""


class Table(Generic[T]):
    """One kind of row. Each file of `watch/tables/` has one as `TABLE`; its name is the file's. Only the loop uses it.

    `T` is the type of the running objects, from which `columns` read their values. If `by_server` is true, the rows
    belong to servers, and `groups` returns them by server and route.
    """

    # The name of one row; `empty` is the text for a table without rows.
    noun: ClassVar[str]
    empty: ClassVar[str] = ""
    columns: ClassVar[tuple[Column, ...]]
    # The column of the default order; '' is the first column.
    sort: ClassVar[str] = ""
    actions: ClassVar[tuple[Action, ...]] = ()
    by_server: ClassVar[bool] = False
    has_frames: ClassVar[bool] = False
    has_state: ClassVar[bool] = False

    def rows(self, runtime: Runtime) -> Iterable[T]:
        """Return the running objects."""
        raise NotImplementedError

    async def load(self, runtime: Runtime) -> None:
        """Read rows that are in another process, before the table is first drawn."""

    def groups(self, runtime: Runtime) -> Iterable[tuple[Place, Iterable[T]]]:
        """Return the running objects by server and route."""
        return ((Place(), self.rows(runtime)),)

    def key(self, row: T) -> Hashable:
        """Return the key of a row, which is constant while the row exists."""
        return row

    def title(self, row: T) -> str:
        """Return the title of a row's details."""
        raise NotImplementedError

    def is_there(self, row: T) -> bool:
        """Whether the row still exists, so that actions are possible."""
        return True

    def details(self, runtime: Runtime, row: T) -> RowDetails:
        """Create the details of a row."""
        return RowDetails()

    def value_of(self, column: Column) -> Callable[[T], Any]:
        """Return the function that reads the value of a column from a row."""
        return column.of or attrgetter(column.name)

    def spec(self) -> dict[str, Any]:
        """Return the description of the table for the browser, as JSON values."""
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
