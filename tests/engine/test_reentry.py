"""Foreign code that interrupts zefnb, publishes and runs queries: nothing hangs, nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import Until
from tests.engine.reentering import KINDS
from tests.spec.sessions import environment, run_script
from zefnb import ET, FX
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import WouldBlock


def strike(kind: str, seconds: float) -> None:
    """Run in a separate process, which reports where it hangs."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.reentering", kind, str(seconds)],
        timeout=seconds + 105,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    assert done.stdout.splitlines()[-1].startswith(f"{kind}: ")


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_every_message_arrives_in_order_when_foreign_code_runs_at_any_point(kind: str) -> None:
    strike(kind, 0.3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_the_same_for_more_than_a_minute_in_total(kind: str) -> None:
    strike(kind, 2)


def test_a_handler_of_logging_that_publishes_can_start_the_engine(tmp_path: Path) -> None:
    """asyncio logs its choice of selector; a thread that waits for the loop holds the handler's lock."""
    cells = [
        "import logging\nfrom zefnb import *",
        "class Handler(logging.Handler):\n"
        "    def emit(self, record):\n"
        "        FX.Publish(target=ET.Topic('log'), content=record.getMessage()) | run\n"
        "        FX.QueryAllActiveHTTPServers() | run",
        "logging.getLogger().addHandler(Handler())\nlogging.getLogger().setLevel(logging.DEBUG)",
        "logging.info('the first thing that happens')\nprint('returned')",
    ]
    assert run_script(cells, tmp_path).splitlines()[-1] == "returned"


def test_the_loop_starts_threads_in_which_a_finalizer_can_wait_for_it_early(tmp_path: Path) -> None:
    """The first call in a new thread represents the finalizer."""
    cells = [
        "import asyncio, threading, time\nfrom zefnb import *",
        "first = threading.Thread._set_ident\nasked = set()\n"
        "def set_ident(thread):\n"
        "    first(thread)\n"
        "    if thread.name in ('zefnb-executor', 'zefnb-handlers', 'zefnb-log', 'zefnb-print'):\n"
        "        FX.ListTimers() | run\n"
        "        asked.add(thread.name)\n"
        "threading.Thread._set_ident = set_ident",
        "@zef_function(inline=True)\n"
        "def fails(msg, state): raise ValueError\n"
        "fails = FX.StartActor(initial_state=0, handler=fails) | run\n"
        "waits = FX.StartActor(initial_state=0, handler=lambda msg, state: [[], state + msg]) | run\n"
        "async def asks(msg, state): return [[], await asyncio.to_thread(lambda: state + msg)]\n"
        "asks = FX.StartActor(initial_state=0, handler=asks) | run\n"
        "for actor in (fails, waits, asks): FX.Publish(target=actor.input, content=1) | run\n"
        "FX.Print(content='printed') | run",
        "for actor in (waits, asks):\n"
        "    while [1] != [*(FX.QueryActorState(actor=actor) | run).values()]: time.sleep(0.01)\n"
        "while len(asked) < 4: time.sleep(0.01)\nprint(sorted(asked))",
    ]
    asked = str(["zefnb-executor", "zefnb-handlers", "zefnb-log", "zefnb-print"])
    assert asked in run_script(cells, tmp_path).splitlines()


def test_a_waiting_publisher_is_released_by_a_loop_that_waits_for_its_lock(until: Until) -> None:
    """As a handler on the loop that logs, to a handler of logging that publishes."""
    runtime, its_lock = Runtime(), threading.Lock()
    runtime.call_queue.put(runtime.call_queue.pause_for, object())
    until(lambda: runtime.call_queue.is_paused)
    returned, waits = [], threading.Event()

    def publish() -> None:
        with its_lock:
            runtime.call_queue.put(lambda: (waits.set(), its_lock.acquire()))
            assert waits.wait(20)
            returned.append(run_on(runtime, FX.Publish(target=ET.Topic("t"), content=1)))

    thread = threading.Thread(target=publish)
    thread.start()
    thread.join(20)
    assert returned == [ET.Success()]
    runtime.close()


def test_at_the_end_of_a_process_publishing_does_nothing_and_other_effects_are_interrupted(tmp_path: Path) -> None:
    cells = [
        "import atexit\nfrom zefnb import *",
        "class Last:\n"
        "    def __del__(self):\n"
        "        print('collected', FX.Publish(target=ET.Topic('t'), content='bye') | run)",
        "def after_all():\n"
        "    print(FX.Publish(target=ET.Topic('t'), content='bye') | run)\n"
        "    try:\n"
        "        FX.ListTimers() | run\n"
        "    except RuntimeError as error:\n"
        "        print(error)",
        # Callbacks are called in the reverse order: this one comes after the runtime's own.
        "atexit.register(after_all)\nFX.ListTimers() | run\nlast = Last()\nlast.itself = last",
    ]
    assert run_script(cells, tmp_path).splitlines() == [
        "ET.Success()",
        "the process ends, and its runtime has been closed",
        "collected ET.Success()",
    ]


def test_a_service_requested_during_its_construction_is_made_only_once() -> None:
    runtime = default_runtime()
    made: list[object] = []

    class Service:
        def __init__(self, runtime: Runtime) -> None:
            if not made:  # as a signal handler in the middle of it
                made.append(self)
                made.append(runtime.service(Service))

    kept = runtime.service(Service)
    assert kept is made[1] is runtime.service(Service)
    del runtime.services[Service]


def test_the_loop_itself_never_waits_for_a_runtime_to_start(until: Until) -> None:
    from zefnb.engine.start import run_in_own_thread

    raised: list[BaseException] = []

    def call() -> None:
        try:
            run_in_own_thread(int)
        except WouldBlock as error:
            raised.append(error)

    default_runtime().call_queue.put(call)
    until(lambda: raised)


@pytest.mark.skipif(sys.platform == "win32", reason="LEFT OUT: no fork here")
def test_a_child_forked_at_any_moment_can_publish(tmp_path: Path) -> None:
    cells = [
        "import os, threading, warnings\nwarnings.simplefilter('ignore')\nfrom zefnb import *",
        "over = threading.Event()\nt = ET.Topic('t')\n"
        "def publish():\n"
        "    while not over.is_set():\n"
        "        FX.Publish(target=t, content='x') | run\n"
        "        FX.Log(content='busy') | run\n"
        "threads = [threading.Thread(target=publish) for _ in range(3)]\n"
        "for thread in threads: thread.start()",
        "statuses = set()\n"
        "for _ in range(40):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        FX.Publish(target=t, content='from the child') | run\n"
        "        FX.Log(content='from the child') | run\n"
        "        mine = [entry['message'] for entry in FX.QueryLog() | run]\n"
        "        os._exit(0 if mine == ['from the child'] else 1)\n"
        "    statuses.add(os.waitpid(child, 0)[1])",
        "over.set()\nfor thread in threads: thread.join()\nprint(statuses)",
    ]
    assert run_script(cells, tmp_path, within=60).splitlines()[-1] == "{0}"
