"""Displays of handlers in a real kernel: under their own cell, or in an `Output` widget."""

from __future__ import annotations

from tests.notebook.kernel import Cell, Kernel

SHOWING = """
from IPython.display import HTML, clear_output, display
import ipywidgets
out = ipywidgets.Output()

@zef_function
def show(message, state):
    print("before", message)
    display(HTML(f"<b>{message}</b>"))
    print("after")
    return [[], state]

@zef_function
async def show_awaited(message, state):
    display(HTML(f"<i>{message}</i>"))
    return [[], state]

@zef_function
def captured(message, state):
    with out:
        clear_output()
        print("in the widget", message)
        display(HTML(f"<u>{message}</u>"))
        if message == "fail":
            raise ValueError("in the block")
    print("outside")
    return [[], state]

@zef_function
def clears(message, state):
    clear_output()
    print("afresh")
    return [[], state]

@zef_function
def frame(message, state):
    clear_output(wait=True)
    print("frame", state)
    display(HTML(f"<b>{state}</b>"))
    return [[], state + 1]

@zef_function
def flash(message, state):
    with out:
        clear_output(wait=True)
    return [[], state]

@zef_function
def add(message, state):
    with out:
        print("added")
    return [[], state]

room = ET.Topic("room")
shows = {"show": show, "awaited": show_awaited, "clears": clears, "flash": flash, "add": add, "frame": frame}
rules = {(kind, Any): function for kind, function in shows.items()} | {(Any, Any): captured}
made = FX.StartActor(initial_state=0, input=room, rules=rules) | run
"""


def published(kernel: Kernel, message: str) -> Cell:
    return kernel.run(f"FX.Publish(target=room, content={message!r}) | run", "publishing")


def test_what_a_handler_displays_appears_under_its_cell_in_order(kernel: Kernel) -> None:
    cell = kernel.run(SHOWING, "showing")
    other = published(kernel, "show")
    kernel.until(lambda: "after" in cell.text)
    assert [data["text/html"] for data in cell.displays if "text/html" in data] == ["<b>show</b>"]
    published(kernel, "awaited")
    kernel.until(lambda: any(data.get("text/html") == "<i>awaited</i>" for data in cell.displays))
    assert other.displays == []
    assert other.text == ""


def test_what_a_cell_displays_while_handlers_run_stays_its_own(kernel: Kernel) -> None:
    kernel.run(SHOWING, "showing")
    mine = kernel.run("FX.Publish(target=room, content='show') | run\ndisplay(HTML('mine'))", "mine")
    assert [data["text/html"] for data in mine.displays] == ["mine"]


def test_an_output_widget_captures_what_a_handler_shows_in_its_block(kernel: Kernel) -> None:
    cell = kernel.run(SHOWING, "showing")
    other = published(kernel, "first")
    kernel.until(lambda: "outside" in cell.text)
    assert kernel.value("[o.get('text') or o['data']['text/html'] for o in out.outputs]") == [
        "in the widget first\n", "<u>first</u>"
    ]  # fmt: skip
    published(kernel, "second")
    kernel.until(lambda: cell.text.count("outside") == 2)
    assert kernel.value("[o.get('text') or o['data']['text/html'] for o in out.outputs]") == [
        "in the widget second\n", "<u>second</u>"
    ]  # fmt: skip
    assert "widget" not in cell.text
    assert other.text == ""
    with_cell = kernel.run("with out:\n    print('of the cell')", "with")
    assert with_cell.text == "of the cell\n"  # which a front end captures


def test_an_error_in_a_captured_block_is_the_handlers_fault(kernel: Kernel) -> None:
    cell = kernel.run(SHOWING, "showing")
    published(kernel, "fail")
    kernel.until(lambda: "in the block" in cell.text)
    assert "ValueError" in kernel.value("(FX.QueryLog(level='error', limit=1) | run)[0]['message']")


def test_a_handler_clears_the_output_of_its_own_cell(kernel: Kernel) -> None:
    cell = kernel.run(SHOWING, "showing")
    other = published(kernel, "clears")
    kernel.until(lambda: "afresh" in cell.text)
    # The widget for the output after a reload is there again, since a front end removes it with the others.
    kernel.until(lambda: len([data for data in cell.displays if VIEW in data]) == 2)
    published(kernel, "frame")
    kernel.until(lambda: len([data for data in cell.displays if VIEW in data]) == 3)
    assert len({data[VIEW]["model_id"] for data in cell.displays if VIEW in data}) == 1
    assert (cell.cleared, other.cleared) == (2, 0)


VIEW = "application/vnd.jupyter.widget-view+json"
OUT = "[o.get('text') or o['data']['text/html'] for o in out.outputs]"


def test_with_wait_a_widget_is_cleared_by_the_next_output(kernel: Kernel) -> None:
    cell = kernel.run(SHOWING, "showing")
    published(kernel, "first")
    kernel.until(lambda: "outside" in cell.text)
    published(kernel, "flash")
    published(kernel, "show")
    kernel.until(lambda: "after" in cell.text)
    assert kernel.value(OUT) == ["in the widget first\n", "<u>first</u>"]
    published(kernel, "add")
    kernel.until(lambda: kernel.value(OUT) == ["added\n"])


def test_after_a_reload_each_frame_of_a_handler_replaces_the_one_before_in_the_widget(alone: Kernel) -> None:
    cell = alone.run(SHOWING, "showing")
    published(alone, "frame")
    alone.until(lambda: "frame 0" in cell.text)
    alone.new_page()
    buffers = (
        "[[o.get('text') or o['data'].get('text/html') for o in w.outputs]"
        " for w in type(out).widgets.values() if isinstance(w, ipywidgets.Output) and w is not out]"
    )
    for number in range(1, 4):
        published(alone, "frame")
        alone.until(lambda number=number: [f"frame {number}\n", f"<b>{number}</b>"] in alone.value(buffers))
    published(alone, "clears")
    alone.until(lambda: ["afresh\n"] in alone.value(buffers))
    assert (cell.text, cell.cleared) == ("frame 0\n", 1)
