"""Views of a live table: a reload, a second tab, a restarted kernel, a replaced server and a closed tab."""

from __future__ import annotations

import json
import time

from tests.browser.watch.conftest import PRELUDE
from tests.browser.watch.page import CONTROL, SLEEP, column, interrupt, rows, soon


def test_the_table_follows_the_server_that_replaces_its_own(started, client_of):
    notebook = started()
    client_of(notebook)
    soon(lambda: column(notebook, "Id") == ["0"])
    notebook.page.locator(".zw-chip", has_text="/ws").click()
    notebook.run(0)
    notebook.server_port = int(notebook.text(0).split()[-1])
    for _ in range(2):
        client_of(notebook)
    soon(lambda: column(notebook, "Id") == ["0", "1"])
    soon(lambda: "2 clients" in notebook.page.locator(".zw-counts").first.inner_text())
    assert notebook.page.locator(".zw-chip[aria-pressed=true]", has_text="/ws").count() == 1


RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"


def test_after_a_restart_of_the_kernel_the_table_says_to_run_the_cell_again(started, client_of):
    notebook = started()
    client_of(notebook)
    soon(lambda: rows(notebook).count() == 1)
    notebook.page.evaluate(RESTART)
    status = notebook.page.locator(".zw-status")
    soon(lambda: status.inner_text() == "the kernel was restarted: run this cell again")
    notebook.picture("watch-restarted", notebook.page.locator(".zefnb-watch"))
    time.sleep(4)
    assert status.inner_text() == "the kernel was restarted: run this cell again"
    notebook.run(0)
    notebook.run(1)
    soon(lambda: [text == "live" for text in notebook.page.locator(".zw-status").all_inner_texts()] == [True])
    assert notebook.errors == []


def test_a_long_cell_right_afterwards_does_not_prevent_it_from_appearing(open_notebook):
    notebook = open_notebook([PRELUDE, "watch(server)", SLEEP])
    notebook.run(0)
    notebook.start(1)
    notebook.start(2)
    soon(lambda: notebook.has_ended(1))
    notebook.page.locator(".zw-light.zw-live").wait_for(timeout=20_000)
    assert notebook.is_busy()
    interrupt(notebook)


def test_it_survives_a_reload_and_works_in_two_tabs(started, client_of, open_notebook):
    notebook = started(CONTROL)
    client = client_of(notebook)
    notebook.save()
    notebook.reload()
    soon(lambda: rows(notebook).count() == 1, within=30)
    other = open_notebook(None)
    soon(lambda: rows(other).count() == 1, within=30)
    for _ in range(3):
        client.send("x")
    for tab in (notebook, other):
        tab.page.bring_to_front()
        soon(lambda tab=tab: column(tab, "In") == ["3"])
    other.page.close()
    notebook.page.bring_to_front()
    soon(lambda: notebook.run(2) and notebook.text(2).split()[0] == "1")


def test_running_the_cell_again_leaves_one_table_and_one_view(started, client_of):
    notebook = started(CONTROL)
    client_of(notebook)
    for _ in range(3):
        notebook.run(1)
    assert "replaced the live table" in notebook.text(1)
    soon(lambda: rows(notebook).count() == 1)
    assert notebook.page.locator(".zefnb-watch").count() == 1
    notebook.run(2)
    views, ticks_a_second, tokens = map(float, notebook.text(2).split())
    assert (views, tokens) == (1, 1)
    assert ticks_a_second <= 5.5


LATER = """
import threading
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.watch.control import Control
control = default_runtime().service(Control)

def look():
    while control._viewers:
        time.sleep(0.1)
    before = control.ticks
    time.sleep(2)
    with open({path!r}, 'x') as file:
        print(len(control._viewers), control.ticks - before, file=file)

threading.Thread(target=look).start()
"""


def test_no_timer_runs_after_the_tab_is_closed(started, client_of, tmp_path):
    seen = tmp_path / "seen"
    notebook = started(LATER.format(path=str(seen)))
    client_of(notebook)
    soon(lambda: rows(notebook).count() == 1)
    notebook.run(2)
    notebook.page.close()
    assert soon(lambda: seen.exists() and seen.read_text()) == "0 0\n"


def test_the_secret_is_not_in_the_saved_notebook(started, client_of):
    notebook = started(
        "from zefnb.engine.runtime import default_runtime\nfrom zefnb.notebook.watch.control import Control\n"
        "[token] = default_runtime().service(Control)._tokens.values()\nprint(token.reveal())"
    )
    saved = json.dumps(notebook.save())
    notebook.run(2)
    secret = notebook.text(2).strip()
    assert len(secret) > 40
    assert secret not in saved
    assert secret not in notebook.page.content().replace(notebook.text(2), "").replace(secret, "", 1)
    shown = [output.get("data", {}).get("text/html", "") for output in json.loads(saved)["cells"][1]["outputs"]]
    assert any("<table>" in "".join(text) for text in shown)
