"""The shapes of entity types: help, signatures, and the places that repeat a part of them."""

from __future__ import annotations

import ast
import inspect
import io
import os
import pydoc
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.spec.sessions import environment
from zefnb import ET, FX, DictDatabase, Time
from zefnb.core import entity
from zefnb.core.shapes import SHAPES, of_kind
from zefnb.core.shapes.shape import Presence
from zefnb.core.types import match
from zefnb.net.http.responses import response_of
from zefnb.net.websocket.endpoint import EndpointConfig
from zefnb.net.websocket.slow_client import SlowClient

NAMES = {
    "ET": ET,
    "FX": FX,
    "Time": Time,
    "Any": Any,
    "Literal": Literal,
    "Sequence": Sequence,
    "Mapping": Mapping,
    "Callable": Callable,
    "DictDatabase": DictDatabase,
}


def type_of(field: Any) -> Any:
    """The type of a field, which a shape has as text."""
    return eval(field.type, {**NAMES, "os": os})


@pytest.mark.parametrize("name", SHAPES)
def test_help_shows_every_field_with_its_type_meaning_and_default_and_an_example(name):
    shape, shown = SHAPES[name], io.StringIO()
    with redirect_stdout(shown):
        pydoc.Helper(output=shown).help(getattr(ET, name))
    text = "\n".join(line.removeprefix(" |").strip() for line in shown.getvalue().splitlines())
    for field, known in shape.fields.items():
        assert f"{field}: {known.type}" in text
        assert known.meaning in text
        assert known.default_text in text
    assert shape.example.strip().splitlines()[-1] in text
    assert shape.summary == inspect.getdoc(getattr(ET, name)).partition("\n")[0]


@pytest.mark.parametrize("name", SHAPES)
def test_a_value_has_the_help_of_its_type(name):
    kind = getattr(ET, name)
    assert kind().__doc__ == kind.__doc__
    assert kind(more="x").__doc__ == kind.__doc__


def test_the_help_of_a_user_type_says_that_it_accepts_any_fields():
    assert ET.Visitor.__doc__ == "An entity type of the program: `ET.Visitor(...)` takes any fields."
    assert list(inspect.signature(ET.Visitor).parameters) == ["uid", "fields"]
    assert entity.Entity.__doc__ == "A value of an entity type; see `ET`."


def test_the_signature_has_the_fields_and_their_defaults():
    assert str(inspect.signature(ET.Redirect)) == "(*, url, status=302, public=False, allow=None)"
    assert str(inspect.signature(ET.HTTPServer)) == "(uid, /, *, port, root_certificate=Ellipsis)"


@pytest.mark.parametrize("name", SHAPES)
def test_every_type_annotation_is_valid_and_every_default_has_its_type(name):
    for field in SHAPES[name].fields.values():
        kind = type_of(field)
        if not isinstance(field.default, Presence):
            assert match(kind, field.default) or field.default == ()


def test_the_defaults_are_those_of_the_code():
    config, allowed = EndpointConfig(), SlowClient()
    socket, slow = SHAPES["WebSocket"].fields, SHAPES["SlowClient"].fields
    assert {name: field.default for name, field in slow.items()} == vars(allowed)
    assert socket["slow_client"].default == allowed.policy == config.slow_client.policy
    for name in ("max_size", "compression", "subprotocols"):
        assert socket[name].default == getattr(config, name)
    assert SHAPES["Redirect"].fields["status"].default == response_of(ET.Redirect(url="/")).status_code
    whole, defaults = SHAPES["Response"].fields, response_of(ET.Response())
    assert (whole["status"].default, whole["body"].default) == (defaults.status_code, defaults.body)


def test_a_response_with_only_its_required_fields_is_complete(tmp_path):
    (tmp_path / "x.txt").write_text("x")
    values = {"content": "x", "url": "/", "path": tmp_path / "x.txt"}
    for shape in of_kind("response"):
        required = {name: values[name] for name in shape.required}
        assert response_of(getattr(ET, shape.name)(**required)).status_code < 400
        for left_out in required:
            with pytest.raises(ValueError, match=f"ET.{shape.name}.{left_out} is missing"):
                response_of(getattr(ET, shape.name)(**{n: v for n, v in required.items() if n != left_out}))


def test_type_checkers_see_the_fields_that_the_shapes_declare():
    tree = ast.parse(Path(entity.__file__).read_text())
    classes = {
        node.name: node
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ClassDef)
    }
    assert classes.keys() == {shape.name for shape in of_kind("handle")}
    for name, node in classes.items():
        assert ast.get_docstring(node) == SHAPES[name].summary
        fields = [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
        assert fields == list(SHAPES[name].fields)


def test_shapes_are_loaded_on_first_use():
    code = (
        "from zefnb import *; import sys; ET.WebSocket(), ET.Guest(x=1); assert 'zefnb.core.shapes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), timeout=30, check=True)
