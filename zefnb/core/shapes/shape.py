"""A shape: the fields that zefnb reads or writes in entities of one type, with their types and defaults."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal

from zefnb.core.frozen import Frozen
from zefnb.errors import FieldError, Hint

Kind = Literal["route", "part", "response", "auth", "certificate", "change", "message", "handle"]


class Presence(Enum):
    """Whether an entity always has a field without a default."""

    REQUIRED = "required"
    MAY_BE_MISSING = "may be missing"
    COMPUTED = "computed"


REQUIRED, MAY_BE_MISSING, COMPUTED = Presence.REQUIRED, Presence.MAY_BE_MISSING, Presence.COMPUTED


class Field(Frozen):
    """One field. `type` is written as an annotation, with `ET.` before entity types."""

    type: str
    meaning: str
    default: Any = REQUIRED

    @property
    def default_text(self) -> str:
        """The default as code, or whether the field is required."""
        return self.default.value if isinstance(self.default, Presence) else repr(self.default)


class Shape(Frozen):
    """The fields of one entity type, with a summary and an example that is run as a test.

    Programs make routes, responses and changes; zefnb makes messages and handles. A handle has a `uid` in addition to
    its fields. `more` describes other possible fields. `derived` has the attributes that are computed from the fields
    when they are read.
    """

    name: str
    kind: Kind
    summary: str
    fields: Mapping[str, Field]
    example: str
    uid: str = ""
    more: str = ""
    derived: Mapping[str, Field] = MappingProxyType({})

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the required fields."""
        return tuple(name for name, field in self.fields.items() if field.default is REQUIRED)

    @property
    def signature(self) -> inspect.Signature:
        """The fields as a signature without types, for help and completion."""
        made = [inspect.Parameter("uid", inspect.Parameter.POSITIONAL_ONLY)] if self.uid else []
        for name, field in self.fields.items():
            default = {REQUIRED: inspect.Parameter.empty, MAY_BE_MISSING: ...}
            given = default[field.default] if isinstance(field.default, Presence) else field.default
            made.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=given))
        return inspect.Signature(made)

    @property
    def doc(self) -> str:
        """The docstring of the type: the summary, each field, and the example."""
        return "\n\n".join([self.summary, *self._listed(), self.example.strip()])

    def _listed(self) -> Iterator[str]:
        lines = [f"    uid: str\n        {self.uid}"] if self.uid else []
        for name, field in self.fields.items():
            default = f"  ({field.default_text})" if isinstance(field.default, Presence) else f" = {field.default_text}"
            lines.append(f"    {name}: {field.type}{default}\n        {field.meaning}")
        if lines:
            yield "\n".join(["Fields:", *lines])
        if self.derived:
            derived = (f"    {name}: {field.type}\n        {field.meaning}" for name, field in self.derived.items())
            yield "\n".join(["Computed from these:", *derived])
        if self.more:
            yield self.more

    def unknown(self, where: str, given: Mapping[str, Any]) -> Iterator[FieldError]:
        """Yield an error for each field of `given` that the shape does not have."""
        for name in given:
            if name not in self.fields:
                yield FieldError(f"{where}.{name}", "unknown field", ", ".join(self.fields), Hint(name, self.fields))

    def missing(self, where: str, given: Mapping[str, Any]) -> Iterator[FieldError]:
        """Yield an error for each required field that `given` does not have."""
        for name in self.required:
            if name not in given:
                yield FieldError(f"{where}.{name}", "missing", f"ET.{self.name}({name}=...)")
