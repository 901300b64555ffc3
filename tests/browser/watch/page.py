"""The table in a page: its rows and columns, the notebook around it, and cells for it."""

from __future__ import annotations

import time

from websockets.exceptions import ConnectionClosed

SLEEP = "time.sleep(600)"
CONTROL = """
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.watch.control import Control
control = default_runtime().service(Control)
before, began = control.ticks, time.monotonic()
time.sleep(2)
print(len(control._viewers), (control.ticks - before) / (time.monotonic() - began), len(control._tokens))
"""


def rows(notebook):
    return notebook.page.locator(".zw-row")


def select(notebook, number, title):
    """Select a row, and wait for the title that the kernel sends: from then on it sends the frames of the row."""
    rows(notebook).nth(number).click()
    soon(lambda: notebook.page.locator(".zw-detail h3").inner_text() == title)


def column(notebook, title):
    """Return the texts of a column, from the top; read at once, since the table changes."""
    return notebook.page.evaluate(
        """title => {
            const heads = [...document.querySelectorAll('.zw-head > div')];
            const titles = heads.map(head => head.innerText.replace(/[▾▴]/g, '').trim());
            const rows = [...document.querySelectorAll('.zw-row')];
            return rows.map(row => row.children[titles.indexOf(title)].innerText);
        }""",
        title,
    )


def busy_with(notebook, cell):
    notebook.start(cell)
    soon(notebook.is_busy)


def close_code(client):
    try:
        while True:
            client.recv(timeout=20)
    except ConnectionClosed as closed:
        return closed.rcvd.code


def interrupt(notebook):
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")


def soon(condition, within=30.0):
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)
    return value
