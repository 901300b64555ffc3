"""Two tutorials as their readers see them: run in a real JupyterLab, talked to, looked at, light and dark."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

from tests.browser.lab import Notebook
from tests.notebooks.tutorial import FOLDER, Tutorial


class Open:
    """A tutorial open in a tab, whose cells are called by their names. The last, `stop`, is the reader's own."""

    def __init__(self, open_notebook: Any, name: str) -> None:
        self.name = name
        notebook = Tutorial(FOLDER / f"{name}.ipynb").with_stop()
        self.cells = notebook.cells
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.ipynb"
            nbformat.write(notebook, path)
            self.notebook: Notebook = open_notebook(path)
        self.page = self.notebook.page
        # As tall as the whole of it, since cells out of sight are not drawn.
        self.page.set_viewport_size({"width": 1100, "height": 3600})

    def run_all_but_the_last(self) -> None:
        for number, cell in enumerate(self.cells[:-1]):
            if cell.cell_type == "code":
                outputs = self.notebook.run(number)
                assert not [output for output in outputs if output["output_type"] == "error"], cell.id

    def text(self, cell: str) -> str:
        return self.notebook.text(self._number(cell))

    def output(self, cell: str) -> Any:
        return self.page.locator(".jp-Cell").nth(self._number(cell)).locator(".jp-Cell-outputWrapper")

    def stop(self) -> None:
        self.notebook.run(len(self.cells) - 1)

    def _number(self, cell: str) -> int:
        return [found.id for found in self.cells].index(cell)

    def pictures(self) -> None:
        """The whole notebook, and nothing of the lab around it, in both themes."""
        for theme in ("Light", "Dark"):
            self.notebook.theme(theme)
            time.sleep(0.5)  # colours fade over
            self.notebook.picture(f"tutorial-{self.name}-{theme.lower()}", self.page.locator(".jp-Notebook"))


def soon(condition: Any, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)


def test_in_the_chatroom_the_cell_the_page_and_the_robot_receive_each_others_messages(open_notebook):
    tutorial = Open(open_notebook, "02-chatroom")
    tutorial.run_all_but_the_last()
    client = tutorial.output("client")
    guest = tutorial.page.context.new_page()
    guest.goto(tutorial.text("link").strip())
    guest.locator("html[data-ready]").wait_for(state="attached")
    client.locator(".zc-on").wait_for()
    said = guest.get_by_role("log")

    client.locator(".zc-box").fill("hello from the cell")
    client.get_by_role("button", name="Send").click()
    soon(lambda: "hello from the cell" in said.inner_text())
    guest.get_by_label("Your name").fill("Bob")
    guest.get_by_label("Message", exact=True).fill("!time")
    guest.get_by_role("button", name="Send").click()
    for heard in (client.locator(".zc-list"), said):
        soon(lambda heard=heard: "It is" in heard.inner_text())

    guest.set_viewport_size({"width": 640, "height": 400})
    tutorial.notebook.picture("tutorial-02-chatroom-page", guest)
    tutorial.page.bring_to_front()
    tutorial.pictures()
    tutorial.stop()
    soon(lambda: "closed with 1001" in client.inner_text())
    assert tutorial.notebook.errors == []


def test_the_dashboard_draws_received_numbers(open_notebook):
    tutorial = Open(open_notebook, "03-live-dashboard")
    tutorial.run_all_but_the_last()
    page = tutorial.output("server").frame_locator("iframe[title='Page of the server']")
    value, chart = page.locator("[data-kind=Value] output"), page.locator("[data-kind=Chart]")

    soon(lambda: value.inner_text().endswith(" °C"))
    soon(lambda: "Latest value: " in chart.inner_text())
    seen = chart.inner_text()
    soon(lambda: chart.inner_text() != seen)
    soon(lambda: "The window is open." in page.locator("[data-kind=Table]").inner_text())
    soon(lambda: tutorial.output("watch").locator(".zw-row").count() == 1)

    tutorial.pictures()
    tutorial.stop()
    assert tutorial.notebook.errors == []


def test_the_page_shows_the_words_of_a_model_while_they_are_made(open_notebook):
    tutorial = Open(open_notebook, "16-words-from-a-model")
    tutorial.run_all_but_the_last()
    part = tutorial.output("page").frame_locator("iframe[title='Page of the server']").locator("[data-kind=Part]")
    text = part.locator("p")
    # The text at each change, since the words may all be there before this test looks.
    text.evaluate(
        """(text) => {
            window.seen = []
            new MutationObserver(() => window.seen.push(text.textContent)).observe(text, { childList: true })
        }"""
    )
    part.get_by_role("button", name="Write").click()
    soon(lambda: len(text.inner_text().split()) == 40)
    lengths = [len(seen.split()) for seen in text.evaluate("() => window.seen")]
    assert any(0 < length < 40 for length in lengths)

    tutorial.pictures()
    tutorial.stop()
    assert tutorial.notebook.errors == []


def test_a_table_is_a_feed_that_a_chart_draws_and_a_line_counts(open_notebook):
    tutorial = Open(open_notebook, "18-a-table-as-a-feed")
    tutorial.run_all_but_the_last()
    line, chart = tutorial.output("replay"), tutorial.output("chart")

    soon(lambda: "replay into 18-clocks:" in line.inner_text())
    before = line.inner_text()
    soon(lambda: line.inner_text() != before)
    assert "messages in rounds of 468" in line.inner_text()
    soon(lambda: all(city in chart.inner_text() for city in ("London", "Lisbon", "Berlin")))

    tutorial.pictures()
    tutorial.stop()
    soon(lambda: "stopped after" in line.inner_text())
    assert tutorial.notebook.errors == []
