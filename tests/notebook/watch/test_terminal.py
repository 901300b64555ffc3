"""`watch` and links in a real terminal, in IPython's own prompt."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.cli.browser import wait_for
from tests.cli.processes import Terminal, needs_tmux, terminal

pytestmark = needs_tmux

IPYTHON = f"{sys.executable} -m IPython --no-banner --HistoryManager.enabled=False"


@pytest.fixture
def prompt() -> Iterator[Terminal]:
    """IPython, in which `server` runs with a chatroom at /ws."""
    with terminal(100, 30) as opened:
        opened.enter(IPYTHON)
        opened.until("In [1]:", 30)
        for line in ("from zefnb import *", "%load_ext zefnb", "server = %zef start /ws --port 0 --topic chat"):
            opened.enter(line)
        opened.enter("print(f'port={server.port};')")
        opened.until("In [5]:")
        yield opened


@pytest.fixture
def joined(prompt: Terminal) -> Iterator[Callable[[], ClientConnection]]:
    """`joined()`: one more client of that server."""
    port = int(re.search(r"^port=(\d+);", "\n".join(prompt.lines()), re.MULTILINE)[1])
    with ExitStack() as stack:
        yield lambda: stack.enter_context(connect(f"ws://127.0.0.1:{port}/ws", proxy=None, close_timeout=0.5))


def table(prompt: Terminal) -> list[str]:
    """The rows of clients on the screen."""
    return [line for line in prompt.lines() if re.match(r" *\d+ +127\.0\.0\.1 ", line)]


def test_watch_shows_connections_until_ctrl_c_and_restores_the_prompt(prompt, joined):
    prompt.enter("%zef watch")
    prompt.until("zefnb  1 server  0 clients")
    clients = [joined() for _ in range(3)]
    clients[0].send("hello")
    prompt.until("zefnb  1 server  3 clients")
    wait_for(lambda: [row.split()[4:6] for row in table(prompt)] == [["1", "1"], ["1", "0"], ["1", "0"]])
    clients[1].close()
    prompt.until("zefnb  1 server  2 clients")
    wait_for(lambda: [row.split()[0] for row in table(prompt)] == ["0", "2"])
    # Drawn in place: however often it was drawn, there is one of it. A screen can be read in the middle of a drawing.
    wait_for(lambda: sum(line.startswith("zefnb  ") for line in prompt.lines()) == 1)

    prompt.press("C-c")
    prompt.until("In [6]:")
    prompt.enter("print('all', 'is', 'well')")
    lines = prompt.until("In [7]:")
    assert "all is well" in lines
    assert [line for line in lines if "print(" in line][-1] == "In [6]: print('all', 'is', 'well')"
    assert not [line for line in lines if "Traceback" in line or "KeyboardInterrupt" in line]


def test_watch_adapts_to_a_changed_window_size(prompt, joined):
    for _ in range(40):
        joined()
    prompt.enter("%zef watch server/ws")
    prompt.until("40 clients")
    assert len(table(prompt)) < 30
    prompt.resize(60, 14)
    lines = wait_for(lambda: (now := prompt.lines()) and now[0].startswith("zefnb  1 server") and now)
    assert all(len(line) <= 60 for line in lines)
    wait_for(lambda: table(prompt) and all(re.match(r" *\d\d +127\.0\.0\.1 +/ws", row) for row in table(prompt)))
    assert not [line for line in lines if "Traceback" in line]
    prompt.resize(100, 30)
    wait_for(lambda: len(table(prompt)) > 10 and "round trip" in "".join(prompt.lines()))
    prompt.press("C-c")
    prompt.until("In [6]:")


def test_output_of_handlers_appears_above_the_tables(prompt, joined):
    client = joined()
    prompt.enter("on = FX.SubscribeFX(topic=ET.Topic('chat'), op=lambda m: print('heard', 1 / len(m))) | run")
    prompt.enter("%zef watch")
    prompt.until("1 client")
    for message in ("four", "", "to"):
        client.send(message)
    lines = wait_for(lambda: (now := prompt.lines()) and "heard 0.5" in now and any("Zero" in n for n in now) and now)
    headline = next(n for n, line in enumerate(lines) if line.startswith("zefnb  "))
    printed = [n for n, line in enumerate(lines) if line.startswith("heard") or "ZeroDivisionError" in line]
    assert len(printed) == 3
    assert max(printed) < headline
    prompt.press("C-c")
    prompt.until("In [7]:")
    prompt.enter("40 + 2")
    prompt.until("Out[7]: 42")


def test_watch_in_a_script_ends_by_ctrl_c_and_the_shell_continues(tmp_path):
    script = tmp_path / "watching.py"
    script.write_text(
        "from zefnb import *\n"
        "server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run\n"
        "watch(server)\n"
        "print('after', 'it')\n"
    )
    with terminal(90, 20) as shell:
        shell.enter(f"{sys.executable} {script}")
        shell.until("zefnb  1 server  0 clients")
        shell.press("C-c")
        shell.until("after it")
        shell.until_prompt()
        shell.enter("echo status=$?")
        shell.until("status=0")


def test_links_in_a_terminal_lead_to_this_machine(prompt):
    said = "\n".join(prompt.lines())
    port = re.search(r"^port=(\d+);", said, re.MULTILINE)[1]
    prompt.enter("%zef url /ws")
    prompt.until(f"Out[5]: ws://localhost:{port}/ws")
    prompt.enter("%zef client /ws")
    lines = prompt.until("this needs a notebook")
    assert any(line.endswith(f"connect from elsewhere to ws://localhost:{port}/ws") for line in lines)
