"""Running a cell again: definitions update running code, and new objects replace those that the cell started before."""

from __future__ import annotations

import importlib
import subprocess
import sys
from contextlib import closing

import nbclient
import nbformat
import pytest
from traitlets.config import Config
from websockets.sync.client import connect as open_connection

from tests.kernel_sockets import KernelSockets
from tests.spec import sessions

SERVER = """
server = FX.StartHTTPServer(
    routes={'/ws': ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=on_message))}, port=0
) | run
"""


def handler_saying(word, inline=False):
    return f"""
@zef_function(inline={inline})
def on_message(msg, state):
    if match(ET.WSClientConnected, msg):
        return [[], (msg.topic_out, 0)]
    if not match(String, msg):
        return [[], state]
    out, count = state
    return [[FX.Publish(target=out, content=f'{word} {{count}}')], (out, count + 1)]
"""


@pytest.fixture(scope="module")
def started_kernel():
    with sessions.kernel() as kernel:
        kernel.execute("from zefnb import *")
        yield kernel


@pytest.fixture
def kernel(started_kernel):
    yield started_kernel
    started_kernel.execute(
        "for s in FX.QueryAllActiveHTTPServers() | run: FX.StopHTTPServer(server=s['server']) | run\n"
        "for t in FX.ListTimers() | run: FX.StopTimer(timer=t) | run\n"
        "for r in FX.ListReplays() | run: FX.StopReplay(replay=r) | run\n"
        "for a in FX.ListActors() | run: FX.StopActor(actor=a) | run\n"
        "for b in FX.StreamGraphSnapshot() | run: FX.DeleteTopic(topic=b['source']) | run\n"
        "assert not FX.StreamGraphSnapshot() | run"
    )


def port_of(kernel, name="server"):
    return int(kernel.execute(f"{name}.port").value)


class TestDefinitions:
    def test_running_the_defining_cell_again_updates_a_running_server_and_its_connected_clients(self, kernel):
        kernel.execute(handler_saying("old"), cell_id="define")
        kernel.execute(SERVER, cell_id="serve")
        with open_connection(f"ws://127.0.0.1:{port_of(kernel)}/ws") as client:
            client.send("x")
            assert client.recv(20) == "old 0"
            kernel.execute(handler_saying("new"), cell_id="define")
            client.send("x")
            assert client.recv(20) == "new 1"
            kernel.execute(handler_saying("inline", inline=True), cell_id="define")
            client.send("x")
            assert client.recv(20) == "inline 2"

    def test_a_function_of_that_name_in_another_cell_is_another_function(self, kernel):
        kernel.execute(handler_saying("first"), cell_id="one")
        kernel.execute(SERVER, cell_id="serve one")
        kernel.execute(handler_saying("second"), cell_id="two")
        with open_connection(f"ws://127.0.0.1:{port_of(kernel)}/ws") as client:
            client.send("x")
            assert client.recv(20) == "first 0"

    def test_one_execution_that_defines_a_name_several_times_makes_several_functions(self, kernel):
        code = (
            "made = []\n"
            "for n in range(3):\n"
            "    @zef_function\n"
            "    def numbered(msg, state, n={offset}): return n\n"
            "    numbered.function.__defaults__ = (n + {offset},)\n"
            "    made.append(numbered)\n"
        )
        kernel.execute(code.format(offset=0) + "kept = made", cell_id="loop")
        assert kernel.execute("[f(1, 2) for f in kept]").value == "[0, 1, 2]"
        kernel.execute(code.format(offset=10), cell_id="loop")
        assert kernel.execute("[f(1, 2) for f in kept]").value == "[10, 11, 12]"

    def test_local_functions_and_lambdas_are_never_replaced(self, kernel):
        code = "def make():\n    @zef_function\n    def inner(m, s): return {0}\n    return inner\n"
        code += "made = make(), zef_function(lambda m, s: {0})\n"
        kernel.execute(code.format(1) + "kept = made", cell_id="closures")
        kernel.execute(code.format(2), cell_id="closures")
        assert kernel.execute("[f(0, 0) for f in kept]").value == "[1, 1]"

    def test_without_cell_ids_equal_source_identifies_a_cell(self, kernel):
        code = "word = globals().get('word', 0) + 1\n@zef_function\ndef named(m, s, word=word): return word\n"
        kernel.execute(code + "earliest = globals().get('earliest', named)")
        kernel.execute(code + "earliest = globals().get('earliest', named)")
        assert kernel.execute("earliest is named, earliest(0, 0)").value == "(True, 2)"
        kernel.execute(code + "pass")
        assert kernel.execute("earliest is named").value == "False"


class TestThings:
    def test_a_server_is_replaced_on_its_port_also_with_port_0_and_one_line_reports_it(self, kernel):
        kernel.execute(handler_saying("x"))
        assert kernel.execute(SERVER, cell_id="server").text == ""
        port = port_of(kernel)
        again = kernel.execute(SERVER, cell_id="server")
        assert again.text == f"replaced the server on port {port} that this cell started before\n"
        assert port_of(kernel) == port
        assert kernel.execute("len(FX.QueryAllActiveHTTPServers() | run)").value == "1"

    def test_every_kind_of_object_is_replaced_by_one_of_its_kind(self, kernel):
        code = (
            "FX.StartTimer(interval=60, target=ET.Topic('a'), content=1) | run\n"
            "FX.StartActor(initial_state=0, handler=lambda m, s: [[], s]) | run\n"
            "FX.SubscribeFX(topic=ET.Topic('a'), op=log) | run\n"
            "FX.MapTopic(source=ET.Topic('a'), target=ET.Topic('b'), op=identity) | run\n"
            "[FX.StartTimer(interval=60, target=ET.Topic('a'), content=n) for n in range(2)] | run\n"
            "_ = await FX.StartTimer(interval=60, target=ET.Topic('a'), content=9)\n"
            "FX.StartReplay(source=[1, 2], target=ET.Topic('c'), rate=0.001) | run\n"
        )
        count = "(len(FX.ListTimers()|run), len(FX.ListActors()|run), len(FX.StreamGraphSnapshot()|run))"
        assert kernel.execute(code, cell_id="things").text == ""
        assert kernel.execute(count).value == "(4, 1, 8)"
        before = kernel.execute("set(FX.ListTimers() | run) | set(FX.ListActors() | run)").value
        again = kernel.execute(code, cell_id="things").text.splitlines()
        assert sorted(again) == [
            "replaced the actor that this cell started before",
            "replaced the replay that this cell started before",
            *["replaced the subscription to ET.Topic('a') that this cell made before"] * 2,
            *["replaced the timer that this cell started before"] * 4,
        ]
        assert kernel.execute(count).value == "(4, 1, 8)"
        assert kernel.execute("set(FX.ListTimers() | run) | set(FX.ListActors() | run)").value != before
        assert kernel.execute("len(FX.ListTimers() | run)", cell_id="things").value == "4"

    def test_another_cell_starts_separate_objects(self, kernel):
        code = "FX.StartTimer(interval=60, target=ET.Topic('a'), content=1) | run"
        kernel.execute(code, cell_id="one")
        kernel.execute(code, cell_id="two")
        assert kernel.execute("len(FX.ListTimers() | run)").value == "2"

    def test_without_cell_ids_the_same_source_replaces_and_other_source_does_not(self, kernel):
        code = "t = FX.StartTimer(interval=60, target=ET.Topic('a'), content={}) | run"
        kernel.execute(code.format(1))
        assert "replaced" in kernel.execute(code.format(1)).text
        assert kernel.execute(code.format(2)).text == ""
        assert kernel.execute("len(FX.ListTimers() | run)").value == "2"

    def test_a_stopped_object_is_started_again_without_a_message(self, kernel):
        code = "t = FX.StartTimer(interval=60, target=ET.Topic('a'), content=1) | run"
        kernel.execute(code, cell_id="stopped")
        kernel.execute("FX.StopTimer(timer=t) | run")
        assert kernel.execute(code, cell_id="stopped").text == ""

    def test_a_cell_that_fails_keeps_what_runs_and_replaces_it_after_the_correction(self, kernel):
        good = "s = FX.StartHTTPServer(routes={'/': 'hi'}, port=0) | run"
        kernel.execute(good, cell_id="mended")
        port = port_of(kernel, "s")
        wrong = "FX.StartHTTPServer(routes={'no slash': 'hi'}, port=0) | run"
        assert kernel.execute(wrong, cell_id="mended", fails=True).error.startswith("InvalidEffect")
        assert kernel.execute("len(FX.QueryAllActiveHTTPServers() | run)").value == "1"
        assert f"port {port}" in kernel.execute(good, cell_id="mended").text

    def test_threads_and_handlers_have_no_cell_and_replace_nothing(self, kernel):
        code = (
            "import threading\n"
            "def start(*given):\n"
            "    FX.StartTimer(interval=60, target=ET.Topic('a'), content=1) | run\n"
            "    return [[], 'started']\n"
            "thread = threading.Thread(target=start); thread.start(); thread.join()\n"
        )
        kernel.execute(code, cell_id="thread")
        kernel.execute(code, cell_id="thread")
        assert kernel.execute("len(FX.ListTimers() | run)").value == "2"

    def test_objects_that_an_actor_starts_do_not_count_for_the_cell(self, kernel, until):
        """The server's connections live in the context of the cell that started it."""
        code = (
            "def subscriber(msg, state):\n"
            "    return [[FX.SubscribeFX(topic=ET.Topic('a'), op=log)], state]\n"
            "actor = FX.StartActor(initial_state=0, handler=subscriber)\n"
            "s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(actor=actor)}, port=0) | run\n"
            "FX.SubscribeFX(topic=ET.Topic('b'), op=log) | run\n"
        )
        kernel.execute(code, cell_id="actors")
        count = "len([b for b in FX.StreamGraphSnapshot() | run if b['kind'] == 'subscription'])"
        with open_connection(f"ws://127.0.0.1:{port_of(kernel, 's')}/ws") as first:
            with open_connection(f"ws://127.0.0.1:{port_of(kernel, 's')}/ws"):
                until(lambda: kernel.execute(count).value == "3")
            first.send("x")
            until(lambda: kernel.execute(count).value == "3")


def test_a_notebook_runs_in_nbclient_which_sends_no_cell_ids():
    timer = "t = FX.StartTimer(interval=60, target=ET.Topic('a'), content=1) | run"
    cells = ["from zefnb import *", timer, timer, "print(len(FX.ListTimers() | run))"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    with closing(KernelSockets()) as sockets:
        nbclient.NotebookClient(notebook, timeout=60, config=Config(KernelManager=sockets.options)).execute()
    # The kernel sends what was printed when its timer says so: one line may come in two pieces.
    printed = ["".join(output["text"] for output in cell.outputs) for cell in notebook.cells[2:]]
    assert printed == ["replaced the timer that this cell started before\n", "1\n"]


class TestPlainIPython:
    def test_a_definition_is_identified_by_its_name(self, tmp_path):
        printed = sessions.run_ipython(
            [
                "from zefnb import *",
                "@zef_function\ndef f(m, s): return 1\nkept = f",
                "@zef_function\ndef f(m, s): return 'two, from other source'",
                "print(kept is f, kept(0, 0))",
            ],
            tmp_path,
        )
        assert printed.splitlines()[-1] == "True two, from other source"

    def test_one_input_that_defines_a_name_several_times_makes_several_functions(self, tmp_path):
        loop = (
            "made = []\nfor n in range(3):\n    @zef_function\n    def f(m, s, n=n{0}): return n\n    made.append(f)\n"
        )
        printed = sessions.run_ipython(
            [
                "from zefnb import *",
                loop.format("") + "kept = made",
                "print(len(set(map(id, kept))))",
                loop.format(" + 10") + "print([a is b for a, b in zip(made, kept)])",
            ],
            tmp_path,
        )
        assert printed.splitlines()[-2:] == ["3", "[True, True, True]"]

    def test_the_same_input_again_replaces_an_object(self, tmp_path):
        timer = "t = FX.StartTimer(interval=60, target=ET.Topic('a'), content={}) | run"
        printed = sessions.run_ipython(
            [
                "from zefnb import *",
                timer.format(1),
                timer.format(1),
                timer.format(2),
                "print(len(FX.ListTimers() | run))",
            ],
            tmp_path,
        )
        assert printed.splitlines() == ["replaced the timer that this cell started before", "2"]

    def test_a_terminal_session_works_as_typed(self, tmp_path):
        typed = "\n".join(
            [
                "from zefnb import *",
                "t = ET.Topic('a')",
                "seen = FX.SubscribeFX(topic=t, op=log) | run",
                "FX.Publish(target=t, content='typed by hand') | run",
                "exit",
                "",
            ]
        )
        done = subprocess.run(
            [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--quick"],
            input=typed,
            env=sessions.environment(IPYTHONDIR=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert "ET.Success()" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


class TestScriptsAndTheREPL:
    def test_a_script_replaces_nothing(self, tmp_path):
        code = """
from zefnb import *
made = []
for word in 'ab':
    @zef_function
    def f(m, s, word=word): return word
    made.append(f)
    FX.StartTimer(interval=60, target=ET.Topic('a'), content=1) | run
print([f(0, 0) for f in made], len(FX.ListTimers() | run))
s = FX.StartHTTPServer(routes={'/': 'x'}, port=0) | run
try:
    FX.StartHTTPServer(routes={'/': 'x'}, port=s.port) | run
except Exception as error:
    print(type(error).__name__, 'allow_restart=True' in str(error))
t = FX.StartHTTPServer(routes={'/': 'x'}, port=s.port, allow_restart=True) | run
print(t.port == s.port, len(FX.QueryAllActiveHTTPServers() | run))
"""
        assert sessions.run_script([code], tmp_path).splitlines() == [
            "['a', 'b'] 2",
            "PortUnavailable True",
            "True 1",
        ]

    def test_in_pythons_own_prompt_a_definition_is_identified_by_its_name(self):
        typed = """
from zefnb import zef_function
@zef_function
def f(m, s): return 1

kept = f
@zef_function
def f(m, s): return 2

print(kept is f, kept(0, 0))
made = []
for n in range(3):
    @zef_function
    def g(m, s, n=n): return n
    made.append(g)

print([g(0, 0) for g in made])
"""
        done = subprocess.run(
            [sys.executable, "-i", "-q"],
            input=typed,
            env=sessions.environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout.split("\n")[:2] == ["True 2", "[0, 1, 2]"], done.stderr

    def test_a_module_that_is_reloaded_updates_its_functions(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        module = tmp_path / "handlers_of_mine.py"
        source = (
            "from zefnb import zef_function\n"
            "made = []\n"
            "for n in (1, 2):\n"
            "    @zef_function\n"
            "    def f(m, s, n=n): return n * {}\n"
            "    made.append(f)\n"
        )
        module.write_text(source.format(1))
        handlers = importlib.import_module("handlers_of_mine")
        kept = handlers.made
        assert [f(0, 0) for f in kept] == [1, 2]
        module.write_text(source.format(100))
        importlib.reload(handlers)
        assert [f(0, 0) for f in kept] == [100, 200]
        assert handlers.made == kept
