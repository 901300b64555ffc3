"""The shapes: every entity type whose fields zefnb reads or writes.

This is the only list of these fields. The checks of routes, completion, `ET.WebSocket?`, the types for editors and the
reference are made from it. Any other entity type is the program's own and may have any fields.
"""

from __future__ import annotations

from zefnb.core.shapes.certificates import CERTIFICATES
from zefnb.core.shapes.given import GIVEN
from zefnb.core.shapes.handles import HANDLES
from zefnb.core.shapes.logins import LOGINS
from zefnb.core.shapes.messages import MESSAGES
from zefnb.core.shapes.pages import PAGES
from zefnb.core.shapes.shape import Kind, Shape

SHAPES: dict[str, Shape] = {
    shape.name: shape for shape in (*GIVEN, *PAGES, *CERTIFICATES, *LOGINS, *MESSAGES, *HANDLES)
}

# `doctest` runs these as tests, like the examples in docstrings.
__test__ = {shape.name: shape.example for shape in SHAPES.values()}


def of_kind(kind: Kind) -> list[Shape]:
    """Return the shapes of one kind, in their order.

    >>> [shape.name for shape in of_kind('change')]
    ['InsertIn', 'RemoveIn']
    """
    return [shape for shape in SHAPES.values() if shape.kind == kind]


def doc_of(name: str) -> str:
    """Return the docstring of the entity type of that name."""
    shape = SHAPES.get(name)
    return shape.doc if shape is not None else f"An entity type of the program: `ET.{name}(...)` takes any fields."
