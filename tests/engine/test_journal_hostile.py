"""Exceptions that raise whatever they are asked for: each is an entry, and nothing of it reaches the caller."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from zefnb.engine.journal import Journal


class Meta(type):
    """A metaclass that raises for the name of its classes, and for their hash."""

    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__", "__str__", "__repr__"):
            raise RuntimeError(name)
        return super().__getattribute__(name)

    def __hash__(cls) -> int:
        raise RuntimeError("__hash__")

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("__eq__")


class Nameless(Exception, metaclass=Meta):
    pass


class Mute(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Raises(Exception):
    @property
    def __notes__(self) -> Any:
        raise RuntimeError

    @property
    def __cause__(self) -> Any:
        raise RuntimeError

    __traceback__ = __context__ = __suppress_context__ = args = __cause__  # type: ignore[assignment]

    def __str__(self) -> str:
        raise Mute


class Group(ExceptionGroup[Exception]):
    @property
    def exceptions(self) -> Any:
        raise RuntimeError


class Numbered(Exception):
    __module__ = 5  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Nameless("x"), "Nameless"),
        (lambda: Mute("x"), "Mute"),
        (lambda: Raises("x"), "Raises"),
        (lambda: Group("x", [ValueError()]), "Group"),
        (lambda: Numbered("x"), "Numbered"),
        (lambda: KeyError(Mute()), "KeyError"),
        (lambda: OSError(Mute(), Mute(), Mute()), "OSError"),
        (lambda: ValueError(Nameless("x"), Mute()), "ValueError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_exception_that_raises_is_an_entry(
    make: Callable[[], Exception], name: str, caplog: pytest.LogCaptureFixture
):
    journal = Journal()
    for _ in range(2):
        try:
            raise make()
        except Exception as error:
            journal.exception("a handler", error, state=error, kind=type(error))
    with caplog.at_level(logging.DEBUG):
        [entry] = journal.entries()
    assert entry["count"] == 2
    assert entry["message"].startswith(f"a handler: {name}: ")
    assert entry["error"] == name
    assert entry["traceback"].startswith("Traceback")


def test_a_tab_is_escaped_wherever_it_comes_from():
    journal = Journal()
    try:
        raise ValueError("a\tb\nc\td")
    except ValueError as error:
        error.add_note("a\tnote")
        journal.exception("in\there", error, example="an\texample", detail="a\tdetail")
    [entry] = journal.entries()
    assert "\t" not in "".join(str(value) for value in entry.values())
    assert "a\\tb\n  | c\\td" in entry["traceback"]
