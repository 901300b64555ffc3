"""The fields of a page and of its parts, read and checked. Mistakes name the part and the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES
from zefnb.errors import FieldError, shown
from zefnb.net.fields import check_topic, check_topics


class Reader:
    """Reads the fields of one entity, and adds mistakes to `faults`."""

    def __init__(self, where: str, value: Entity, faults: list[FieldError]) -> None:
        self.where = where
        self.kind = type(value).__name__
        self.given: Mapping[str, Any] = fields_of(value)
        self.faults = faults
        shape = SHAPES[self.kind]
        faults.extend((*shape.unknown(where, self.given), *shape.missing(where, self.given)))

    def fault(self, field: str, problem: str, allowed: str) -> None:
        """Add a mistake in `field`."""
        self.faults.append(FieldError(f"{self.where}.{field}", problem, allowed))

    def _wrong(self, field: str, allowed: str) -> None:
        self.fault(field, f"got {shown(self.given[field])}", allowed)

    def text(self, field: str, default: str = "") -> str:
        """A text."""
        value = self.given.get(field, default)
        if not isinstance(value, str):
            self._wrong(field, "text")
            return default
        return value

    def name(self, field: str) -> str | None:
        """A text that is not empty, or `None`."""
        value = self.given.get(field)
        if value is not None and not (isinstance(value, str) and value):
            self._wrong(field, "the name of a field, or None")
            return None
        return value

    def names(self, field: str) -> tuple[str, ...]:
        """One name, or a list of different names."""
        value = self.given.get(field)
        items = [value] if isinstance(value, str) else value
        if items is None:
            return ()
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
            self._wrong(field, "a name, or a list of names")
            return ()
        if len(set(items)) < len(items):
            self._wrong(field, "names that differ")
        return tuple(items)

    def flag(self, field: str, default: bool = False) -> bool:
        """True or false."""
        value = self.given.get(field, default)
        if not isinstance(value, bool):
            self._wrong(field, "True or False")
            return default
        return value

    def whole(self, field: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`."""
        value = self.given.get(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            self._wrong(field, f"1 to {most:,}")
            return default
        return value

    def topics(self, field: str) -> tuple[Entity, ...]:
        """At least one topic, if the field is given."""
        if field not in self.given:
            return ()
        return check_topics(f"{self.where}.{field}", self.given[field], self.faults)

    def topic(self, field: str) -> Entity | None:
        """One topic, or `None`."""
        return check_topic(f"{self.where}.{field}", self.given.get(field), self.faults)
