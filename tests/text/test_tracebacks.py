"""Tracebacks: as Python prints them, bounded, and no text of an exception passes for a line of them."""

from __future__ import annotations

import linecache
import time

import pytest

from zefnb.text.tracebacks import format_error

HUGE = "word " * (4 << 20)
FORGED = 'no such user\nTraceback (most recent call last):\n  File "/bank.py", line 1, in pay\n\x1b[31mOSError: x'


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def fail_in(depth):
    if depth:
        fail_in(depth - 1)
    raise ValueError("at the bottom")


def group():
    return ExceptionGroup(HUGE, [ValueError(HUGE), KeyError(HUGE), *[OSError(2, HUGE)] * 1_000])


def noted(note):
    error = ValueError("x")
    for _ in range(20):
        error.add_note(note)
    return error


def chained(length):
    error = None
    for number in range(length):
        error = raised(ValueError(f"{number} {HUGE}"), error)
    return error


def syntax_error():
    return SyntaxError("wrong", ("<what a peer sent>", 1, 2, HUGE))


class BadStr(Exception):
    def __str__(self):
        return 7


KINDS = {
    "text": lambda: ValueError(HUGE),
    "lines": lambda: ValueError(HUGE.replace(" ", "\n")),
    "a key": lambda: KeyError(HUGE),
    "several": lambda: ValueError(HUGE, HUGE),
    "values": lambda: ValueError([HUGE] * 1_000),
    "a cause": lambda: chained(2),
    "many causes": lambda: chained(60),
    "notes": lambda: noted(HUGE),
    "notes of many lines": lambda: noted("\n" * (4 << 20)),
    "a group": group,
    "a group in a group": lambda: ExceptionGroup("outer", [group(), group()]),
    "a syntax error": syntax_error,
    "a name": lambda: type("N" * (4 << 20), (Exception,), {})("x"),
    "an import error": lambda: ImportError(HUGE, name=HUGE, path=HUGE),
    "a decoding error": lambda: UnicodeDecodeError("utf-8", HUGE.encode(), 0, 1, HUGE),
    "str that is none": BadStr,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_is_bounded_for_any_exception(kind):
    error = KINDS[kind]()
    format_error(error)
    began = time.process_time()
    texts = [format_error(error) for _ in range(20)]
    took = time.process_time() - began
    assert {len(text) <= 8_000 for text in texts} == {True}
    assert took < 1.0, "what grows with the text takes more than 50 ms each time"


def test_it_has_the_form_that_python_prints():
    try:
        try:
            fail_in(1)
        except ValueError as error:
            raise KeyError("the second") from error
    except KeyError as error:
        text = format_error(error)
    first, _, second = text.partition("\nThe above exception was the direct cause of the following exception:\n\n")
    assert first.startswith("Traceback (most recent call last):\n")
    assert first.endswith('raise ValueError("at the bottom")\nValueError: at the bottom\n')
    assert second.endswith("KeyError: 'the second'\n")


def test_both_ends_of_a_deep_recursion_are_shown():
    try:
        fail_in(500)
    except ValueError as error:
        text = format_error(error)
    assert "in test_both_ends" in text
    assert "… 486 more …" in text
    assert text.endswith("ValueError: at the bottom\n")


def test_a_suppressed_context_is_not_shown():
    error = raised(ValueError("after"))
    error.__context__, error.__suppress_context__ = OSError("before"), True
    assert "before" not in format_error(error)
    error.__suppress_context__ = False
    assert "OSError: before\n\nDuring handling of the above exception" in format_error(error)


def edge_lines(text):
    return [line for line in text.splitlines() if not line.startswith("  |")]


@pytest.mark.parametrize(
    "error", [ValueError(FORGED), noted(FORGED), ExceptionGroup(FORGED, [ValueError(FORGED)])], ids=lambda e: type(e)
)
def test_lines_in_a_text_are_marked_and_controls_escaped(error):
    text = format_error(raised(error))
    assert "\x1b" not in text
    assert edge_lines(text).count("Traceback (most recent call last):") == 1
    assert not [line for line in edge_lines(text) if "/bank.py" in line or "OSError" in line]


def test_the_line_of_a_syntax_error_and_its_file_are_escaped():
    text = format_error(SyntaxError("wrong", ("a\x1b[2J\nfile", 3, 1, "x = \x1b]52;c;x\x07\n")))
    assert r"a\x1b[2J\nfile" in text
    assert r"x = \x1b]52;c;x\x07" in text
    assert "\x1b" not in text


def test_source_code_from_a_peer_is_escaped_and_cut():
    source = f"# {HUGE}\nraise ValueError('x') # \x1b[2J {HUGE}\n"
    name = "<\x1b[2Jsent\n>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    with pytest.raises(ValueError, match="x") as caught:
        exec(compile(source, name, "exec"), {})
    text = format_error(caught.value)
    del linecache.cache[name]
    assert "\x1b" not in text
    assert len(text) < 8_000


@pytest.mark.parametrize("at", range(900, 1_030, 7))
def test_cutting_a_text_reveals_no_secret(at):
    for secret in ("token=hush5f3ahush5f3a", "ws://ada:hush5f3ahush5f3a@host", "Cookie: a=hush5f3a; b=hush5f3a"):
        text = format_error(raised(ValueError("x" * at + " " + secret + " y" * 9_000), ValueError("y " * 900 + secret)))
        assert "hush" not in text
