"""`%load_ext zefnb` in a real kernel: loading, running again, interrupting, restarting."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.notebook.kernel import Kernel

START = "server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run"


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    started = Kernel()
    yield started
    started.close()


@pytest.fixture(autouse=True)
def loaded(kernel: Kernel) -> None:
    assert kernel.run("%reload_ext zefnb\nfrom zefnb import *").error is None


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_loading_loads_no_server_and_no_widgets():
    """How long it takes is for the bench to say."""
    fresh = Kernel()
    try:
        assert fresh.run("%load_ext zefnb").error is None
        fresh.run("import sys\nheavy = 'uvicorn', 'websockets', 'ipywidgets', 'anywidget', 'rich'")
        loaded = fresh.value("[name for name in heavy if name in sys.modules]")
        assert loaded == []
    finally:
        fresh.close()


def test_the_star_import_alone_gives_handles_their_display(kernel):
    assert kernel.run("%unload_ext zefnb").error is None
    fresh = Kernel()
    try:
        done = fresh.run(f"from zefnb import *\n{START}\nserver")
        assert "text/html" in done.result
        assert "running" in done.result["text/plain"]
    finally:
        fresh.close()


def test_unloading_takes_everything_back_and_loading_again_works(kernel):
    kernel.run("%unload_ext zefnb")
    assert "not found" in kernel.run("%zef").text
    assert kernel.run("print('still prints')").text == "still prints\n"
    kernel.run("%load_ext zefnb")
    assert "zefnb" in kernel.run("%zef").result["text/plain"]


def test_interrupting_a_cell_leaves_the_server_up(kernel):
    kernel.run(START, "S")
    long = kernel.start("import time\nprint('busy')\nwhile True: time.sleep(0.05)")
    kernel.until(lambda: "busy" in long.text)
    kernel.interrupt()
    kernel.until(lambda: long.idle)
    assert "KeyboardInterrupt" in str(long.error)
    assert kernel.value("[row['port'] for row in FX.QueryAllActiveHTTPServers() | run] == [server.port]")
    kernel.run("%zef stop --all")


def test_restarting_the_kernel_frees_the_port_at_once(kernel):
    kernel.run(START, "S")
    port = kernel.value("server.port")
    assert not is_free(port)
    began = time.monotonic()
    kernel.restart()
    assert is_free(port)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("code", "left", "said"),
    [
        ("%zef start /ws --port 0 --topic chat", "len(FX.QueryAllActiveHTTPServers() | run)", "the server on port"),
        (START, "len(FX.QueryAllActiveHTTPServers() | run)", "the server on port"),
        (
            "FX.SubscribeFX(topic=ET.Topic('t'), op=print) | run",
            "len(FX.StreamGraphSnapshot() | run)",
            "the subscription",
        ),
        ("FX.StartTimer(interval=9, target=ET.Topic('t'), content=0) | run", "len(FX.ListTimers() | run)", "the timer"),
        ("%%zef on chat\nprint(msg)", "len(FX.StreamGraphSnapshot() | run)", "the subscription"),
        ("%zef tail chat", "len(FX.StreamGraphSnapshot() | run)", "the subscription"),
    ],
    ids=["%zef start", "server", "subscription", "timer", "%%zef on", "%zef tail"],
)
def test_a_cell_that_runs_again_leaves_no_twin_and_says_so_in_one_line(code, left, said):
    with_its_own = Kernel()
    try:
        with_its_own.run("%load_ext zefnb\nfrom zefnb import *")
        first = with_its_own.run(code, "X")
        assert (first.error, first.text) == (None, "")
        second = with_its_own.run(code, "X")
        assert second.error is None
        assert len(second.text.splitlines()) == 1, second.text
        assert f"replaced {said}" in second.text
        assert with_its_own.value(left) == 1
    finally:
        with_its_own.close()
