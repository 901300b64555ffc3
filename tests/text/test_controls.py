"""Control characters: nothing that a peer sends acts on a terminal, a log or a page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zefnb.text.controls import strip_controls, strip_controls_in_lines

ESCAPES = {
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "\x1b]52;c;cm0gLXJm\x07": r"\x1b]52;c;cm0gLXJm\x07",
    "\x9b31m and \x9d52;c;x\x9c": r"\x9b31m and \x9d52;c;x\x9c",
    "a\nb\r\nc\td": r"a\nb\r\nc\td",
    "a\x85b\u2028c\u2029d": r"a\x85b\u2028c\u2029d",
    "gnp.\u202eexe \u2066x\u2069 \u200e\u200f\u061c": r"gnp.\u202eexe \u2066x\u2069 \u200e\u200f\u061c",
    "zero\u200bwidth\ufeff": r"zero\u200bwidth\ufeff",
    "half \ud83d of a pair": r"half \ud83d of a pair",
    "\x00\x7f": r"\x00\x7f",
    "tags \U000e0041": r"tags \U000e0041",
}


@pytest.mark.parametrize("text", ESCAPES)
def test_control_characters_are_shown_as_escapes(text):
    assert strip_controls(text) == ESCAPES[text]


@pytest.mark.parametrize("text", ["Zoë", "日本語", "👩\u200d👩\u200d👧", "a\\b", "", "שלום"])
def test_ordinary_text_is_not_changed(text):
    assert strip_controls(text) == text


def test_lines_are_kept_and_lines_inside_of_a_value_are_marked():
    assert strip_controls_in_lines("a\nTraceback:\r\n\x1b[2J") == "a\n  | Traceback:\n  | \\x1b[2J"


@given(st.text(st.characters()), st.integers(2, 40))
def test_any_text_becomes_one_short_line_without_controls(text, longest):
    shown = strip_controls(text, longest)
    assert len(shown) <= longest
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert len(f"x{shown}x".splitlines()) == 1
    assert strip_controls(shown, longest) == shown
    shown.encode()


def test_a_str_subclass_that_lies_about_itself_is_shown_correctly():
    class Liar(str):
        def __getitem__(self, key):
            return "\x1b[2J"

        def __str__(self):
            return "\x1b[2J"

    assert strip_controls(Liar("the truth")) == "the truth"
