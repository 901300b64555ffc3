"""Printing: an output that takes nothing holds up who prints, and nobody else."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from zefnb import ET, FX, run, zef_function
from zefnb.engine.side_thread import MOST_WAITING, PRINTING
from zefnb.ops import collect, log


class Pipe:
    """An output whose pipe is full until it is read."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with open(writer, "wb", buffering=0, closefd=False) as raw:
            while raw.write(b"." * 4_096):
                pass
        os.set_blocking(writer, True)
        self.file = open(writer, "w")  # noqa: SIM115
        self.read = bytearray()

    def drain(self) -> threading.Thread:
        def read() -> None:
            while piece := os.read(self.reader, 65_536):
                self.read += piece

        thread = threading.Thread(target=read)
        thread.start()
        return thread


@contextmanager
def full_pipe() -> Iterator[Pipe]:
    """The output is such a pipe, which is read at the end. Not as a fixture: pytest sets the output for each phase."""
    pipe, before = Pipe(), sys.stdout
    sys.stdout = pipe.file
    try:
        yield pipe
    finally:
        thread = pipe.drain()
        PRINTING.flush(float("inf"))
        sys.stdout = before
        pipe.file.close()
        thread.join()
        os.close(pipe.reader)


def test_a_thread_that_prints_into_a_full_pipe_waits_and_no_other_does(until: Any):
    heard: list[Any] = []
    topic = ET.Topic("printing")
    FX.SubscribeFX(topic=topic, op=zef_function(inline=True)(heard.append)) | run
    with full_pipe() as pipe:
        printing = threading.Thread(target=lambda: FX.Print(content="at last") | run)
        printing.start()
        until(lambda: PRINTING.waiting == 0 and PRINTING._at_work.locked())
        FX.Publish(target=topic, content="on time") | run
        until(lambda: heard == ["on time"])
        assert printing.is_alive()
    printing.join(20)
    assert pipe.read.endswith(b"at last\n")


def test_the_op_log_on_the_loop_keeps_so_many_lines_for_a_full_pipe(until: Any):
    topic = ET.Topic("logged")
    heard: list[Any] = []

    @zef_function(inline=True)
    def logged(number: Any) -> None:
        heard.append(number | log | collect)

    FX.SubscribeFX(topic=topic, op=logged) | run
    with full_pipe() as pipe:
        for number in range(MOST_WAITING + 100):
            FX.Publish(target=topic, content=number) | run
        until(lambda: len(heard) == MOST_WAITING + 100)
    # One more was being written.
    assert MOST_WAITING <= pipe.read.count(b"\n") <= MOST_WAITING + 1


def test_lines_of_all_threads_are_in_order(capfd: pytest.CaptureFixture[str]):
    [FX.Print(content=number) for number in range(300)] | run
    FX.Print(content="between") | run
    print("here")
    assert capfd.readouterr().out.split() == [*map(str, range(300)), "between", "here"]


def test_a_closed_output_raises_in_the_thread_that_prints(monkeypatch: pytest.MonkeyPatch):
    pipe = Pipe()
    os.close(pipe.reader)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe.file)
        with pytest.raises(BrokenPipeError):
            FX.Print(content="nobody reads") | run
    with pytest.raises(BrokenPipeError):
        pipe.file.close()
