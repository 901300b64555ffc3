"""SIGTERM and SIGHUP while a server runs: clients get 1001, and the process ends by that signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.conftest import opened
from tests.spec.sessions import environment
from zefnb.engine.signals import _in_main_thread

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="LEFT OUT: no such signals here")

START = (
    "server = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[ET.Topic('t')])}, port=0) | run\n"
)
SAY = "print(server.port, flush=True)\n"


@contextmanager
def script(lines: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has printed its first line, and ends with the test."""
    source = f"import hashlib, os, signal, threading, time\nfrom zefnb import *\n{lines}"
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, env=environment()) as ran:
        try:
            yield ran
        finally:
            ran.kill()


def first_line(ran: subprocess.Popen[str]) -> str:
    assert ran.stdout is not None
    return ran.stdout.readline().strip()


def close_code(client: object) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=20)  # type: ignore[attr-defined]
    return closed.value.rcvd.code if closed.value.rcvd is not None else None


WAITS = {
    "asleep": "time.sleep(60)",
    "computing": "while True: pass",
    "in a long call of C's": "hashlib.pbkdf2_hmac('sha256', b'x', b'y', 30_000_000)",
    "waiting for a lock": "threading.Lock().acquire() and threading.Event().wait()",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("wait", WAITS)
def test_clients_are_closed_with_1001_and_the_process_ends_by_the_signal(wait: str, number: signal.Signals) -> None:
    with script(f"{START}print(server.port, flush=True); print('buffered')\n{WAITS[wait]}") as ran:
        with opened(f"ws://127.0.0.1:{first_line(ran)}/ws") as client:
            ran.send_signal(number)
            assert close_code(client) == 1001
        assert ran.wait(20) == -number
        assert first_line(ran) == "buffered"


def test_the_first_server_can_be_started_by_another_thread() -> None:
    lines = (
        f"def start():\n    global server\n    {START}"
        f"thread = threading.Thread(target=start)\nthread.start(); thread.join()\n{SAY}time.sleep(60)"
    )
    with script(lines) as ran:
        with opened(f"ws://127.0.0.1:{first_line(ran)}/ws") as client:
            ran.send_signal(signal.SIGTERM)
            assert close_code(client) == 1001
        assert ran.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_signal_handler_of_the_program_is_not_replaced(order: str) -> None:
    mine = "signal.signal(signal.SIGTERM, lambda *_: (print('mine', flush=True), os._exit(3)))\n"
    lines = mine + START if order == "before" else START + mine
    with script(f"{lines}{SAY}time.sleep(60)") as ran:
        first_line(ran)
        ran.send_signal(signal.SIGTERM)
        assert first_line(ran) == "mine"
        assert ran.wait(20) == 3


def test_a_signal_ignored_by_nohup_stays_ignored() -> None:
    lines = f"signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{START}{SAY}input()\nprint('still here', flush=True)"
    source = f"import signal\nfrom zefnb import *\n{lines}"
    with subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as ran:
        first_line(ran)
        ran.send_signal(signal.SIGHUP)
        assert ran.stdin is not None
        ran.stdin.write("\n")
        ran.stdin.flush()
        assert first_line(ran) == "still here"
        assert ran.wait(20) == 0


def test_a_second_signal_ends_the_process_at_once() -> None:
    """While a handler that does not end keeps the closing waiting, here for longer than the test waits."""
    lines = (
        "from zefnb.engine.runtime import Runtime\nRuntime.close.__defaults__ = (600,)\n"
        "busy = FX.StartActor(initial_state=0, handler=lambda msg, state: time.sleep(60)) | run\n"
        f"FX.Publish(target=busy.input, content=1) | run\n{START}{SAY}time.sleep(60)"
    )
    with script(lines) as ran, opened(f"ws://127.0.0.1:{first_line(ran)}/ws") as client:
        ran.send_signal(signal.SIGTERM)
        assert close_code(client) == 1001
        ran.send_signal(signal.SIGTERM)
        assert ran.wait(20) == -signal.SIGTERM


def test_with_the_last_server_the_default_is_restored() -> None:
    lines = (
        f"{START}during = signal.getsignal(signal.SIGTERM)\nFX.StopHTTPServer(server=server) | run\n"
        "after = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP), signal.set_wakeup_fd(-1)\n"
        "print(during is not signal.SIG_DFL, after == (signal.SIG_DFL, signal.SIG_DFL, -1))"
    )
    with script(lines) as ran:
        assert first_line(ran) == "True True"
        assert ran.wait(20) == 0


def test_a_forked_child_ends_by_the_signals_default_and_leaves_the_parent_its_clients() -> None:
    lines = (
        f"{START}reader, writer = os.pipe()\nchild = os.fork()\n"
        "if child == 0:\n"
        "    os.write(writer, str(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL).encode())\n"
        "    time.sleep(60)\n"
        "print(os.read(reader, 10), flush=True)\nos.kill(child, signal.SIGTERM)\n"
        f"print(os.waitpid(child, 0)[1], flush=True)\n{SAY}time.sleep(60)"
    )
    with script(lines) as ran:
        assert (first_line(ran), first_line(ran)) == ("b'True'", "15")
        with opened(f"ws://127.0.0.1:{first_line(ran)}/ws") as client:
            ran.send_signal(signal.SIGTERM)
            assert close_code(client) == 1001


class Struck(Exception):
    """The exception of a signal handler."""


def test_an_exception_of_a_signal_handler_during_a_call_in_the_main_thread_is_raised_there(until: Any) -> None:
    def interrupted() -> None:
        raise Struck

    thread = threading.Thread(target=_in_main_thread, args=(interrupted, None))

    def wait() -> None:
        thread.start()
        until(lambda: False)

    with pytest.raises(Struck):
        wait()
    thread.join()


MANY_CALLS = """
from zefnb.engine.signals import _in_main_thread
made, refused = [], []
class Loop:
    def call_later(self, *later): refused.append(later)
def call_often():
    for n in range(1_000): _in_main_thread(lambda n=n: made.append(n), Loop())
thread = threading.Thread(target=call_often)
thread.start()
thread.join()
while len(made) + len(refused) < 1_000: pass
print(len(made) > 0, made == sorted(made))
"""


def test_calls_that_the_full_queue_of_the_main_thread_refuses_leave_the_queued_ones_intact() -> None:
    with script(MANY_CALLS) as ran:
        assert first_line(ran) == "True True"
        assert ran.wait(20) == 0
