"""The line of a replay: its texts, in a terminal and under a cell, and Ctrl-C while it is awaited."""

from __future__ import annotations

import io
import itertools
import re
import signal
import threading

import pytest

from tests.replay.conftest import replayed
from zefnb import ET, FX, run
from zefnb.engine import live_line
from zefnb.engine.runtime import default_runtime
from zefnb.engine.side_thread import PRINTING
from zefnb.replay.progress import text_of
from zefnb.replay.replays import Replays


class Lines:
    """A line that keeps its texts."""

    def __init__(self):
        self.texts = []
        self.has_ended = False

    def write(self, text):
        self.texts.append(text)

    def end(self, text):
        self.texts.append(text)
        self.has_ended = True


@pytest.fixture
def line():
    """The line of the next replay."""
    made = Lines()
    live_line.set_lines(lambda: made)
    yield made
    live_line.set_lines(None)


class Terminal(io.StringIO):
    def isatty(self):
        return True


ROOM = ET.Topic("room")


def test_it_says_how_many_and_in_which_time(line, until):
    replayed(["a", "b", "c"], ROOM, speed="max")
    until(lambda: line.has_ended)
    assert re.fullmatch(r"replay into room: ended after 3 messages in \d+(\.\d)? s", line.texts[-1])


def test_one_message_is_not_several(line, until):
    replayed(["a"], ROOM, speed="max")
    until(lambda: line.has_ended)
    assert "after 1 message in" in line.texts[-1]


def test_it_is_written_again_while_the_replay_runs(line, until):
    # The second message is due long after the line is written again.
    replay = FX.StartReplay(source=["a"] * 100, target=ROOM, rate=0.01) | run
    until(lambda: "replay into room: 1 of 100 messages, 165 min left" in line.texts)
    FX.StopReplay(replay=replay) | run
    until(lambda: line.has_ended)
    assert line.texts[-1].startswith("replay into room: stopped after 1 message in")


@pytest.mark.parametrize(
    ("source", "options", "text"),
    [
        (itertools.count(), {}, "replay into room: 1 message"),
        ([1, 2], {"loop": True}, "replay into room: 1 message in rounds of 2"),
    ],
    ids=["endless", "loop"],
)
def test_a_replay_without_an_end_has_no_time_left(until, source, options, text):
    replay = FX.StartReplay(source=source, target=ROOM, rate=0.001, **options) | run
    running = default_runtime().service(Replays).get(replay)
    until(lambda: running.published)
    assert text_of(running) == text


def test_a_failure_is_named(line, until):
    with pytest.raises(ZeroDivisionError):
        replayed((1 // n for n in [1, 0]), ROOM, speed="max")
    until(lambda: line.has_ended)
    assert line.texts[-1].startswith("replay into room: failed after 1 message in")
    assert line.texts[-1].endswith("ZeroDivisionError: integer division or modulo by zero")


def test_a_line_that_cannot_be_written_ends_nothing(line):
    line.write = line.end = lambda text: 1 / 0
    assert replayed(["a", "b"], ROOM, speed="max") == 2


def test_in_a_terminal_it_takes_one_line_while_the_replay_is_awaited(monkeypatch, until):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    replayed(["a", "b"], ROOM, speed="max")
    until(lambda: terminal.getvalue().endswith("\n"))
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().split("\r")[-1].startswith("replay into room: ended after 2 messages")


@pytest.mark.parametrize(("stream", "wait"), [(Terminal(), False), (io.StringIO(), True)], ids=["prompt", "file"])
def test_there_is_no_line_at_a_prompt_or_in_a_file(monkeypatch, until, stream, wait):
    monkeypatch.setattr("sys.stdout", stream)
    replay = FX.StartReplay(source=["a", "b"], target=ROOM, speed="max", wait=wait) | run
    until(lambda: default_runtime().service(Replays).complete(replay))
    until(lambda: PRINTING.waiting == 0)
    assert stream.getvalue() == ""


def test_ctrl_c_ends_the_wait_and_the_replay(line, until):
    def interrupt():
        until(lambda: FX.ListReplays() | run)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        FX.StartReplay(source=itertools.count(), target=ROOM, rate=10, wait=True) | run
    thread.join()
    until(lambda: line.has_ended)
    assert FX.ListReplays() | run == []
    assert "stopped after" in line.texts[-1]
