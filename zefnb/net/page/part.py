"""Parts of a page: each has options for the browser, perhaps topics that it shows, and input that it accepts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from zefnb.core.entity import Entity


class Rejected(Exception):
    """Input that a part does not accept: a text for each field, or for the whole input under the empty name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(", ".join(problems.values()))
        self.problems = dict(problems)


class State(Protocol):
    """The state that a part shows, made from the messages of its topics."""

    # Whether a change is one more item. Otherwise it replaces the state in the browser.
    appends: bool

    def add(self, content: Any, number: int) -> Any:
        """Add a message of topic `number`. Returns the item; `None` when the message changes nothing."""

    def snapshot(self) -> Any:
        """The state as JSON has it."""


# The content to publish for the input of a user (`None` without a login). Raises `Rejected`.
Check = Callable[[Any, Mapping[str, Any] | None], Any]


@dataclass(frozen=True)
class Part:
    """A part that has been checked."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    topics: tuple[Entity, ...] = ()
    make_state: Callable[[], State] | None = None
    # Parts with equal keys share one state.
    state_key: Hashable = None
    push_into: tuple[Entity, ...] = ()
    check: Check | None = None
    # Whether each visitor has one input.
    once: bool = False
    html: str = ""
    module: str = ""
