"""The words and the values of a line, and the hint on an unknown subcommand."""

from __future__ import annotations

import difflib

import pytest

from zefnb.notebook.command_line.command import unknown
from zefnb.notebook.command_line.line import LineError, expanded, pieces, whole, words


def test_quotes_and_braces_group_words():
    assert [piece.raw for piece in pieces("a 'b c' {d + 'e f'} g'h {not : one}")] == [
        "a", "'b c'", "{d + 'e f'}", "g'h", "{not", ":", "one}",
    ]  # fmt: skip


def test_a_single_reference_is_the_object_and_within_text_its_text():
    topic = object()
    assert words("{x} $x", {"x": topic})[0].value is topic
    assert words("{None}", {})[0].value is None
    assert expanded("a{x}b$x$y", {"x": 1}) == "a1b1$y"
    assert whole(' "one two" ', {}) == "one two"
    for text, meant in (
        ("{x:.2f}", "1.00"),
        ("{x!r:>4}", "   1"),
        ("{y:.2f}", "{y:.2f}"),
        ("{x: }", "{x: }"),
        ('{"x":1}', '{"x":1}'),
        ("{{x}} and {{y z}}", "{x} and {y z}"),
        ("$$x and $x", "$x and 1"),
        ("{{'a': x}}", {"a": 1}),
        ("{[x, {'b': {2: 3}}[\"b\"]]}", [1, {2: 3}]),
    ):
        assert whole(text, {"x": 1}).value == meant
    with pytest.raises(LineError, match="ZeroDivisionError"):
        expanded("{1/0}", {})


def test_a_hint_is_computed_when_it_is_shown_and_not_for_a_long_name(monkeypatch: pytest.MonkeyPatch):
    compared: list[str] = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda name, *_, **__: compared.append(name) or ["stop"])
    error = unknown("stpo", ["stop", "start"])
    assert compared == []
    assert "did you mean 'stop'?" in str(error)
    assert compared == ["stpo"]
    assert len(str(unknown("x" * 100_000, ["stop"]))) < 200
    assert compared == ["stpo"]
