"""Ctrl-C, and the interrupt of a kernel: the wait ends, the effect is cancelled, and the loop continues."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_connection

from tests.spec import sessions
from zefnb import FX, run
from zefnb.engine.perform import Submission
from zefnb.engine.runtime import default_runtime


def test_ctrl_c_ends_the_wait_cancels_the_effect_and_the_loop_continues(nap, until):
    def interrupt():
        until(lambda: nap == ["begun"])
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        FX.Nap(seconds=60) | run
    thread.join(20)
    until(lambda: nap == ["begun", "cancelled"])
    assert FX.Nap(seconds=0) | run == "rested"


def test_an_effect_cancelled_before_its_first_step_is_not_left_unawaited(nap, until):
    """Interrupted in the iteration of its submission: pytest fails on a coroutine that is never awaited."""
    runtime = default_runtime()
    submission = Submission(runtime, [FX.Nap(seconds=60)], [None])

    def scene():
        submission.start()
        submission._cancel()

    runtime.call_queue.put(scene)
    until(lambda: submission.done)
    assert isinstance(submission.error, asyncio.CancelledError)
    assert nap == []


def test_an_effect_cancelled_before_its_turn_is_not_performed(until):
    submission = Submission(default_runtime(), [FX.Log(content="too late")], [None])
    submission.cancel()
    default_runtime().call_queue.put(submission.start)
    until(lambda: submission.done)
    assert FX.QueryLog() | run == []


def test_a_script_is_interrupted_and_ends_with_its_server_sending_a_close_frame():
    code = (
        "from zefnb import *\n"
        "import time\n"
        "t = ET.Topic('t')\n"
        "s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[t])}, port=0) | run\n"
        "print(s.port, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=sessions.environment()
    )
    with process:
        port = int(process.stdout.readline())
        with open_connection(f"ws://127.0.0.1:{port}/ws") as client:
            process.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(20)
            assert closed.value.rcvd.code == 1001
        assert process.wait(20) != 0
        assert process.stderr.read().decode().strip().endswith("KeyboardInterrupt")


def test_a_kernel_interrupt_ends_the_wait_and_the_server_continues(tmp_path, until):
    with sessions.kernel() as kernel:
        kernel.execute("from zefnb import *\nimport asyncio\nfrom zefnb.core.effect import effect\nstory = []")
        kernel.execute(
            "@effect('Nap')\n"
            "async def nap(runtime, *, seconds: float):\n"
            "    try:\n"
            "        story.append('begun')\n"
            f"        open({str(tmp_path / 'begun')!r}, 'x').close()\n"
            "        await asyncio.sleep(seconds)\n"
            "    except asyncio.CancelledError:\n"
            "        story.append('cancelled')\n"
            "        raise\n"
        )
        kernel.execute(
            "s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[ET.Topic('t')])}, port=0)|run"
        )
        port = int(kernel.execute("s.port").value)
        with open_connection(f"ws://127.0.0.1:{port}/ws") as client:
            request = kernel.send("FX.Nap(seconds=60) | run")
            until((tmp_path / "begun").exists)
            kernel.manager.interrupt_kernel()
            assert kernel.outcome(request, within=30).error.startswith("KeyboardInterrupt")
            assert kernel.execute("story").value == "['begun', 'cancelled']"
            kernel.execute("FX.Publish(target=ET.Topic('t'), content='alive') | run")
            assert client.recv(20) == "alive"
