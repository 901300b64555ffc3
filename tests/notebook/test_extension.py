"""`%load_ext zefnb` in a real kernel: loading, running again, interrupting, restarting."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from tests.notebook.kernel import Kernel, a_kernel
from tests.ports import free_port, is_free

START = "server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run"
START_ON = "server = FX.StartHTTPServer(routes={{'/': 'hello'}}, port={}) | run"


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with a_kernel() as started:
        yield started


@pytest.fixture(autouse=True)
def loaded(kernel: Kernel) -> None:
    assert kernel.run("%reload_ext zefnb\nfrom zefnb import *").error is None


def test_loading_starts_no_server_and_loads_no_widgets():
    """The bench measures the time."""
    with a_kernel() as fresh:
        heavy = "import sys\nheavy = [n for n in ('uvicorn', 'ipywidgets', 'anywidget', 'rich') if n in sys.modules]"
        assert fresh.run(f"%load_ext zefnb\n{heavy}").error is None
        assert fresh.value("heavy") == []


@pytest.mark.parametrize("how", ["%load_ext zefnb", "from zefnb import *"])
def test_the_code_of_a_server_is_loaded_after_the_first_cell(how):
    with a_kernel() as fresh:
        fresh.run(f"import sys\n{how}\nbefore = 'zefnb.net.http.server' in sys.modules")
        assert fresh.value("before") is False
        fresh.until(lambda: fresh.value("'zefnb.net.http.server' in sys.modules"))
        assert fresh.value("[n for n in ('ipywidgets', 'anywidget', 'rich') if n in sys.modules]") == []


def test_a_server_can_be_started_while_its_code_is_being_loaded():
    with a_kernel() as fresh:
        fresh.start("%load_ext zefnb")
        assert fresh.run(f"from zefnb import *\n{START}\nserver").result["text/html"]


def test_the_star_import_alone_registers_the_display_of_handles(kernel):
    assert kernel.run("%unload_ext zefnb").error is None
    with a_kernel() as fresh:
        done = fresh.run(f"from zefnb import *\n{START}\nserver")
        assert "text/html" in done.result
        assert "running" in done.result["text/plain"]


def test_unloading_removes_everything_and_loading_again_works(kernel):
    kernel.run("%unload_ext zefnb")
    assert "not found" in kernel.run("%zef").text
    assert kernel.run("print('still prints')").text == "still prints\n"
    kernel.run("%load_ext zefnb")
    assert "zefnb" in kernel.run("%zef").result["text/plain"]


def test_interrupting_a_cell_leaves_the_server_up(kernel):
    kernel.run(START, "S")
    long = kernel.start("import time\nprint('busy')\nwhile True: time.sleep(0.05)")
    kernel.until(lambda: "busy" in long.text)
    kernel.interrupt(long)
    assert "KeyboardInterrupt" in str(long.error)
    assert kernel.value("[row['port'] for row in FX.QueryAllActiveHTTPServers() | run] == [server.port]")
    kernel.run("%zef stop --all")


def test_restarting_the_kernel_frees_the_port_at_once(kernel):
    port = free_port()  # which the system gives to no other program while the kernel restarts
    assert kernel.run(START_ON.format(port)).error is None
    assert not is_free(port)
    kernel.restart()
    assert is_free(port)


SERVERS = "len(FX.QueryAllActiveHTTPServers() | run)"
# Of the topics below: the outward client's server is bound to one, too, and connected to whenever it likes.
BINDINGS = "sum(b['source'] in (ET.Topic('t'), ET.Topic('chat')) for b in FX.StreamGraphSnapshot() | run)"
WIDGETS = "sum(w['model_name'] == 'AnyModel' for w in Widget.get_manager_state()['state'].values())"
AGAIN = {
    "%zef start": ("%zef start /ws --port 0 --topic chat", SERVERS, "the server on port"),
    "server": (START, SERVERS, "the server on port"),
    "await": ("await FX.StartHTTPServer(routes={'/': 'hello'}, port=0)", SERVERS, "the server on port"),
    "subscription": ("FX.SubscribeFX(topic=ET.Topic('t'), op=print) | run", BINDINGS, "the subscription"),
    "map": ("FX.MapTopic(source=ET.Topic('t'), target=ET.Topic('u'), op=identity) | run", BINDINGS, "the subscription"),
    "timer": (
        "FX.StartTimer(interval=9, target=ET.Topic('t'), content=0) | run",
        "len(FX.ListTimers() | run)",
        "the timer",
    ),
    "actor": (
        "FX.StartActor(input=ET.Topic('t'), initial_state=0, handler=lambda m, s: [[], s]) | run",
        "len(FX.ListActors() | run)",
        "the actor",
    ),
    "outward client": (
        "FX.StartWebSocketClient(url=f'ws://127.0.0.1:{room.port}/ws', in_stream_into=[ET.Topic('in')]) | run",
        "len(FX.ListWebSocketClients() | run)",
        "the outward client",
    ),
    "%zef connect": (
        "%zef connect ws://127.0.0.1:{room.port}/ws --in in",
        "len(FX.ListWebSocketClients() | run)",
        "the outward client",
    ),
    "%%zef on": ("%%zef on chat\nprint(msg)", BINDINGS, "the subscription"),
    "%zef tail": ("%zef tail chat", BINDINGS, "the subscription"),
    "%zef watch": ("%zef watch room", WIDGETS, "the live table"),
    "watch": ("watch(room, '/ws')", WIDGETS, "the live table"),
    "%zef plot": ("%zef plot chat --y value", WIDGETS, "the live chart"),
    "plot": ("plot(room)", WIDGETS, "the live chart"),
    "%zef client": ("%zef client /ws --server room", WIDGETS, "the chat client"),
}


@pytest.mark.parametrize("what", AGAIN)
def test_a_cell_that_runs_again_makes_no_duplicate_and_says_so_in_one_line(kernel, what):
    code, count, said = AGAIN[what]
    kernel.run("from ipywidgets import Widget")
    kernel.run("room = %zef start /ws --port 0 --topic room", "room")
    before = kernel.value(count)
    first = kernel.run(code, what)
    assert (first.error, first.text) == (None, "")
    assert kernel.value(count) == before + 1
    for _ in range(2):
        again = kernel.run(code, what)
        assert again.error is None
        assert len(again.text.splitlines()) == 1, again.text
        assert f"replaced {said}" in again.text
        assert kernel.value(count) == before + 1
    # A client would report the end of its server under the cells of the next test.
    kernel.run("[FX.StopWebSocketClient(client=client) for client in FX.ListWebSocketClients() | run] | run")


def test_a_page_that_runs_again_is_the_same_page(kernel):
    kernel.run("site = %zef start /ws --port 0 --topic room", "site")
    assert kernel.run("%%zef page /page --server site\none", "page").text == ""
    again = kernel.run("%%zef page /page --server site\ntwo", "page")
    assert again.text == f"updated the page /page on port {kernel.value('site.port')}\n"
    assert kernel.value("(FX.QueryHTTPServer(server=site) | run)['route_count']") == 2


HANDLER = """
@zef_function
def answer(message, state):
    said = FX.Publish(target=state["out"], content=f"{} {{state['heard']}}")
    return [[said], {{**state, "heard": state["heard"] + 1}}]
"""
ANSWERS = """
def on_connect(message, state):
    return [[], {"out": message.topic_out, "heard": 0}]
rules = {(ET.WSClientConnected, Any): on_connect, (String, Any): answer}
server = FX.StartHTTPServer(
    routes={"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules))}, port=0
) | run
"""


def test_a_redefined_handler_takes_effect_at_once_and_keeps_clients_and_states(kernel):
    kernel.run(HANDLER.format("first"), "handler")
    kernel.run(ANSWERS, "answers")
    with connect(f"ws://127.0.0.1:{kernel.value('server.port')}/ws", proxy=None) as client:
        for name, answer in (("first", "first 0"), ("second", "second 1"), ("third", "third 2")):
            assert kernel.run(HANDLER.format(name), "handler").error is None
            client.send("?")
            assert client.recv(timeout=20) == answer


def test_interrupting_a_cell_leaves_clients_connected_and_served(kernel):
    kernel.run(HANDLER.format("here"), "handler")
    kernel.run(ANSWERS, "answers")
    with connect(f"ws://127.0.0.1:{kernel.value('server.port')}/ws", proxy=None) as client:
        for busy in ("while True: pass", "import time\ntime.sleep(60)"):
            long = kernel.start(f"print('busy')\n{busy}")
            kernel.until(lambda long=long: "busy" in long.text)
            kernel.interrupt(long)
            assert long.error is not None
        client.send("?")
        assert client.recv(timeout=20) == "here 0"


def test_a_restarted_kernel_starts_its_servers_on_the_same_ports(kernel):
    port = free_port()
    kernel.run(START_ON.format(port), "S")
    with socket.create_connection(("127.0.0.1", port)):
        kernel.restart()
    kernel.run("%load_ext zefnb\nfrom zefnb import *")
    again = kernel.run(START_ON.format(port), "S")
    assert (again.error, again.text) == (None, "")
    assert kernel.value("server.port") == port


def test_a_cell_that_loads_the_extension_again_prints_nothing(kernel):
    assert kernel.run("%load_ext zefnb", "loads").error is None
    assert kernel.run("%load_ext zefnb", "loads").text == ""
    assert kernel.run("%reload_ext zefnb").text == ""
    assert kernel.run("%load_ext zefnb", "loads").text == ""
    assert "server" in kernel.run("%zef").result["text/plain"]
