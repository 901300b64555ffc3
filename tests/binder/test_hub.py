"""The first tutorial in a browser, under a hub's prefix, with its servers reached through jupyter-server-proxy."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.binder.conftest import HOST, PREFIX, ROOT
from tests.browser.lab import Lab, Notebook

# The environment is made within the first test.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TUTORIALS = ROOT / "notebooks"
FIRST = "01-start-here.ipynb"
# The same moves in short, for as long as there is no tutorial.
IN_SHORT = [
    "from zefnb import *\n%load_ext zefnb",
    "room = ET.Topic('room')\n"
    "routes = {'/ws': ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])}\n"
    "server = FX.StartHTTPServer(routes=routes, port=0) | run",
    "%zef client /ws",
    "FX.StopHTTPServer(server=server) | run",
]
# What we add before its server is stopped.
WATCH = "%zef watch server"
KNOWN = "(FX.QueryAllConnectedWebsocketClients(http_server=server) | run) + (FX.QueryLog() | run)"
PAGE = "%%zef page /reached --server server\n<h1>reached</h1>"
LONG = "import time\ntime.sleep(120)"
OURS = (WATCH, KNOWN, PAGE, LONG)


class Tutorial(Notebook):
    """The first tutorial, open in a tab, with some cells of the test where its server still runs."""

    def __init__(self, lab: Lab, page: Any) -> None:
        if (TUTORIALS / FIRST).exists():
            shutil.copytree(TUTORIALS, lab.root, dirs_exist_ok=True)
        else:
            lab.write(FIRST, IN_SHORT)
        path = lab.root / FIRST
        notebook = json.loads(path.read_text())
        cells = notebook["cells"]
        stops = [n for n, cell in enumerate(cells) if "FX.StopHTTPServer" in "".join(cell["source"])]
        self.first = stops[0] if stops else len(cells)
        cells[self.first : self.first] = [
            {"cell_type": "code", "id": f"ours-{n}", "metadata": {}, "source": source, "outputs": [],
             "execution_count": None}
            for n, source in enumerate(OURS)
        ]  # fmt: skip
        path.write_text(json.dumps(notebook))
        self._code = [n for n, cell in enumerate(cells) if cell["cell_type"] == "code"]
        super().__init__(lab, page, FIRST)

    def ours(self, source: str) -> int:
        """Return the number of a cell of the test."""
        return self.first + OURS.index(source)

    def run_to(self, end: int, start: int = 0) -> None:
        """Run the code cells up to that one; none may fail."""
        for number in self._code:
            if start <= number < end:
                outputs = self.run(number)
                assert not [o for o in outputs if o["output_type"] == "error"], outputs


@pytest.fixture
def tutorial(hub: Lab, browser: Any) -> Iterator[Tutorial]:
    context = browser.new_context(viewport={"width": 1200, "height": 1600})
    tutorial = Tutorial(hub, context.new_page())
    tutorial.open()
    yield tutorial
    context.close()
    hub.end_kernels()


def test_chat_and_watch_work_through_the_proxy_also_while_a_cell_runs(tutorial, hub, until):
    page = tutorial.page
    tutorial.run_to(tutorial.first)
    chat = page.locator(".zc").first
    chat.locator(".zc-on").wait_for(timeout=20_000)
    url = chat.locator("code").inner_text()
    assert re.fullmatch(rf"ws://{re.escape(HOST)}:{hub.port}{PREFIX}proxy/\d+/ws", url)
    say(chat, "hello through the proxy")
    chat.locator(".zc-in", has_text="hello through the proxy").wait_for()
    tutorial.run(tutorial.ours(KNOWN))
    known = tutorial.text(tutorial.ours(KNOWN))
    assert f"'origin': 'http://{HOST}:{hub.port}'" in known
    assert hub.token not in known

    tutorial.run(tutorial.ours(WATCH))
    table = page.locator(".zefnb-watch").first
    table.locator(".zw-light.zw-live").wait_for(timeout=20_000)
    row = table.locator(".zw-row", has_text=HOST).first
    row.wait_for()
    tutorial.start(tutorial.ours(LONG))
    row.click()
    table.get_by_placeholder("message to this client").fill("from the table, meanwhile")
    table.get_by_role("button", name="Send").click()
    chat.locator(".zc-in", has_text="from the table, meanwhile").wait_for()
    say(chat, "from the chat, meanwhile")
    table.locator(".zw-frames", has_text="from the chat, meanwhile").wait_for()
    assert tutorial.is_busy()
    for theme in ("Light", "Dark"):
        tutorial.theme(theme)
        chat.scroll_into_view_if_needed()
        tutorial.picture(f"hub-{theme.lower()}")

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    until(lambda: not tutorial.is_busy())
    tutorial.run_to(10_000, start=tutorial.first + len(OURS))
    assert tutorial.errors == []


def test_links_lead_through_the_proxy_which_refuses_requests_without_the_token(tutorial, hub):
    tutorial.run_to(tutorial.first)
    number = tutorial.ours(PAGE)
    tutorial.run(number)
    with tutorial.page.expect_popup() as opened:
        tutorial.page.locator(".jp-Cell").nth(number).get_by_role("link").click()
    page = opened.value
    page.get_by_role("heading", name="reached").wait_for()
    assert re.fullmatch(rf"http://{re.escape(HOST)}:{hub.port}{PREFIX}proxy/\d+/reached", page.url)
    assert is_refused(page.url.replace(HOST, "127.0.0.1"))


def test_a_page_is_reachable_without_a_table_or_a_chat_client(hub, browser):
    hub.write("page.ipynb", ["from zefnb import *\n%load_ext zefnb", "%%zef page / --port 0\n<h1>reached</h1>"])
    context = browser.new_context()
    notebook = Notebook(hub, context.new_page(), "page.ipynb").open()
    for number in (0, 1):
        notebook.run(number)
    with notebook.page.expect_popup() as opened:
        notebook.page.locator(".jp-Cell").nth(1).get_by_role("link").click()
    opened.value.get_by_role("heading", name="reached").wait_for()
    context.close()
    hub.end_kernels()


def say(chat: Any, message: str) -> None:
    chat.locator(".zc-box").fill(message)
    chat.get_by_role("button", name="Send").click()


def is_refused(url: str) -> bool:
    """Return whether the proxy refuses requests without the token."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    try:
        opener.open(url, timeout=60).close()
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 403 or (error.code == 302 and "login" in error.headers["Location"])
    return False


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None
