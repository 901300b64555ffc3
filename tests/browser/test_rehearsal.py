"""The display of a rehearsal in a real JupyterLab: a table with marks, filters and steps, all by the keyboard, too."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from nbconvert import HTMLExporter

from tests.browser.lab import OUTPUT, Notebook

# Pixels around the display in its screenshots.
_MARGIN = 5
_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()

EVENING = """
from zefnb import *
from websockets.sync.client import connect

@zef_function
def on_connect(msg, state):
    return [[FX.Publish(target=msg.topic_out, content='welcome')], ET.Guest(out=msg.topic_out, drinks=0)]

@zef_function
def on_order(text, state):
    reply = f'{text} for you, drink {state.drinks + 1}'
    return [[FX.Publish(target=state.out, content=reply)], ET.Guest(out=state.out, drinks=state.drinks + 1)]

@zef_function
def on_leave(msg, state):
    return [[], ET.Done()]

def bar(on_order):
    return FX.StartActor(initial_state=ET.New(), rules={
        (ET.WSClientConnected, Any): on_connect,
        (String, ET.Guest): on_order,
        (ET.WSClientDisconnected, Any): on_leave,
    })

server = FX.StartHTTPServer(routes={'/bar': ET.WebSocket(actor=bar(on_order))}, port=0) | run
tape = FX.StartRecording(server=server) | run
with connect(f'ws://127.0.0.1:{server.port}/bar') as ada, connect(f'ws://127.0.0.1:{server.port}/bar') as bob:
    for client, orders in ((ada, ['tea', 'rum', 'tea']), (bob, ['rum', '<b>milk</b>'])):
        client.recv()
        for order in orders:
            client.send(order)
            client.recv()
FX.StopRecording(recording=tape) | run
FX.StopHTTPServer(server=server) | run
"""
NEW_RULES = """
@zef_function
def on_order_after_ten(text, state):
    if text == 'rum':
        return [[FX.Publish(target=state.out, content='rum is over, drink water')], state]
    if text.startswith('<'):
        raise ValueError(f'no such drink: {text}')
    return on_order(text, state)

difference = FX.Rehearse(recording=tape, actor=bar(on_order_after_ten)) | run
difference
"""
TABLE, STEPS = 1, 2
# The rows that can be seen, as lists of the texts of their cells.
ROWS = """() => [...document.querySelectorAll('.zr table > thead ~ tbody tr')]
    .filter(row => row.checkVisibility())
    .map(row => [...row.cells].map(cell => cell.innerText.trim()))"""


@pytest.fixture(scope="module")
def shown(lab, browser):
    """A notebook with the table of a rehearsal, and with the steps of its first connection. All tests share it."""
    lab.write("rehearsal.ipynb", [EVENING, NEW_RULES, "difference.connection(0)"])
    context = browser.new_context(viewport={"width": 1200, "height": 1400})
    notebook = Notebook(lab, context.new_page(), "rehearsal.ipynb").open()
    for number in range(3):
        notebook.run(number)
    notebook.page.locator(".zr details").first.wait_for()
    yield notebook
    context.close()
    lab.end_kernels()


def cell(notebook, number):
    return notebook.page.locator(".jp-Cell").nth(number).locator(".zr")


def visible(notebook):
    return [(row[2], row[3], row[4]) for row in notebook.page.evaluate(ROWS)]


def test_the_table_shows_only_what_differs_and_marks_it(shown):
    rows = shown.page.evaluate(ROWS)
    assert [row[2:5] for row in rows] == [
        ["0", "on_order_after_ten", "'rum'"],
        ["0", "on_order_after_ten", "'tea'"],
        ["1", "on_order_after_ten", "'rum'"],
        ["1", "on_order_after_ten", "'<b>milk</b>'"],
    ]
    assert "rum for you, drink 2" in rows[0][5]
    assert "rum is over, drink water" in rows[0][6]
    assert "no such drink: <b>milk</b>" in rows[3][6]
    table = cell(shown, TABLE)
    assert table.locator("tbody tr").nth(1).locator("del").all_inner_texts()[0] == "3"
    assert table.locator("tbody tr").nth(1).locator("ins").all_inner_texts()[0] == "2"
    assert table.locator("b", has_text="milk").count() == 0


def test_the_keyboard_alone_filters_the_rows(shown):
    page = shown.page
    choice = cell(shown, TABLE).locator("select[data-by=client]")
    assert choice.locator("option").all_inner_texts() == ["all", "0", "1"]
    choice.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert [client for client, _, _ in visible(shown)] == ["1", "1"]
    outline = choice.evaluate("choice => getComputedStyle(choice).outlineStyle")
    page.keyboard.press("Home")
    assert [client for client, _, _ in visible(shown)] == ["0", "0", "1", "1"]
    assert outline == "solid"


def test_a_connection_is_stepped_through_by_the_keyboard_with_its_states(shown):
    page, steps = shown.page, cell(shown, STEPS).locator("details")
    assert [step.evaluate("step => step.open") for step in steps.all()] == [False, False, True, True, False]
    first = steps.nth(1)
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert first.locator("tr", has_text="before").inner_text().count("drinks=0") == 1
    assert first.locator("tr", has_text="now").last.inner_text().count("drinks=1") == 1
    page.keyboard.press("Tab")
    focused = "() => document.activeElement.closest('details').querySelector('summary').innerText"
    assert "'rum'" in page.evaluate(focused)
    page.keyboard.press("Space")
    assert steps.nth(2).evaluate("step => step.open") is False
    page.keyboard.press("Space")
    # Keys that add a cell, and that select the next one, in the notebook's own mode.
    count = page.locator(".jp-Cell").count()
    page.keyboard.press("a")
    page.keyboard.press("ArrowDown")
    assert page.locator(".jp-Cell").count() == count
    assert "'rum'" in page.evaluate(focused)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert first.evaluate("step => step.open") is False


def test_it_is_readable_in_light_and_dark(shown):
    for theme in ("Dark", "Light"):
        shown.theme(theme)
        time.sleep(0.6)  # colours fade over
        shown.picture(f"rehearsal-{theme.lower()}", cell(shown, TABLE), margin=_MARGIN)
        shown.picture(f"rehearsal-steps-{theme.lower()}", cell(shown, STEPS), margin=_MARGIN)
        faint = shown.page.evaluate(_CONTRAST, ".zr")
        assert not faint, "\n".join(faint)
    assert shown.errors == []


def test_at_the_width_of_a_phone_each_row_is_a_block_as_wide_as_the_page(shown):
    page, table = shown.page, cell(shown, TABLE)
    wide = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 800})
    try:
        row = table.locator("tbody tr").first
        page.wait_for_function("() => !document.querySelector('.zr thead').checkVisibility()")
        assert table.evaluate("table => table.scrollWidth <= table.clientWidth")
        assert row.locator("td").first.bounding_box()["x"] < row.bounding_box()["x"] + 30
        now = row.locator("td").last
        assert now.evaluate("cell => getComputedStyle(cell, '::before').content") == '"now"'
        assert "rum is over" in now.inner_text()
        table.locator("select[data-by=client]").select_option("1")
        assert [client for client, _, _ in visible(shown)] == ["1", "1"]
        shown.picture("rehearsal-phone", page.locator(".jp-Notebook"))
    finally:
        table.locator("select[data-by=client]").select_option("all")
        page.set_viewport_size(wide)


def test_a_saved_notebook_has_the_table_with_filters_that_work(shown, tmp_path):
    path = tmp_path / "saved.ipynb"
    path.write_text(json.dumps(shown.save()))
    for theme in ("light", "dark"):
        page, _ = HTMLExporter(theme=theme).from_filename(str(path))
        (tmp_path / "saved.html").write_text(page)
        reader = shown.page.context.new_page()
        reader.goto((tmp_path / "saved.html").as_uri())
        table = reader.locator(".zr table").first
        table.wait_for()
        reader.screenshot(path=str(OUTPUT / f"rehearsal-saved-{theme}.png"), full_page=True)
        reader.locator("select[data-by=client]").select_option("1")
        rows = [row for row in table.locator("tbody tr").all() if row.is_visible()]
        assert len(rows) == 2
        assert not reader.evaluate(_CONTRAST, ".zr")
        reader.close()
