"""`%zef` in a real terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.cli.browser import wait_for
from tests.cli.processes import Terminal, needs_tmux, terminal


@pytest.fixture(scope="module")
def ipython() -> Iterator[Terminal]:
    with terminal(110, 40) as opened:
        opened.enter(f"{sys.executable} -m IPython --no-banner --HistoryManager.enabled=False")
        opened.until("In [1]:", 30)
        opened.enter("%load_ext zefnb")
        opened.enter("from zefnb import *")
        opened.until("In [3]:")
        yield opened


@pytest.fixture
def screen(ipython: Terminal) -> Terminal:
    ipython.press("C-c")
    ipython.enter("clear")
    wait_for(lambda: not any("Out" in line for line in ipython.lines()))
    return ipython


@needs_tmux
def test_in_a_terminal_tables_are_drawn_and_errors_are_one_line(screen):
    screen.enter("s = %zef start /ws --port 0 --topic chat")
    screen.enter("s")
    screen.until("WebSocket, 0 clients")
    screen.enter("%zef")
    screen.until("accepted")
    screen.enter("%zef start ws")
    lines = screen.until("is not a path; write '/ws'")
    assert not any("Traceback" in line for line in lines)


@needs_tmux
def test_in_a_terminal_output_of_handlers_does_not_damage_the_prompt(screen):
    screen.enter("op = FX.SubscribeFX(topic=ET.Topic('t'), op=lambda m: print('heard', 1 / m)) | run")
    screen.enter("timer = FX.StartTimer(interval=0.3, target=ET.Topic('t'), content=2) | run")
    screen.until("heard 0.5")
    screen.type("half_typed = 41")
    heard = sum("heard" in line for line in screen.lines())

    def after_more_prints():
        lines = screen.lines()
        # Now and then the prompt is not there, since it is being drawn anew.
        is_whole = any("half_typed" in line for line in lines)
        return is_whole and sum("heard" in line for line in lines) > heard + 1 and lines

    lines = wait_for(after_more_prints)
    assert [line for line in lines if "half_typed" in line][-1].endswith(": half_typed = 41")
    assert all(line == "heard 0.5" for line in lines if line.startswith("heard"))
    screen.enter(" + 1")
    screen.enter("FX.StopTimer(timer=timer) | run")
    screen.enter("print(half_typed, 'it is')")
    screen.until("42 it is")
    screen.enter("FX.Publish(target=ET.Topic('t'), content=0) | run")
    screen.until("ZeroDivisionError: division by zero  %zef faults shows the traceback")


@needs_tmux
def test_in_a_terminal_tail_prints_until_ctrl_c(screen):
    screen.enter("tick = FX.StartTimer(interval=0.1, target=ET.Topic('tick'), content='tock') | run")
    screen.enter("%zef tail tick")
    wait_for(lambda: sum(line.endswith("  tock") for line in screen.lines()) > 2)
    screen.press("C-c")
    screen.enter("FX.StopTimer(timer=tick) | run")
    screen.until("ET.Success()")
    screen.enter("print([b for b in FX.StreamGraphSnapshot() | run if b['source'] == ET.Topic('tick')], 'are left')")
    screen.until("[] are left")


@needs_tmux
def test_in_a_terminal_the_same_line_again_replaces(screen):
    for _ in range(2):
        screen.enter("again = %zef start /ws --port 0 --topic chat")
    screen.until("replaced the server on port")


@needs_tmux
def test_in_a_terminal_a_picture_is_drawn_until_ctrl_c(screen):
    screen.enter("ticking = FX.StartTimer(interval=0.05, target=ET.Topic('ticks'), content=7) | run")
    screen.enter("heard = FX.SubscribeFX(topic=ET.Topic('ticks'), op=lambda tick: None) | run")
    screen.enter("%zef picture")
    screen.until("→ ticks")
    screen.press("C-c")
    screen.enter("print('after', 'it')")
    screen.until("after it")
