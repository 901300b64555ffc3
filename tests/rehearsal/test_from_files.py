"""Rehearsals of recordings in files, with a line of progress, and ended by a real Ctrl-C."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading

import pytest

from zefnb import ET, FX, Any, String, run, zef_function
from zefnb.rehearsal import progress


@zef_function
def on_connect(msg, state):
    return [[FX.Publish(target=msg.topic_out, content="welcome")], ET.Guest(n=0)]


@zef_function
def on_text(text, state):
    if text == "fail":
        raise ValueError("no such room")
    return [[], ET.Guest(n=state.n + 1)]


@zef_function
def on_louder(text, state):
    return [[FX.Publish(target=ET.Topic("loud"), content=text)] if text == "two" else [], ET.Guest(n=state.n + 1)]


@zef_function
def on_disconnect(msg, state):
    return [[], state]


def actor(handler):
    rules = {
        (ET.WSClientConnected, Any): on_connect,
        (String, ET.Guest): handler,
        (ET.WSClientDisconnected, Any): on_disconnect,
    }
    return FX.StartActor(initial_state=ET.New(), rules=rules)


@pytest.fixture
def path(clean, tmp_path, connect, until):
    """The file of a recording of one connection: three messages, of which the last one fails."""
    place = tmp_path / "evening.zeft"
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor(on_text))}, port=0) | run
    tape = FX.StartRecording(server=server, path=place) | run
    with connect(server) as client:
        for text in ("one", "two", "fail"):
            client.send(text)
    until(lambda: len(tape) == 5 and tape.outcome(4) is not None)
    FX.StopRecording(recording=tape) | run
    return place


def test_a_recording_in_a_file_is_rehearsed(path):
    tape = FX.LoadRecording(path=path) | run
    same = FX.Rehearse(recording=tape, actor=actor(on_text)) | run
    assert (len(same), same.messages, same.connections, same.notes) == (0, 5, 1, [])
    found = FX.Rehearse(recording=tape, actor=actor(on_louder)) | run
    assert [(row.row, row.rule, row.what) for row in found] == [
        (2, "on_louder", ("effects",)),
        (3, "on_louder", ("state", "error")),
        (4, "on_disconnect", ("state",)),
    ]
    assert found[1].then.error == "ValueError: no such room"
    assert [row.kind for row in found.connection(0)] == ["connected", *["message"] * 3, "disconnected"]


class Seat:
    """An object of the program, which a file cannot hold."""

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return f"<seat {self.number} at {id(self):#018x}>"


def seated(number, room="news"):
    @zef_function
    def on_text(text, state):
        return [[FX.SubscribeFX(topic=ET.Topic(room), op=lambda message: message)], Seat(number)]

    return FX.StartActor(
        initial_state=Seat(0), rules={(String, Any): on_text, (Any, Any): lambda msg, state: [[], state]}
    )


def test_values_that_a_file_cannot_hold_are_compared_by_their_texts(clean, tmp_path, connect, until):
    place = tmp_path / "evening.zeft"
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=seated(1))}, port=0) | run
    tape = FX.StartRecording(server=server, path=place) | run
    with connect(server) as client:
        client.send("sit")
    until(lambda: len(tape) == 3 and tape.outcome(2) is not None)
    FX.StopRecording(recording=tape) | run
    tape = FX.LoadRecording(path=place) | run
    assert tape.outcome(1).state.text.startswith("<seat 1 at 0x")
    same = FX.Rehearse(recording=tape, actor=seated(1)) | run
    assert len(same) == len(same.unsure) == 0
    assert same.notes == ["3 results have parts that a file cannot hold: their texts are compared."]
    moved = FX.Rehearse(recording=tape, actor=seated(2)) | run
    assert [row.what for row in moved] == [("state",), ("state",)]
    elsewhere = FX.Rehearse(recording=tape, actor=seated(1, "sport")) | run
    assert [row.what for row in elsewhere] == [("effects",)]


def test_no_handler_receives_the_text_of_a_state_that_a_file_cannot_hold(clean, tmp_path, connect, until):
    received = []

    def counted(first):
        @zef_function
        def on_text(text, state):
            received.append(state)
            return [[], first if text == "stay" else {"n": len(text)}]

        return FX.StartActor(
            initial_state=first, rules={(String, Any): on_text, (Any, Any): lambda m, state: [[], state]}
        )

    place = tmp_path / "evening.zeft"
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=counted((1, Seat(0))))}, port=0) | run
    with connect(server) as client:
        client.send("stay")
        until(lambda: received)
        tape = FX.StartRecording(server=server, path=place) | run
        for text in ("stay", "count", "counted"):
            client.send(text)
        until(lambda: len(tape) == 3 and tape.outcome(2) is not None)
        FX.StopRecording(recording=tape) | run
    tape = FX.LoadRecording(path=place) | run
    received.clear()
    found = FX.Rehearse(recording=tape, actor=counted(5), all=True) | run
    assert received == [{"n": 5}]
    assert [(row.message, row.what) for row in found] == [("counted", ())]
    assert found.messages == 3
    text = "2 messages cannot be compared: a file cannot hold the message, or the state before it."
    assert text in found.notes


def test_no_handler_receives_the_text_of_a_message_that_a_file_cannot_hold(clean, tmp_path, until):
    place, room = tmp_path / "evening.zeft", ET.Topic("seats")
    tape = FX.StartRecording(topics=[room], path=place) | run
    for content in (Seat(1), "hello"):
        FX.Publish(target=room, content=content) | run
    FX.StopRecording(recording=tape) | run
    received = []
    keep = FX.StartActor(initial_state=0, handler=lambda message, state: [received.append(message) or [], state])
    FX.Rehearse(recording=FX.LoadRecording(path=place) | run, actor=keep) | run
    assert received == ["hello"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines_of(stream, monkeypatch, count=3_000):
    """What is written for so many messages when each takes half a second."""
    clock = iter(number * 0.5 for number in range(10_000))
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys, "stdout", stream)
    line = progress.Progress("rehearsing", count, "messages")
    for number in range(count):
        line.at(number)
    line.end()
    return stream.getvalue().split("\r")


def test_long_work_shows_its_progress_in_one_line_that_it_removes(monkeypatch):
    before, *lines, blank, end = lines_of(Terminal(), monkeypatch)
    assert before == end == blank.strip() == ""
    assert lines[0].strip() == "rehearsing: 512 of 3,000 messages, 5 s left"
    assert len(lines) == 10
    assert len(blank) == max(map(len, lines))


def test_quick_work_and_files_have_no_progress(monkeypatch):
    assert lines_of(Terminal(), monkeypatch, count=200) == [""]
    assert lines_of(io.StringIO(), monkeypatch) == [""]


INTERRUPTED = """
import sys, threading
from tests.rehearsal.made import recorded
from zefnb import *
from zefnb.recording import files

handled = []
def slow(text, state):
    if not handled:
        print('rehearsing', flush=True)
    handled.append(text)
    threading.Event().wait(0.01)
    return [[], state]

def quick(text, state):
    return [[], state]

load, ended = files.load, threading.Event()
def slow_load(path):
    print('loading', flush=True)
    ended.wait(30)
    return load(path)
files.load = slow_load

tape = recorded(FX.StartActor(initial_state=0, handler=quick), [(1, str(number)) for number in range(3_000)])
slower = FX.StartActor(initial_state=0, handler=slow)
for work in (FX.Rehearse(recording=tape, actor=slower), FX.LoadRecording(path=sys.argv[1])):
    try:
        work | run
    except KeyboardInterrupt:
        print('interrupted', FX.Publish(target=ET.Topic('alive'), content=1) | run, flush=True)
ended.set()
print(len(handled) < 3_000, flush=True)
"""


def test_ctrl_c_ends_a_rehearsal_and_the_loading_of_a_file_and_the_loop_continues(path):
    command = [sys.executable, "-c", INTERRUPTED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        limit = threading.Timer(60, child.kill)
        limit.start()
        lines = []
        for line in child.stdout:
            lines.append(line.strip())
            if lines[-1] in ("rehearsing", "loading"):
                child.send_signal(signal.SIGINT)
        limit.cancel()
    assert lines == ["rehearsing", "interrupted ET.Success()", "loading", "interrupted ET.Success()", "True"]
    assert child.returncode == 0
