"""VS Code's interactive window: a new cell with a new id for each run, in a real kernel."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.notebook.kernel import Cell, Kernel, a_kernel
from tests.ports import free_port

SERVER = """@zef_function
def page(request):
    print('asked')
    return 'first'
server = FX.StartHTTPServer(routes={'/': page}, port=0) | run
timer = FX.StartTimer(interval=9, target=ET.Topic('t'), content='') | run"""

_numbers = itertools.count(1)
read = build_opener(ProxyHandler({})).open


class Window:
    """An interactive window, or a notebook, of VS Code. It sends the addresses of cells as VS Code does."""

    def __init__(self, kernel: Kernel, path: str) -> None:
        self.kernel, self._path = kernel, path

    def run(self, code: str) -> Cell:
        """Run code in a new cell."""
        done = self.kernel.run(code, f"vscode-notebook-cell:{self._path}#W{next(_numbers)}sdW50aXRsZWQ%3D")
        assert done.error is None, done.error
        return done


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with a_kernel("from zefnb import *") as kernel:
        yield kernel


@pytest.mark.parametrize("path", ["Interactive-1.interactive", "/home/ada/Interactive-22.interactive"])
def test_the_same_code_in_a_new_cell_of_the_interactive_window_replaces(kernel: Kernel, path: str) -> None:
    window = Window(kernel, path)
    window.run(SERVER)
    port = kernel.value("server.port")
    again = window.run(SERVER)
    assert again.text.count("replaced") == 2
    assert kernel.value("server.port") == port
    assert len(kernel.value("[row['kind'] for row in FX.StreamGraphSnapshot() | run if row['kind'] == 'timer']")) == 1
    with read(f"http://127.0.0.1:{port}/") as answer:
        assert answer.read() == b"first"
    kernel.until(lambda: "asked" in again.text)
    kernel.run("FX.StopHTTPServer(server=server) | run\nFX.StopTimer(timer=timer) | run")


def test_a_function_that_is_defined_again_in_the_interactive_window_updates(kernel: Kernel) -> None:
    window = Window(kernel, "Interactive-1.interactive")
    window.run("@zef_function\ndef hello(request): return 'first'")
    window.run("server = FX.StartHTTPServer(routes={'/': hello}, port=0) | run")
    window.run("@zef_function\ndef hello(request): return 'second'")
    with read(f"http://127.0.0.1:{kernel.value('server.port')}/") as answer:
        assert answer.read() == b"second"
    kernel.run("FX.StopHTTPServer(server=server) | run")


def test_cells_of_a_notebook_in_vs_code_with_the_same_code_are_different_cells(kernel: Kernel) -> None:
    notebook = Window(kernel, "/home/ada/interactive.ipynb")
    code = "timer = FX.StartTimer(interval=9, target=ET.Topic('t'), content='') | run"
    first, second = notebook.run(code), notebook.run(code)
    assert "replaced" not in first.text + second.text


def test_a_held_port_in_the_interactive_window_names_the_server_and_the_argument_that_replaces(kernel: Kernel) -> None:
    window = Window(kernel, "Interactive-1.interactive")
    code = "edited = FX.StartHTTPServer(routes={'/': 'first'}, port=0) | run"
    window.run(code)
    port = kernel.value("edited.port")
    other = kernel.run(
        f"FX.StartHTTPServer(routes={{'/': 'second'}}, port={port}) | run",
        "vscode-notebook-cell:Interactive-1.interactive#W999sdW50aXRsZWQ%3D",
    )
    assert other.error is not None
    assert "allow_restart=True" in other.error
    assert str(port) in other.error


@pytest.mark.parametrize(
    "ids", [("first", "second"), ("vscode-notebook-cell:/a.ipynb#X1", "vscode-notebook-cell:/a.ipynb#X2")]
)
def test_a_port_that_a_cell_of_the_same_code_holds_is_an_error_that_names_both_cells(
    kernel: Kernel, ids: tuple[str, str]
) -> None:
    code = f"held = FX.StartHTTPServer(routes={{'/': 'any'}}, port={free_port()}) | run"
    first, second = kernel.run(code, ids[0]), kernel.run(code, ids[1])
    assert first.label != second.label
    assert (
        f"which the cell {first.label} started, and this is {second.label}; stop it, or pass allow_restart=True"
        in str(second.error)
    )
    assert "replaced" in kernel.run(code, ids[0]).text
    kernel.run("FX.StopHTTPServer(server=held) | run")
