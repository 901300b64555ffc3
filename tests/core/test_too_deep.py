"""Values that are nested too deeply for Python raise a clear error at every entry and exit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zefnb import ET, FX, DictDatabase, run
from zefnb.core.types import compile_pattern
from zefnb.core.wire import to_json_text
from zefnb.errors import InvalidValue, shown
from zefnb.notebook.command_line.line import LineError
from zefnb.notebook.magics.publish import _content
from zefnb.notebook.watch.requests import content_of
from zefnb.ops import collect, filter, parse_json, to_json


def nested(depth: int, kind: Any) -> Any:
    value = kind(())
    for _ in range(depth):
        value = kind((value,))
    return value


TEXT = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("kind", [list, tuple, lambda parts: {"a": parts}])
@pytest.mark.parametrize(
    "use",
    [
        lambda value: FX.Publish(target=ET.Topic("deep"), content=value) | run,
        lambda value: FX.StartTimer(interval=60.0, target=ET.Topic("deep"), content=value) | run,
        lambda value: value | to_json | collect,
        lambda value: (FX.CreateDB(type=DictDatabase) | run).update(deep=value),
    ],
    ids=["a message", "a timer's message", "JSON", "a value in a database"],
)
def test_a_value_is_refused(use, kind):
    with pytest.raises(InvalidValue, match="nested too deeply"):
        use(nested(10_000, kind))


def test_a_key_is_refused():
    db, key = FX.CreateDB(type=DictDatabase) | run, nested(10_000, tuple)
    for use in (
        lambda: db[key],
        lambda: key in db,
        lambda: db.update([(key, 1)]),
        lambda: FX.QueryDB(db=db, get=key) | run,
    ):
        with pytest.raises(InvalidValue, match="key: it is nested too deeply"):
            use()


@pytest.mark.parametrize("text", [TEXT, '{"a":' * 100_000, TEXT.encode()], ids=["lists", "dicts", "bytes"])
def test_json_text_is_refused(text):
    with pytest.raises(InvalidValue, match="nested too deeply"):
        text | parse_json | collect


def deep_entity(depth: int = 100_000) -> Any:
    value = ET.Leaf()
    for _ in range(depth):
        value = ET.Branch(part=value)
    return value


def test_a_deep_entity_has_a_repr_that_ends():
    for value in (
        deep_entity(),
        ET.Branch(part=nested(100_000, list)),
        FX.Publish(target=ET.Topic("t"), content=deep_entity()),
    ):
        text = repr(value)
        assert text.startswith(("ET.Branch(part=", "FX.Publish(target="))
        assert len(text) < 50_000
        assert len(shown(value)) < 200


@pytest.mark.parametrize("part", [lambda: deep_entity(), lambda: nested(100_000, list)], ids=["entities", "lists"])
def test_what_looks_into_all_of_a_deep_entity_names_the_field(part):
    one, other = ET.Branch(part=part()), ET.Branch(part=part())
    for use in (lambda: hash(one), lambda: one == other, lambda: one in [other], lambda: one in {1, 2}):
        with pytest.raises(InvalidValue, match="part: it is nested too deeply"):
            use()


@pytest.mark.parametrize(
    "use", [compile_pattern, lambda value: {value: 1}, lambda value: [1] | filter(value) | collect]
)
def test_a_deep_pattern_or_key_is_refused(use):
    with pytest.raises(InvalidValue, match="nested too deeply"):
        use(deep_entity())


def test_a_deep_key_to_remove_is_refused():
    db = FX.CreateDB(type=DictDatabase) | run
    with pytest.raises(InvalidValue, match="key: it has more than 10,000 parts"):
        FX.UpdateDB(db=db, remove=[deep_entity()]) | run


def test_json_typed_by_a_person_is_refused():
    with pytest.raises(InvalidValue, match="nested too deeply"):
        content_of({"content": TEXT, "as": "json"})
    with pytest.raises(LineError, match="nested too deeply"):
        _content(TEXT, True)


def test_an_int_of_too_many_digits_is_not_reported_as_nan():
    with pytest.raises(InvalidValue, match="4,300 digits at most"):
        to_json_text([10**5_000])
    assert json.loads(to_json_text(10**4_000)) == 10**4_000
