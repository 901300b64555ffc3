"""What values become that JSON and databases do not have: the table of docs/values.md, and converters."""

from __future__ import annotations

import array
import collections
import datetime as datetime_module
import enum
import ipaddress
import json
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.spec.sessions import environment
from zefnb import FX, run
from zefnb.core import converters
from zefnb.core.codec.codec import decode, encode
from zefnb.core.converters import converter
from zefnb.core.entity import ET
from zefnb.core.time import Time
from zefnb.core.types import ByteArray
from zefnb.core.wire import checked, encode_content, to_json_text
from zefnb.errors import InvalidValue, UnsupportedType
from zefnb.store.dict_database import DictDatabase

PAGE = Path(__file__).resolve().parents[2] / "docs" / "values.md"
ROW = re.compile(r"\| `(.+?)`(?: \([^|]*\))? \| `(.+?)` \| (?:`(.+?)`|the same) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text().replace(r"\|", "|"))


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: int
    y: int


# What the rows of the table use beyond what is defined here.
NAMES = {name: getattr(collections, name) for name in ("ChainMap", "OrderedDict", "deque")}
NAMES |= {name: getattr(datetime_module, name) for name in ("UTC", "date", "datetime", "time", "timedelta")}
NAMES |= {"Decimal": Decimal, "UUID": uuid.UUID, "Path": Path, "array": array.array, "Time": Time, "ET": ET}
NAMES |= {"Pair": collections.namedtuple("Pair", "x y"), "Level": Level, "Right": Right}
NAMES |= {"ip_address": ipaddress.ip_address}
LIBRARIES = {"np": "numpy", "pd": "pandas", "pl": "polars"}


def value_of(code: str) -> Any:
    if code.startswith("User("):
        pydantic = pytest.importorskip("pydantic")
        user = pydantic.create_model("User", name=(str, ...), born=(date, ...))
        return eval(code, {**NAMES, "User": user})
    if code.startswith("SecretStr("):
        return eval(code, vars(pytest.importorskip("pydantic")))
    if code.startswith("Order("):
        attrs = pytest.importorskip("attrs")
        return eval(code, {**NAMES, "Order": attrs.make_class("Order", ["id", "due"])})
    short = code.partition(".")[0]
    library = {short: pytest.importorskip(LIBRARIES[short])} if short in LIBRARIES else {}
    return eval(code, {**NAMES, "Color": Color, "Point": Point, **library})


def test_the_table_is_read_whole():
    table = PAGE.read_text().replace(r"\|", "|").partition("## The table")[2].partition("\n- **")[0]
    assert len(ROWS) == len(re.findall(r"^\| `", table, re.MULTILINE)) > 30


@pytest.mark.parametrize(("code", "text", "kept"), ROWS, ids=[row[0] for row in ROWS])
def test_the_table_says_what_each_value_becomes(code, text, kept):
    value = value_of(code)
    assert to_json_text(value, "null") == text
    assert encode_content([value], "null") == (1, f"[{text}]".encode())
    assert to_json_text({"deep": ET.Guest(x=(value,))}, "null") == f'{{"deep": {{"type": "Guest", "x": [{text}]}}}}'
    back = decode(encode({"deep": [value]}))["deep"][0]
    assert repr(back) == (kept or repr(value))
    checked({"deep": [value]})


@pytest.mark.parametrize(("code", "text", "kept"), ROWS, ids=[row[0] for row in ROWS])
def test_a_value_that_becomes_text_or_a_number_can_be_a_key(code, text, kept):
    if text[0] in "[{":
        with pytest.raises((TypeError, InvalidValue)):
            to_json_text({value_of(code): 1})
    else:
        key = text if text[0] == '"' else f'"{text}"'
        assert to_json_text({value_of(code): 1}) == f"{{{key}: 1}}"


def test_keys_that_become_the_same_are_refused_instead_of_lost():
    with pytest.raises(InvalidValue, match="several keys become '1'"):
        to_json_text({Decimal("1"): "a", "1": "b"})


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "PT0S"),
        (timedelta(days=3), "P3D"),
        (timedelta(hours=1), "PT1H"),
        (timedelta(minutes=61), "PT1H1M"),
        (timedelta(microseconds=1), "PT0.000001S"),
        (timedelta(seconds=-1.5), "-PT1.5S"),
        (timedelta(days=-1, seconds=1), "-PT23H59M59S"),
        (timedelta.max, "P999999999DT23H59M59.999999S"),
        (timedelta.min, "-P999999999D"),
    ],
)
def test_durations_are_those_of_iso_8601(duration, text):
    assert json.loads(to_json_text(duration)) == text
    pydantic = pytest.importorskip("pydantic")
    assert pydantic.TypeAdapter(timedelta).validate_python(text) == duration


def test_mappings_sets_and_sequences_of_any_kind_are_objects_and_lists():
    user = collections.UserDict(a=1)
    assert to_json_text([user, collections.UserList([1]), collections.OrderedDict(a=1), collections.Counter("aa")]) == (
        '[{"a": 1}, [1], {"a": 1}, {"a": 2}]'
    )
    named = collections.namedtuple("Named", "x y")(1, 2)
    assert to_json_text([named, {"a": 1}.values(), {"a": 1}.items()]) == '[[1, 2], [1], [["a", 1]]]'


def test_members_of_enums_of_text_and_numbers_are_text_and_numbers():
    level = enum.IntEnum("Level", {"LOW": 1})
    kind = enum.StrEnum("Kind", {"OPEN": "open"})
    assert to_json_text([level.LOW, kind.OPEN, {kind.OPEN: level.LOW}]) == '[1, "open", {"open": 1}]'
    assert encode_content(kind.OPEN) == (1, b"open")


def test_nan_becomes_null_or_is_refused_at_every_place():
    nan = float("nan")
    deep = {"a": [nan, (float("inf"),)], "b": {Point(nan, 1).x: 2}, "c": Point(-float("inf"), 1)}
    assert to_json_text(deep, "null") == '{"a": [null, [null]], "b": {"null": 2}, "c": {"x": null, "y": 1}}'
    for value in (deep["a"], deep["c"], nan):
        with pytest.raises(InvalidValue, match="NaN and infinity are not in JSON"):
            to_json_text(value, "refuse")


# Converters


@pytest.fixture
def declared():
    """Forget after the test what it declares."""
    table = dict(converters._table)
    yield
    converters._table.clear()
    converters._table.update(table)
    converters._found.clear()


def test_a_converter_is_for_a_type_and_its_subclasses_everywhere(declared):
    class Half(Fraction):
        pass

    with pytest.raises(UnsupportedType, match="a value of type Half has no form in JSON"):
        to_json_text(Half(1, 2))

    @converter(Fraction)
    def fraction(value):
        return [value.numerator, date(2026, 1, value.denominator)]

    assert to_json_text({"x": Half(1, 2)}) == '{"x": [1, "2026-01-02"]}'
    assert encode_content(Fraction(1, 2)) == (1, b'[1, "2026-01-02"]')
    assert decode(encode(Half(1, 2))) == [1, date(2026, 1, 2)]


def test_a_converter_replaces_that_of_the_table(declared):
    assert to_json_text(datetime(2026, 1, 2)) == '"2026-01-02T00:00:00"'
    converter(datetime)(lambda value: value.year)
    converter(Point)(lambda value: "a point")
    converter(ET.Guest)(lambda value: value.name)
    assert to_json_text([datetime(2026, 1, 2), Point(1, 2), ET.Guest(name="Ada")]) == '[2026, "a point", "Ada"]'


def test_subclasses_of_plain_types_are_their_base_type_in_a_database_and_as_its_keys(tmp_path):
    text, count, rate, blob, rows = (type("Mine", (base,), {}) for base in (str, int, float, bytes, list))
    keys = [text("a"), count(1), rate(0.5), blob(b"b"), Level.HIGH]
    counts = collections.defaultdict(list, {"a": [collections.Counter("aab")]})
    values = [*keys, counts, NAMES["Pair"](1, NAMES["Pair"](2, 3)), rows([1])]
    plain = ["a", 1, 0.5, b"b", 2, {"a": [{"a": 2, "b": 1}]}, (1, (2, 3)), [1]]
    back = decode(encode(values))
    assert repr(back) == repr(plain)
    db = FX.CreateDB(type=DictDatabase, persistence="local_disk", path=str(tmp_path / "a.db")) | run
    FX.UpdateDB(db=db, insert={key: str(key) for key in keys}) | run
    assert [FX.QueryDB(db=db, get=key) | run for key in plain[:5]] == [str(key) for key in keys]


def test_each_masked_field_of_a_structured_array_is_null():
    np = pytest.importorskip("numpy")
    kind = [("a", int), ("b", float), ("c", int, (2,))]
    rows = np.ma.array([(1, 2.5, [3, 4]), (5, 6.5, [7, 8])], mask=[(1, 0, [0, 1]), (0, 0, 0)], dtype=kind)
    expected = [{"a": None, "b": 2.5, "c": [3, None]}, {"a": 5, "b": 6.5, "c": [7, 8]}]
    assert json.loads(to_json_text(rows)) == decode(encode(rows)) == expected
    assert json.loads(to_json_text(rows[0])) == expected[0]


def test_a_model_decides_about_its_fields_and_hides_its_secrets_also_beside_an_array():
    np, pydantic = pytest.importorskip("numpy"), pytest.importorskip("pydantic")

    class Account(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, serialize_by_alias=True)
        name: str = pydantic.Field(alias="userName")
        password: pydantic.SecretStr
        note: str = pydantic.Field("internal", exclude=True)
        home: pydantic.HttpUrl
        scores: Any = None
        _cache: int = 5

        @pydantic.computed_field
        @property
        def initial(self) -> str:
            return self.name[0]

    expected = {"userName": "Ada", "password": "*" * 10, "home": "http://a.example/", "initial": "A"}
    for scores, plain in ((None, None), (np.array([1, 2]), [1, 2])):
        account = Account(userName="Ada", password="geheim", home="http://a.example", scores=scores)
        assert json.loads(to_json_text({"a": account})) == {"a": {**expected, "scores": plain}}
        assert decode(encode(account)) == {**expected, "scores": plain}
    assert to_json_text(pydantic.RootModel[list[int]]([1, 2])) == "[1, 2]"
    assert to_json_text([pydantic.SecretBytes(b"geheim")]) == '["**********"]'


@pytest.mark.parametrize("cls", [str, int, bool, dict, collections.Counter, 5, "Fraction"])
def test_a_converter_that_would_never_be_called_is_refused(cls):
    with pytest.raises(InvalidValue, match="converter: types"):
        converter(cls)


def test_a_converter_that_fails_names_itself_and_what_happened(declared):
    converter(Fraction)(lambda value: 1 / 0)
    with pytest.raises(InvalidValue, match="ZeroDivisionError in the converter of Fraction: division by zero"):
        encode_content([Fraction(1, 2)])


def test_a_converter_that_returns_what_it_is_given_ends(declared):
    converter(Fraction)(lambda value: Fraction(value))
    with pytest.raises(InvalidValue, match="nested too deeply"):
        encode_content(Fraction(1, 2))


def test_no_library_is_imported_for_its_types():
    code = (
        "import sys; from zefnb import *; [object() for _ in ()]\n"
        "from zefnb.core.wire import encode_content\n"
        "import datetime; encode_content([datetime.date(2026, 1, 2), {datetime.date(2026, 1, 2): {1}}])\n"
        "heavy = {'numpy', 'pandas', 'polars', 'pydantic', 'attrs', 'attr', 'decimal', 'uuid'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), timeout=30, check=True)


def test_a_library_that_is_imported_later_is_known_then():
    code = (
        "from zefnb.core.wire import encode_content\n"
        "from fractions import Fraction\n"
        "try: encode_content(Fraction(1, 2))\n"
        "except ValueError: pass\n"
        "import numpy\n"
        "assert encode_content(numpy.arange(2)) == (1, b'[0, 1]')\n"
    )
    pytest.importorskip("numpy")
    subprocess.run([sys.executable, "-c", code], env=environment(), timeout=60, check=True)


@pytest.mark.parametrize("content", [{"a": b"x"}, [ByteArray(b"x")], {"a": {"b": [1j]}}, {(1,): 2}, ET.Guest(x=len)])
def test_content_is_checked_as_it_is_encoded(content):
    with pytest.raises(InvalidValue) as when_encoded:
        encode_content(content)
    with pytest.raises(InvalidValue) as when_checked:
        checked(content)
    assert str(when_checked.value) == str(when_encoded.value)


def test_two_columns_of_one_name_are_refused_instead_of_lost():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(InvalidValue, match="there are several columns 'a'"):
        to_json_text(pandas.DataFrame([[1, 2]], columns=["a", "a"]))


def test_arrays_of_every_kind_of_numpy_become_lists_or_are_refused_by_type():
    numpy = pytest.importorskip("numpy")
    assert to_json_text(numpy.array(5)) == "5"
    assert to_json_text(numpy.zeros((0, 2))) == "[]"
    assert to_json_text(numpy.array(["a"])) == '["a"]'
    assert to_json_text(numpy.array([date(2026, 1, 2), None], dtype=object)) == '["2026-01-02", null]'
    assert to_json_text(numpy.ma.masked_array([1, 2], [0, 1])) == "[1, null]"
    assert to_json_text(numpy.longdouble(0.5)) == "0.5"
    for wrong, named in ((numpy.array([1j]), "complex"), (numpy.array([b"x"]), "bytes"), (numpy.dtype(int), "DType")):
        with pytest.raises(InvalidValue, match=named):
            encode_content(wrong)


def test_fields_of_structured_arrays_are_converted_at_every_depth():
    np = pytest.importorskip("numpy")
    inner = np.dtype([("when", "M8[ns]"), ("sizes", int, (2,))])
    rows = np.array([(1, ("2026-01-02T00:00:00.5", [2, 3]))], dtype=[("id", int), ("inner", inner)])
    expected = {"id": 1, "inner": {"when": "2026-01-02T00:00:00.500000", "sizes": [2, 3]}}
    assert json.loads(to_json_text(rows)) == [expected]
    assert json.loads(to_json_text(rows[0])) == expected
    when = datetime(2026, 1, 2, 0, 0, 0, 500_000)
    assert decode(encode(rows)) == [{"id": 1, "inner": {"when": when, "sizes": [2, 3]}}]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("np.datetime64('20000-01-01')", "20000-01-01"),
        ("np.datetime64('-1000-03-15')", "-1000-03-15"),
        ("np.array([['20000-01-01', 'NaT'], ['2026-01-02', '0999-01-01']], dtype='M8[D]')",
         [["20000-01-01", None], ["2026-01-02", "0999-01-01"]]),
        ("np.array('20000-01-01', dtype='M8[s]')", "20000-01-01T00:00:00"),
        ("np.ma.array(np.array(['20000-01-01', '2026-01-02'], dtype='M8[D]'), mask=[False, True])",
         ["20000-01-01", None]),
        ("np.timedelta64(3, 'Y')", "P3Y"),
        ("np.timedelta64(-3, 'M')", "-P3M"),
        ("np.array([5, 'NaT'], dtype='m8[Y]')", ["P5Y", None]),
        ("np.timedelta64(10**12, 'D')", "P1000000000000D"),
        ("np.timedelta64(3)", 3),
    ],
)  # fmt: skip
def test_times_that_python_does_not_have_are_text(code, expected):
    value = value_of(code)
    assert json.loads(to_json_text(value)) == expected
    assert json.loads(to_json_text(decode(encode(value)))) == expected, "a database differs"
    checked(value)


def test_a_pydantic_model_with_a_field_that_pydantic_does_not_know_is_sent():
    np, pydantic = pytest.importorskip("numpy"), pytest.importorskip("pydantic")
    model = pydantic.create_model("Run", __config__={"arbitrary_types_allowed": True}, a=(Any, ...), due=(date, ...))
    value = model(a=np.array([1, 2]), due=date(2026, 1, 2))
    assert json.loads(to_json_text({"run": value})) == {"run": {"a": [1, 2], "due": "2026-01-02"}}
    assert decode(encode(value)) == {"a": [1, 2], "due": date(2026, 1, 2)}


def test_times_of_pandas_that_python_does_not_have_are_text():
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    times = pd.Series(np.array(["20000-01-01", "NaT", "2026-01-02"], dtype="M8[s]"))
    assert json.loads(to_json_text(times)) == ["20000-01-01T00:00:00", None, "2026-01-02T00:00:00"]
    assert decode(encode(times)) == ["20000-01-01T00:00:00", None, datetime(2026, 1, 2)]
    long = pd.Timedelta(np.timedelta64(10**15, "s"))
    assert json.loads(to_json_text([long])) == ["P11574074074DT1H46M40S"]
