"""`zefnb demo`: without a terminal, in one, and through its sockets."""

from __future__ import annotations

import json
import re
import signal
import socket
from urllib.request import ProxyHandler, build_opener

from websockets.sync.client import ClientConnection, connect

from tests.cli.browser import wait_for
from tests.cli.processes import Terminal, needs_tmux, running_demo, terminal, zefnb
from zefnb.cli.cast import SCRIPT

TITLES = ["id", "address", "path", "since", "out", "in", "queued", "round trip"]


def assertIsTable(text: str) -> list[list[str]]:
    """The rows of the table of clients in `text`."""
    titles = next(line for line in text.splitlines() if "address" in line and "round trip" in line)
    assert [title for title in TITLES if title in titles] == TITLES
    return rows_in(text)


def rows_in(text: str) -> list[list[str]]:
    return [row.split() for row in re.findall(r"^ +\d+ +127\.0\.0\.1 .*", text, re.M)]


def screen_with(screen: Terminal, clients: int) -> list[str]:
    """Wait until that many clients are connected and have a row each; return the screen."""

    def drawn() -> list[str] | None:
        lines = screen.lines()
        is_drawn = any(f"{clients} clients connected" in line for line in lines)
        return lines if is_drawn and len(rows_in("\n".join(lines))) == clients else None

    found: list[str] = wait_for(drawn)
    return found


def test_without_a_terminal_it_chats_prints_the_table_once_and_exits_with_0():
    done = zefnb("demo", "--port", "0", "--seconds", "6")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ada    Good morning!" in done.stdout
    assert done.stdout.count("round trip") == 1
    rows = assertIsTable(done.stdout)
    assert len(rows) >= 2
    assert all(row[2] == "/ws" for row in rows)
    assert int(rows[0][4]) > int(rows[1][4]) > 0  # who came first heard more
    assert any(row[-1] == "ms" for row in rows)  # round trips were measured
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_page_is_served_and_loads_nothing_else():
    with running_demo("--port", "0", "--seconds", "300") as demo:
        with build_opener(ProxyHandler({})).open(demo.url) as answer:
            page = answer.read().decode()
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert page.startswith("<!doctype html>")
        assert not re.findall(r"""(?:src|href|@import|url\()\s*=?\s*["']?(?:https?:)?//""", page)


def test_all_clients_in_the_room_receive_the_cast_and_each_other():
    with (
        running_demo("--port", "0", "--seconds", "300") as demo,
        visitor(demo.port) as one,
        visitor(demo.port) as other,
    ):
        one.send(json.dumps({"name": "Zoe", "text": "is there a chair left?"}))
        heard = [json.loads(other.recv(timeout=20)) for _ in range(8)]
        assert {"name": "Zoe", "text": "is there a chair left?"} in heard
        assert {line["name"] for line in heard} & {name for name, _ in SCRIPT}


def visitor(port: int) -> ClientConnection:
    return connect(f"ws://localhost:{port}/ws", proxy=None)


def test_text_of_a_client_is_shown_as_text_and_cannot_control_the_terminal():
    with running_demo("--port", "0", "--seconds", "300") as demo:
        with visitor(demo.port) as guest:
            guest.send(
                '{"name": "[red]Eve[/red]", "text": "[bold]loud[/bold] \\u001b[2Jcleared\\u202eback \\ud800half"}'
            )
            guest.send("not json [link=x]y[/link]\nsecond line\x07")
            guest.send(b"\x00\xff")
            guest.send("[" * 50_000)
            last = '{"name": 7, "text": null, "event": ["joined"]}'
            guest.send(last)
            while guest.recv(timeout=20) != last:
                pass
        said = demo.end()
    assert demo.process.returncode == 0
    assert "[red]Eve[/red]  [bold]loud[/bold] [2Jclearedback �half" in said
    assert "unnamed  not json [link=x]y[/link] second line\n" in said
    assert "unnamed  (2 bytes)" in said
    assert "7      None" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


def test_a_busy_port_is_reported_and_another_is_used():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = zefnb("demo", "--port", str(port), "--seconds", "0.5")
    assert done.returncode == 0
    assert f"Port {port} is busy, so this is port " in done.stdout


def test_two_demos_run_side_by_side():
    with (
        running_demo("--port", "0", "--seconds", "300") as first,
        running_demo("--port", str(first.port), "--seconds", "300") as second,
    ):
        assert first.port != second.port
        with visitor(first.port) as one, visitor(second.port) as other:
            assert one.recv(timeout=20)
            assert other.recv(timeout=20)


def test_an_interrupt_exits_with_0_and_a_termination_with_its_signal():
    for number, code in ((signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)):
        with running_demo("--port", "0", "--seconds", "300") as demo:
            with visitor(demo.port) as guest:
                guest.recv(timeout=20)
            said = demo.end(by=number)
            assert demo.process.returncode == code
            assert "Traceback" not in said


def test_a_closed_pipe_ends_it_without_an_error():
    with running_demo("--port", "0", "--seconds", "2") as demo:
        assert demo.process.stdout is not None
        demo.process.stdout.close()
        assert demo.process.wait(20) == 0


@needs_tmux
def test_in_a_terminal_the_table_is_live_until_ctrl_c_and_the_prompt_is_restored():
    with terminal(80, 24) as screen:
        screen.run_demo("--port", "0")
        screen.until("Good morning!")
        before = screen_with(screen, clients=2)
        assert len(before) == 24
        assert before[0].startswith("zefnb demo   open http://localhost:")
        assert len(assertIsTable("\n".join(before))) == 2
        after = screen_with(screen, clients=3)
        assert assertIsTable("\n".join(after))[0] != assertIsTable("\n".join(before))[0]
        screen.press("C-c")
        screen.until("has stopped.")
        screen.until_prompt()
        screen.enter("echo status=$?")
        rest = screen.until("status=0")
        assert rest.index("status=0") == rest.index("ready> echo status=$?") + 1
        assertIsTable("\n".join(rest))


@needs_tmux
def test_in_a_terminal_a_hostile_client_draws_nothing_and_long_lines_wrap():
    with terminal(80, 24) as screen:
        screen.run_demo("--port", "0")
        link = re.search(r"http://localhost:(\d+)/", "\n".join(screen.until("http://localhost:")))
        assert link
        with visitor(int(link[1])) as guest:
            guest.send(json.dumps({"name": "[red]Eve", "text": "\x1b[2J\x1b]0;title\x07[/red] " + "wide " * 60}))
            screen.until("[red]Eve  [2J]0;title[/red] wide")
            # The terminal may have drawn a part of it.
            wait_for(lambda: sum("wide wide" in line for line in screen.lines()) >= 4)
            lines = screen.lines()
            assert all(len(line) <= 80 for line in lines)
            assert lines[0].startswith("zefnb demo")
        screen.press("C-c")
        screen.until("has stopped.")


@needs_tmux
def test_it_fits_into_a_wider_and_lower_terminal():
    with terminal(120, 40) as screen:
        screen.run_demo("--port", "0")
        screen.until("round trip")
        screen.resize(80, 12)
        lines = screen.until("round trip")
        assert len(lines) == 12
        screen.press("C-c")
        screen.until("has stopped.")


@needs_tmux
def test_with_seconds_it_also_ends_by_itself_in_a_terminal():
    with terminal() as screen:
        screen.run_demo("--port", "0", "--seconds", "1")
        screen.until("has stopped.")
