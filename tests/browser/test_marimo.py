"""zefnb in a real marimo notebook, in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.browser.marimo import Marimo, Page, as_notebook

pytest.importorskip("marimo", reason="these tests need marimo")

FRONT_ENDS = Path(__file__).parents[2] / "docs" / "front-ends.md"
EXAMPLE = re.findall(r"```py\n(.*?)```", FRONT_ENDS.read_text(), re.DOTALL)[0].replace("port=8000", "port=0")
_CHATS = re.compile(r"ws://localhost:(\d+)/ws")

IMPORT = "import zefnb as z"
HANDLER = """@z.zef_function
def hear(message, state):
    print("heard", message)
    if message == "bad":
        1 / 0
    return [[], state]"""
SERVER = """actor = z.FX.StartActor(initial_state=0, rules={(z.String, z.Any): hear})
server = z.FX.StartHTTPServer(routes={"/ws": z.ET.WebSocket(actor=actor)}, port=0) | z.run
server"""

Open = Callable[..., Page]


@pytest.fixture
def open_marimo(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """`open_marimo(cells)`: a notebook with these cells in a tab, of which none has run."""
    servers: list[Marimo] = []
    context = browser.new_context(viewport={"width": 1200, "height": 1600})

    def open_(cells: list[str] | str | None, mode: str = "edit") -> Page:
        if cells is not None:
            text = cells if isinstance(cells, str) else as_notebook(cells)
            servers.append(Marimo(tmp_path, text, mode))
        page = Page(servers[-1], context.new_page())
        return page.ready() if mode == "edit" else page

    yield open_
    context.close()
    for server in servers:
        server.close()


def soon(condition: Callable[[], Any], within: float = 60.0) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def port_under(page: Page, number: int) -> int:
    return int(soon(lambda: _CHATS.search(page.output(number)))[1])


def say(port: int, *messages: str) -> None:
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        for message in messages:
            client.send(message)


POLL = """votes = z.ET.Topic("votes")
parts = [z.ET.Choice(options=["tea"], push_into=votes, once=True), z.ET.Bars(topic=votes)]
poll = z.FX.StartHTTPServer(routes={"/": z.ET.Page(title="Poll", parts=parts)}, port=0) | z.run"""


def vote_in(notebook: Page, number: int) -> None:
    """Vote on the page in the output of a cell."""
    frame = notebook.cell(number).frame_locator("iframe[title='Page of the server']")
    button = frame.get_by_role("button", name="tea")
    button.wait_for(timeout=60_000)
    if button.is_enabled():
        button.click()
    frame.locator("[data-kind=Bars]", has_text="1 (100 %)").wait_for(timeout=60_000)


def test_servers_pages_tables_prints_and_faults_are_shown_under_their_cells(open_marimo: Open) -> None:
    busy = 'import time\nfor n in range(400):\n    print("busy", n)\n    time.sleep(0.02)'
    rows = "z.FX.QueryAllActiveHTTPServers() | z.run if server else None"
    cells = [IMPORT, HANDLER, SERVER, "z.watch(server)", rows, "z.FX.QueryLog()", busy, POLL, "poll"]
    notebook = open_marimo(cells)
    notebook.run_all()
    port = port_under(notebook, 2)
    assert "running" in notebook.output(2)
    soon(lambda: "external" in notebook.output(4))
    assert "add `| run`" in soon(lambda: notebook.output(5))
    soon(lambda: "no client is connected" in notebook.table(3))
    soon(lambda: "busy" in notebook.output(6))
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        soon(lambda: "127.0.0.1" in notebook.table(3))
        client.send("one")
        client.send("bad")
        soon(lambda: "heard bad" in notebook.output(2) and "ZeroDivisionError" in notebook.output(2))
        notebook.picture("marimo")
    assert "heard one" in notebook.output(2)
    for other in (0, 1, 3, 4, 5, 6):
        assert "heard" not in notebook.output(other)
        assert "ZeroDivisionError" not in notebook.output(other)
    soon(lambda: "no client is connected" in notebook.table(3))
    # The page of a server is shown where it starts, and wherever the server is the value of a cell.
    vote_in(notebook, 7)
    vote_in(notebook, 8)
    assert "running" in notebook.output(8)
    notebook.picture("marimo-page")
    assert notebook.errors == []


FEED = """feed = z.ET.Topic("numbers")
tape = z.FX.StartRecording(topics=[feed]) | z.run
for n in range(20):
    z.FX.Publish(target=feed, content={"y": n % 7}) | z.run
z.FX.StopRecording(recording=tape) | z.run"""
AGAIN = (
    """replay = z.FX.StartReplay(source=tape, target=feed, rate=20, loop=True) | z.run if chart and drawn else None"""
)
REHEARSED = """def doubled(message, state):
    return [[z.FX.Publish(target=z.ET.Topic("doubled"), content=2 * message["y"])], state]
difference = z.FX.Rehearse(recording=tape, actor=z.FX.StartActor(initial_state=0, handler=doubled), all=True) | z.run
difference"""


def test_charts_pictures_and_rehearsals_are_shown_and_live(open_marimo: Open) -> None:
    charts, drawing = "chart = z.plot(feed, y='y')\nchart", "drawn = z.picture()\ndrawn"
    notebook = open_marimo([IMPORT, FEED, charts, drawing, AGAIN, REHEARSED])
    notebook.run_all()
    chart, drawn, table = (notebook.cell(number) for number in (2, 3, 5))
    points = "chart => chart.zefnbChart.store.length"
    chart.locator(".zefnb-plot canvas").first.wait_for(timeout=60_000)
    before = soon(lambda: chart.locator(".zefnb-plot").evaluate(points))
    soon(lambda: chart.locator(".zefnb-plot").evaluate(points) > before)
    # The replay has begun after the picture, which shows its box and its rate.
    drawn.locator(".zp-box", has_text="replay").first.wait_for(timeout=60_000)
    soon(lambda: "/s" in drawn.locator(".zp-box", has_text="replay").first.text_content())
    soon(lambda: "20 messages" in notebook.output(5))
    assert table.locator("tbody tr", has_text="doubled").count() == 20
    notebook.picture("marimo-charts")
    assert notebook.errors == []


def test_a_cell_that_runs_again_replaces_what_it_started(open_marimo: Open) -> None:
    timer = "timer = z.FX.StartTimer(interval=9, target=z.ET.Topic('t'), content='') | z.run"
    counts = "[len(z.FX.QueryAllActiveHTTPServers() | z.run), len(z.FX.StreamGraphSnapshot() | z.run), button]"
    named = 'print("by", hear.function.__code__.co_consts)\n'
    notebook = open_marimo([IMPORT, HANDLER, named + SERVER, timer, "z.watch('timers')", "button = 0", counts])
    notebook.run_all()
    port = port_under(notebook, 2)
    say(port, "one")
    soon(lambda: "heard one" in notebook.output(2))
    soon(lambda: notebook.output(6))
    for number in (2, 3, 4):
        notebook.run(number)
        soon(lambda n=number: "replaced the" in notebook.output(n))
    assert port_under(notebook, 2) == port
    assert "heard one" not in notebook.output(2)
    # The cell of the function runs again, and with it the cell of the server, which uses the function.
    notebook.write(1, HANDLER.replace("heard", "understood"))
    soon(lambda: "'understood'" in notebook.output(2) and "replaced the" in notebook.output(2))
    say(port, "two")
    soon(lambda: "understood two" in notebook.output(2))
    notebook.write(5, "button = 'again'")
    shown = soon(lambda: "again" in notebook.output(6) and notebook.output(6))
    assert re.search(r"0:\s*1\b", shown), shown
    assert notebook.errors == []


def test_output_of_handlers_is_still_there_after_the_page_is_reloaded(open_marimo: Open) -> None:
    notebook = open_marimo([IMPORT, HANDLER, SERVER])
    notebook.run_all()
    port = port_under(notebook, 2)
    say(port, "one")
    soon(lambda: "heard one" in notebook.output(2))
    notebook.page.reload()
    notebook.ready()
    soon(lambda: "heard one" in notebook.output(2))
    say(port, "two")
    soon(lambda: "heard two" in notebook.output(2))


def test_each_visitor_of_marimo_run_has_a_server_of_its_own(open_marimo: Open) -> None:
    cells = [IMPORT, HANDLER, SERVER]
    pages = [open_marimo(cells, "run"), open_marimo(None, "run")]
    ports = {int(soon(lambda p=page: _CHATS.search(p.page.inner_text("body")))[1]) for page in pages}
    assert len(ports) == 2
    for port in ports:
        say(port, "one")


def test_the_example_of_the_page_on_front_ends_runs(open_marimo: Open) -> None:
    notebook = open_marimo(EXAMPLE)
    notebook.run_all()
    port = port_under(notebook, 2)
    soon(lambda: "no client is connected" in notebook.table(3))
    say(port, "hello")
    soon(lambda: "hello" in notebook.output(2))
    assert notebook.errors == []


def test_marimo_refuses_an_import_of_all_names(open_marimo: Open) -> None:
    notebook = open_marimo(["from zefnb import *"])
    notebook.run_all()
    soon(lambda: "import *" in notebook.output(0))


def test_a_marimo_notebook_runs_as_a_script(tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.py"
    notebook.write_text(EXAMPLE)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    done = subprocess.run([sys.executable, notebook], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no client is connected" in done.stdout
