"""Wakers: the loop wakes waiting threads; none waits for ever, and no descriptor leaks."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import threading
import time

import pytest

from tests.conftest import wait_until
from tests.engine.interrupting import interrupt
from zefnb import ET, FX, generate_uid, run
from zefnb.engine import waker as waker
from zefnb.engine.runtime import default_runtime
from zefnb.engine.waker import make_waker, thread_waker
from zefnb.errors import Interrupted

KINDS = [waker._SocketWaker, waker._LockWaker]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_wake_up_wakes_the_waiting_thread(kind):
    rung, woken = kind(None), threading.Event()

    def wait():
        rung.wait()
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not woken.wait(0.05)
    rung.wake()
    assert woken.wait(20)
    thread.join()


@pytest.mark.parametrize("kind", KINDS)
def test_a_wake_up_before_the_wait_counts_and_ten_thousand_do_not_block(kind):
    rung = kind(None)
    for _ in range(10_000):
        rung.wake()
    rung.wait()
    rung.wake()
    rung.wait()


@pytest.mark.parametrize("kind", KINDS)
def test_a_timeout_ends_a_wait_without_a_wake_up(kind):
    began = time.monotonic()
    kind(0.1).wait()
    assert time.monotonic() - began > 0.05


def test_a_default_timeout_for_sockets_changes_nothing():
    socket.setdefaulttimeout(0.01)
    try:
        patient, woken = make_waker(), threading.Event()
    finally:
        socket.setdefaulttimeout(None)
    thread = threading.Thread(target=lambda: (patient.wait(), woken.set()))
    thread.start()
    assert not woken.wait(0.2)
    patient.wake()
    thread.join(20)
    assert woken.is_set()


def test_without_a_free_descriptor_waiting_still_works():
    """A server with the maximum number of clients still serves queries, and its handlers still run."""
    topic, handled = ET.Topic(generate_uid()), []
    # What they need is loaded before, and what could give descriptors back is gone.
    FX.StopActor(actor=FX.StartActor(initial_state=0, handler=lambda msg, state: [[], state]) | run) | run
    FX.Publish(target=topic, content=0) | run
    assert FX.QueryAllActiveHTTPServers() | run == []
    gc.collect()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(FX.QueryAllActiveHTTPServers() | run))
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        assert isinstance(make_waker(), waker._LockWaker)
        thread.start()
        thread.join(20)
        FX.StartActor(input=topic, initial_state=0, handler=lambda msg, state: handled.append(msg) or [[], state]) | run
        for number in range(3):
            FX.Publish(target=topic, content=number) | run
            wait_until(lambda number=number: len(handled) == number + 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answers == [[]]


def test_many_waiting_threads_do_not_use_all_descriptors():
    many = [make_waker() for _ in range(1_000)]
    assert len(waker._SocketWaker.open_descriptors) <= 64
    assert isinstance(many[-1], waker._LockWaker)
    many.clear()
    assert isinstance(make_waker(), waker._SocketWaker)


@pytest.mark.parametrize("kind", KINDS)
def test_after_ctrl_c_at_any_point_of_a_wait_the_waker_still_works(kind):
    """Run in a separate thread, so that it interrupts as soon as Python checks."""
    rung = kind(0.001)
    for _ in range(200):
        inside = threading.Event()

        def wait(inside=inside):
            with contextlib.suppress(KeyboardInterrupt):
                inside.set()
                while True:
                    rung.wait()

        thread = threading.Thread(target=wait)
        thread.start()
        assert inside.wait(20)
        interrupt(thread)
        thread.join(20)
        ringing = threading.Thread(target=rung.wake)
        ringing.start()
        ringing.join(20)
        assert not ringing.is_alive()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="LEFT OUT: descriptors cannot be counted here")
def test_each_thread_has_its_own_waker_which_ends_with_it():
    assert FX.QueryAllActiveHTTPServers() | run == []
    wakers, before = [], descriptors()

    def ask():
        wakers.extend([thread_waker(), thread_waker()])
        assert FX.QueryAllActiveHTTPServers() | run == []

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wakers) == 20
    assert len(set(map(id, wakers))) == 10
    wakers.clear()
    wait_until(lambda: descriptors() <= before)  # the loop may still be on its way back from the last


def test_a_wake_up_for_an_abandoned_wait_does_not_end_the_next():
    thread_waker().wake()
    assert FX.Log(content="not before it is done") | run == ET.Success()
    assert [entry["message"] for entry in FX.QueryLog() | run] == ["not before it is done"]


def test_closing_the_runtime_wakes_waiting_threads():
    runtime = default_runtime()
    waiting, told = threading.Event(), []

    def wait():
        waiting.set()
        with contextlib.suppress(Interrupted):
            runtime.wait(lambda: False)
            told.append("it was done")
        told.append("interrupted")

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(20)
    runtime.close()
    thread.join(20)
    assert told == ["interrupted"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="LEFT OUT: no fork here")
def test_a_forked_child_has_its_own_waker():
    mine = thread_waker()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"another" if thread_waker() is not mine else b"the same")
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"another"
    os.close(reader)


def test_ctrl_c_ends_a_wait_and_the_next_one_waits_again():
    main, waits = threading.main_thread().ident, threading.Event()

    def press():
        waits.wait(20)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        default_runtime().wait(lambda: waits.set() or False)
    thread.join(20)
    topic = ET.Topic(generate_uid())
    assert FX.Publish(target=topic, content=1) | run == ET.Success()
    assert FX.QueryAllActiveHTTPServers() | run == []


def test_a_waker_with_a_timeout_waits_in_slices():
    slices, began = 0, time.monotonic()
    patient = make_waker(0.02)
    while time.monotonic() - began < 0.2:
        patient.wait()
        slices += 1
    assert 1 <= slices <= 10
