"""Records: immutable values with named fields."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.record import assemble, fields_of, replaced, structural_hash, uid_of
from zefnb.core.types import ByteArray
from zefnb.errors import InvalidValue

calm = settings(deadline=None)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3)
nested = st.recursive(
    scalars | st.binary(max_size=3) | st.frozensets(st.integers(0, 5), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=2).map(
            lambda fields: ET.Box(**fields)
        )
    ),
    max_leaves=8,
)


def twin(value: Any) -> Any:
    """An equal value of other types, in another order."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return float(value)
    if isinstance(value, bytes):
        return bytearray(value)
    if isinstance(value, frozenset):
        return {float(number) for number in value}
    if isinstance(value, dict):
        return OrderedDict((key, twin(item)) for key, item in reversed(value.items()))
    if isinstance(value, list | tuple):
        return type(value)(twin(item) for item in value)
    if type(value) is ET.Box:
        return ET.Box(**{name: twin(field) for name, field in reversed(fields_of(value).items())})
    return value


@calm
@given(nested)
def test_equal_values_have_equal_hashes(value):
    assert twin(value) == value or isinstance(value, float)
    assert structural_hash(twin(value)) == structural_hash(value)
    assert hash(ET.Box(content=twin(value))) == hash(ET.Box(content=value))


@calm
@given(nested, nested)
def test_records_with_equal_fields_are_equal_and_hash_equally(one, other):
    same = ET.Box(content=one) == ET.Box(content=other)
    assert same == (one == other)
    if same:
        assert hash(ET.Box(content=one)) == hash(ET.Box(content=other))


def test_different_contents_usually_hash_differently():
    values = [[], {}, (), [1], [2], [[1]], {"a": 1}, {"a": 2}, {"b": 1}, b"a", ET.Box(a=[1]), ET.Box(a=[2])]
    assert len({structural_hash(value) for value in values}) == len(values)


def test_all_kinds_of_bytes_have_equal_hashes():
    kinds = [b"ab", bytearray(b"ab"), memoryview(b"ab"), memoryview(bytearray(b"ab")), ByteArray(b"ab")]
    assert len({structural_hash(kind) for kind in kinds}) == 1


def test_an_unhashable_value_as_a_field_gets_a_hash():
    class Unhashable:
        __hash__ = None

        def __eq__(self, other):
            return isinstance(other, Unhashable)

    assert hash(ET.Box(content=Unhashable())) == hash(ET.Box(content=Unhashable()))


def test_a_copy_with_changes_does_not_change_the_original():
    box = ET.Box("red", size=1)
    bigger = replaced(box, size=2, colour="red")
    assert fields_of(bigger) == {"size": 2, "colour": "red"}
    assert uid_of(bigger) == "red"
    assert fields_of(box) == {"size": 1}


def test_any_field_except_an_underscore_name_can_be_replaced():
    assert replaced(ET.Box(), record=1, self=2, cls=3) == ET.Box(record=1, self=2, cls=3)
    with pytest.raises(InvalidValue, match=r"ET\.Box: _uid.*underscore"):
        replaced(ET.Box(), _uid="x")


def test_fields_are_given_out_as_a_copy():
    box = ET.Box(size=1)
    fields_of(box)["size"] = 2
    assert box.size == 1


def test_an_assembled_record_keeps_its_dict():
    assert assemble(ET.Box, "red", {"size": 1}) == ET.Box("red")
    assert uid_of(assemble(ET.Box, None, {})) is None
