"""Notebook 7 in a real browser: a server, its page and table, the output of handlers after a reload, and colours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.lab import Lab, Notebook
from tests.browser.test_output import soon, under
from tests.browser.test_page_cells import PAGE, assert_coloured_as_html

SERVER = """from zefnb import *
from IPython.display import clear_output
@zef_function
def frame(message, state):
    clear_output(wait=True)
    print("frame", state)
    return [[], state + 1]
tick = ET.Topic("tick")
FX.StartActor(initial_state=0, input=tick, handler=frame) | run
votes = ET.Topic("votes")
parts = [ET.Choice(options=["tea"], push_into=votes, once=True), ET.Bars(topic=votes)]
server = FX.StartHTTPServer(routes={"/": "hello", "/poll": ET.Page(parts=parts)}, port=0) | run
server"""
TICK = "FX.Publish(target=tick, content='go') | run;"


@pytest.fixture
def notebook(tmp_path: Any, browser: Any) -> Iterator[Notebook]:
    pytest.importorskip("notebook")
    server = Lab(tmp_path, command=(sys.executable, "-m", "notebook"), view="notebooks")
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    server.write("seven.ipynb", [SERVER, TICK, "watch(server)", PAGE])
    try:
        yield Notebook(server, context.new_page(), "seven.ipynb").open()
    finally:
        context.close()
        server.end_kernels()
        server.close()


def test_a_server_its_table_and_the_output_of_its_handlers_are_shown_and_stay_across_a_reload(notebook: Notebook):
    page = notebook.page
    notebook.run(0)
    assert "running" in under(notebook, 0)
    poll = page.frame_locator("iframe[title='Page of the server']")
    poll.get_by_role("button", name="tea").click(timeout=30_000)
    poll.locator("[data-kind=Bars]", has_text="1 (100 %)").wait_for(timeout=30_000)
    notebook.run(1)
    soon(lambda: "frame 0" in under(notebook, 0))
    notebook.run(2)
    assert "Error" not in notebook.text(2)
    table = page.locator(".jp-Cell").nth(2).locator(".zefnb-watch").first
    table.wait_for(timeout=30_000)
    colours = []
    for theme in ("Light", "Dark"):
        notebook.theme(theme)
        notebook.picture(f"notebook-7-{theme.lower()}")
        colours.append(table.evaluate("element => getComputedStyle(element).color"))
    assert colours[0] != colours[1]
    notebook.run(3)
    assert_coloured_as_html(notebook, 3)
    notebook.save()
    notebook.reload()
    for number in (1, 2):
        notebook.run(1)
        soon(lambda number=number: f"frame {number}" in under(notebook, 0))
    assert "frame 1" not in under(notebook, 0)
    # Notebook 7 itself raises an error about a schema of settings when its theme changes, also without any extension.
    assert [error for error in notebook.errors if "'schema'" not in error] == []
