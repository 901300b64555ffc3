"""Short reprs: the text of `repr`, but a huge value costs no more than a small one."""

from __future__ import annotations

import asyncio
import collections
import contextvars
import dataclasses
import functools
import time
import types
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zefnb import ET, FX, Array1, u8
from zefnb.errors import shown
from zefnb.text.short_repr import short_repr, short_str

BIG = 20 << 20
HUGE = "word " * (BIG // 5)
MANY = range(2_000_000)


@dataclasses.dataclass
class Reading:
    text: str
    value: object = dataclasses.field(default=1, repr=False)


Pair = collections.namedtuple("Pair", "left right")
Names = type("Names", (list,), {})

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.frozensets(st.integers(), max_size=3)
        | st.builds(Pair, inner, inner)
        | st.builds(Reading, st.text(max_size=3))
        | st.builds(lambda value: ET.Guest(name=value), inner)
        | st.builds(ValueError, inner, inner)
    ),
    max_leaves=6,
)


@given(VALUES)
def test_a_small_value_is_shown_as_its_repr(value):
    assert short_repr(value, 10_000) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        {1},
        set(),
        frozenset(),
        collections.deque([1], maxlen=3),
        collections.Counter("a"),
        collections.defaultdict(int, {1: 2}),
        types.SimpleNamespace(a=1),
        {}.keys(),
        {1: 2}.items(),
        Array1[u8]([1, 2]),
        bytearray(b"x"),
        ET.Topic("t"),
        ET.Odd(**{"two words": 1, "fine": 2}),
        FX.Publish(target=ET.Topic("t"), content=3),
        Names([1]),
        KeyError("a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_so_are_standard_library_types_and_zefnb_types(value):
    assert short_repr(value, 1_000) == repr(value)


def loops():
    items, table = [1], {}
    items.append(items)
    table["t"] = table
    return [items, table]


@pytest.mark.parametrize("value", loops(), ids=["list", "dict"])
def test_a_value_that_contains_itself_is_shown_once(value):
    assert short_repr(value) == repr(value)


class Own:
    def __repr__(self):
        return HUGE


class Broken:
    def __repr__(self):
        raise RuntimeError

    __str__ = __repr__


class NoText:
    def __repr__(self):
        return 7

    __str__ = __repr__


def nested():
    value = HUGE
    for _ in range(10_000):
        value = [value]
    return value


HUGE_VALUES = {
    "text": lambda: HUGE,
    "bytes": lambda: HUGE.encode(),
    "bytearray": lambda: bytearray(BIG),
    "Array1": lambda: Array1[u8](HUGE.encode()),
    "list": lambda: list(MANY),
    "list of texts": lambda: [HUGE] * 1_000,
    "dict": lambda: dict.fromkeys(MANY),
    "keys": lambda: dict.fromkeys(MANY).keys(),
    "set": lambda: set(MANY),
    "entity": lambda: ET.Guest(name=HUGE),
    "entity of entities": lambda: ET.Room(guests=[ET.Guest(name=HUGE)] * 1_000),
    "effect": lambda: FX.Publish(target=ET.Topic("t"), content=HUGE),
    "dataclass": lambda: Reading(HUGE),
    "named tuple": lambda: Pair(HUGE, HUGE),
    "exception": lambda: ValueError(HUGE, HUGE),
    "integer": lambda: 1 << (8 * BIG),
    "nested": nested,
}


@pytest.mark.parametrize("name", HUGE_VALUES)
def test_only_the_shown_part_of_a_large_value_is_read(name):
    value = HUGE_VALUES[name]()
    began = time.process_time()
    for _ in range(100):
        assert len(short_repr(value)) <= 80
    assert time.process_time() - began < 1.0, "repr of any of these takes more than 10 ms"


def test_a_class_may_have_a_repr_that_raises():
    assert len(short_repr(Own())) == 80
    assert short_repr([Broken(), 1, NoText()]) == "[<unprintable>, 1, <unprintable>]"
    assert shown(Broken()) == "<unprintable> (Broken)"


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit, asyncio.CancelledError, RecursionError])
def test_a_repr_that_raises_anything_does_not_raise_in_the_caller(kind):
    class Failing:
        def __repr__(self):
            raise kind

        __str__ = __repr__

    assert shown([Failing()]) == "[<unprintable>] (list)"
    assert short_str(Failing(), 80) == f"<its __str__ raised {kind.__name__}>"


@pytest.mark.parametrize("in_main_thread", [True, False])
def test_an_interrupt_in_a_repr_passes_on_only_in_the_main_thread_where_it_may_be_ctrl_c(in_main_thread):
    class Interrupting:
        def __repr__(self):
            raise KeyboardInterrupt

        __str__ = __repr__

    def texts():
        for text in (lambda: short_str(Interrupting(), 80), lambda: short_repr(Interrupting())):
            try:
                yield text()
            except KeyboardInterrupt:
                yield "interrupted"

    if in_main_thread:
        assert list(texts()) == ["interrupted"] * 2
    else:
        with ThreadPoolExecutor(1) as thread:
            found = thread.submit(lambda: list(texts())).result()
        assert found == ["<its __str__ raised KeyboardInterrupt>", "<unprintable>"]


def test_the_name_of_a_class_cannot_control_the_terminal():
    assert "\x1b" not in shown(type("\x1b[2J\n", (), {})()) + shown(type("\x1b[2J", (), {}))


def test_a_repr_with_control_characters_is_escaped():
    class Red:
        def __repr__(self):
            return "\x1b[31m\nred"

    assert shown([Red()]) == r"[\x1b[31m\nred] (list)"


def test_secrets_are_not_shown_even_where_the_text_is_cut_in_their_middle():
    url = "wss://" + "ada:" + "hush5f3a" * 30 + "@host.example/"
    for start in range(80):
        assert "hush" not in shown("x" * start + " " + url), start
    assert "hush" not in shown({"token": "hush5f3a", "password": "hush5f3a"})
    assert "hush" not in shown("https://" + "hush5f3a" * 9 + "@host.example/")


class TestStr:
    @pytest.mark.parametrize(
        "value", ["a\nb", 3, ValueError("x"), ValueError("x", 1), ValueError(), KeyError("k"), OSError(2, "no", "file")]
    )
    def test_a_small_exception_is_shown_as_its_str(self, value):
        assert short_str(value, 100) == str(value)

    @pytest.mark.parametrize(
        "value", [HUGE, ValueError(HUGE), ValueError(list(MANY)), KeyError(HUGE), ValueError(1, list(MANY)), Own()]
    )
    def test_a_large_exception_is_cut(self, value):
        assert len(short_str(value, 100)) == 100

    def test_an_exception_whose_str_raises_says_so(self):
        assert short_str(Broken(), 100) == "<its __str__ raised RuntimeError>"
        assert short_str(NoText(), 100) == "<its __str__ raised TypeError>"


@pytest.mark.parametrize("made", [bytes, bytearray])
def test_only_the_start_of_an_error_about_bytes_is_read(made):
    """Python writes four characters for each of these bytes: all of them in most of a second."""
    given = made(b"\x1b" * (20 << 20))
    started = time.process_time()
    text = short_str(ValueError(given), 100)
    took, started = time.process_time() - started, time.process_time()
    whole = str(given)
    assert text[:99] == whole[:99]
    assert took < (time.process_time() - started) / 10


class Bound(list):  # type: ignore[type-arg]
    def method(self) -> None:
        pass


@pytest.mark.parametrize(
    "make",
    [
        lambda many: functools.partial(print, many, sep=many),
        lambda many: functools.partial(print, *many),
        lambda many: Bound(many).method,
        lambda many: slice(many, None),
        lambda many: collections.ChainMap({1: many}),
        lambda many: contextvars.ContextVar("name", default=many),
        lambda many: types.GenericAlias(list, (tuple(many),)),
    ],
)
def test_what_holds_many_is_cut_before_it_is_written(make: Any):
    written = 0

    class Counted:
        def __repr__(self) -> str:
            nonlocal written
            written += 1
            return "counted"

    text = short_repr(make([Counted()] * 10_000))
    assert len(text) <= 80
    assert written <= 200


@pytest.mark.parametrize(
    "error",
    [
        OSError(), OSError("x"), OSError(2, "no"), OSError(2, "no", "f"), OSError(2, "no", b"f", None, "g"),
        OSError(0, ""), OSError(1, 2, 3, 4, 5, 6), OSError([1], [2]), FileNotFoundError(2, "x", 5),
    ],
)  # fmt: skip
def test_an_error_of_the_system_is_written_as_python_does(error: OSError):
    assert short_str(error, 200) == str(error)
    assert len(short_str(OSError(2, ["x"] * 10_000, ["x"] * 10_000), 200)) == 200


@pytest.mark.parametrize(
    "value",
    [
        functools.partial(print, 1, sep="x"), functools.partial(print), [].append, Bound([1]).method, slice(1, 2),
        collections.ChainMap({1: 2}, {}), list[int], dict[str, list[int]], tuple[int, ...], list[int | None],
    ],
)  # fmt: skip
def test_these_too_are_written_as_python_does(value: Any):
    assert short_repr(value, 500) == repr(value)
