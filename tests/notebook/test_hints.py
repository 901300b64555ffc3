"""Hints under a cell that does less than its author intended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernel import Kernel, a_kernel


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with a_kernel("from zefnb import *\nfrom zefnb import ops\nchat = ET.Topic('chat')") as started:
        yield started


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("server = FX.StartHTTPServer(routes={'/': 'hi'}, port=0)", "`server` describes FX.StartHTTPServer"),
        ("said = FX.Publish(target=chat, content=1)", "`said` describes FX.Publish; nothing has run yet: add `| run`"),
        ("clock: object = FX.StartTimer(interval=1, target=chat, content=1)", "`clock` describes FX.StartTimer"),
        ("a = FX.ListTimers()\nb = FX.ListActors()", "`a` describes FX.ListTimers, `b` describes FX.ListActors"),
        ("actor = FX.StartActor(initial_state=0, handler=print)", "or give it to a route as `actor=`"),
    ],
)
def test_a_cell_that_only_builds_effects_ends_with_a_hint(kernel: Kernel, cell: str, line: str) -> None:
    done = kernel.run(cell)
    assert line in done.text
    assert done.text.count("\n") == 1
    assert "nothing has run yet: add `| run`" in done.text


@pytest.mark.parametrize(
    "cell",
    [
        "timers = FX.ListTimers() | run",
        "timers = run(FX.ListTimers())",
        "timers = await FX.ListTimers()",
        "effect = FX.ListTimers()\nprint(effect | run)",
        "effect = FX.ListTimers()\nlen('abc')",
        "chat = ET.Topic('chat')",
        "text = 'FX.ListTimers()'",
        "def later():\n    effect = FX.ListTimers()",
        "",
    ],
)
def test_other_cells_show_no_hint(kernel: Kernel, cell: str) -> None:
    done = kernel.run(cell)
    assert done.error is None
    assert "nothing has run yet" not in done.text


def test_an_effect_as_the_last_line_is_shown_with_a_hint(kernel: Kernel) -> None:
    shown = kernel.run("FX.Publish(target=chat, content=1)").result["text/plain"]
    assert shown == "FX.Publish(target=ET.Topic('chat'), content=1)\n  nothing has run yet: add `| run`"
    assert kernel.run("[FX.ListTimers()]").result["text/plain"] == "[FX.ListTimers()]"


@pytest.mark.parametrize(
    "cell",
    [
        "for each in FX.ListTimers():\n    pass",
        "list(FX.QueryLog())",
        "FX.QueryLog()[0]",
        "len(FX.ListTimers())",
        "FX.StartHTTPServer(routes={'/': 'hi'}).url",
        "FX.QueryHTTPServer()['port']",
        "a, b = FX.ListTimers()",
    ],
)
def test_an_effect_used_as_its_result_raises_with_a_hint(kernel: Kernel, cell: str) -> None:
    error = kernel.run(cell).error or ""
    assert "nothing has run yet: add `| run`" in error
    assert "FX." in error


@pytest.mark.parametrize(
    ("cell", "op"),
    [
        ("[1, 2] | map(str) | collect", "ops.map"),
        ("[1, 2] | filter(bool) | collect", "ops.filter"),
        ("FX.MapTopic(source=chat, target=ET.Topic('b'), op=map) | run", "ops.map"),
        ("first | filter", "ops.filter"),
    ],
)
def test_a_python_builtin_in_a_chain_raises_and_suggests_the_op(kernel: Kernel, cell: str, op: str) -> None:
    done = kernel.run(cell)
    assert done.error is not None
    assert f"`{op}(function)`, after `from zefnb import ops`" in done.text + done.error


def test_the_suggested_op_gives_the_intended_result(kernel: Kernel) -> None:
    assert kernel.run("[1, 2] | ops.map(str) | collect").result["text/plain"] == "['1', '2']"
    assert kernel.run("[0, 2] | ops.filter(bool) | collect").result["text/plain"] == "[2]"


def test_other_errors_have_no_hint(kernel: Kernel) -> None:
    assert "ops" not in kernel.run("int('x')").text
    assert "ops" not in kernel.run("len(1)").text
