"""Output under a cell with a mistake: the line with the mistake, and what to do."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from tests.notebook.kernel import Kernel, a_kernel
from zefnb.notebook.tracebacks import to_its_cause

TYPO = "routes = {'/': 'hello'}\nFX.StartHTTPServer(routes=routes, prot=8000) | run"
OUR_CODE = "zefnb/core/effect.py"


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with a_kernel("from zefnb import *") as started:
        yield started


def test_a_mistyped_field_is_shown_at_its_line_without_zefnb_frames(kernel: Kernel):
    shown = kernel.run(TYPO).traceback
    assert "----> 2 FX.StartHTTPServer(routes=routes, prot=8000) | run" in shown
    assert "prot: unknown field" in shown
    assert "did you mean 'port'?" in shown
    assert OUR_CODE not in shown


def test_so_is_a_mistake_that_is_found_when_the_effect_runs(kernel: Kernel):
    kernel.run("gone = ET.HTTPServer(generate_uid(), port=8000)")
    shown = kernel.run("# a handle of yesterday\nFX.StopHTTPServer(server=gone) | run").traceback
    assert "----> 2 FX.StopHTTPServer(server=gone) | run" in shown
    assert "belongs to another process" in shown
    assert "zefnb/engine" not in shown


def test_a_mistake_in_a_function_of_the_users_is_shown_there(kernel: Kernel):
    kernel.run("def greet(name):\n    return FX.Publish(topic=ET.Topic(name))")
    shown = kernel.run("'ada' | apply(greet) | collect").traceback
    assert "----> 1 'ada' | apply(greet) | collect" in shown
    assert "----> 2     return FX.Publish(topic=ET.Topic(name))" in shown
    assert OUR_CODE not in shown


def test_an_error_from_within_an_await_is_shown_at_its_line(kernel: Kernel):
    shown = kernel.run("await FX.StartHTTPServer(routes={'no slash': 'hello'}, port=0)").traceback
    assert "----> 1 await FX.StartHTTPServer(routes={'no slash': 'hello'}, port=0)" in shown
    assert "zefnb/net" not in shown


def test_errors_of_other_kinds_are_shown_as_ever(kernel: Kernel):
    shown = kernel.run("def half(n):\n    return n / 0\nhalf(1)").traceback
    assert "----> 2     return n / 0" in shown
    assert "ZeroDivisionError" in shown


@pytest.mark.parametrize(
    ("asked", "back"),
    [("%xmode Verbose", "%xmode Context"), ("%load_ext zefnb\n%unload_ext zefnb", "%load_ext zefnb")],
    ids=["verbose", "without the extension"],
)
def test_verbose_mode_shows_all_frames(kernel: Kernel, asked: str, back: str):
    kernel.run(asked)
    try:
        assert OUR_CODE in kernel.run(TYPO).traceback
    finally:
        kernel.run(back)
    assert OUR_CODE not in kernel.run(TYPO).traceback


@pytest.mark.parametrize(
    ("code", "begun"),
    [
        ("FX.StartReplay(source=range(9_999), target=ET.Topic('t'), rate=1, wait=True) | run", "replay into"),
        (
            "for n in range(10**9): n == 100 and print('begun'); FX.Publish(target=ET.Topic('t'), content=n) | run",
            "begun",
        ),
        ("import time; print('begun'); time.sleep(60)", "begun"),
    ],
    ids=["an effect that waits", "a loop of effects", "other code"],
)
def test_ctrl_c_is_shown_at_its_line_without_zefnb_frames(kernel: Kernel, code: str, begun: str):
    cell = kernel.start(code)
    kernel.until(lambda: begun in f"{cell.text} {cell.displays}")
    kernel.interrupt(cell)
    assert cell.error == "KeyboardInterrupt: "
    assert f"----> 1 {code}" in cell.traceback
    assert "zefnb/" not in cell.traceback


def test_frames_of_a_library_that_zefnb_has_called_are_not_shown_either():
    ours: dict[str, Any] = {"__name__": "zefnb.of_this_test"}
    exec("import json\ndef decoded(text): return json.loads(text)", ours)
    with pytest.raises(json.JSONDecodeError) as caught:
        ours["decoded"]("{")
    assert [frame.name for frame in traceback.extract_tb(caught.tb)][1:3] == ["decoded", "loads"]
    assert [frame.name for frame in traceback.extract_tb(to_its_cause(caught.tb))] == [caught.traceback[0].name]


def test_frames_of_a_library_that_the_user_has_called_are_shown():
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert traceback.extract_tb(to_its_cause(caught.tb)) == traceback.extract_tb(caught.tb)
