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
    "from zefnb import *\nfrom zefnb.notebook.watch import watch\n%load_ext zefnb",
    "room = ET.Topic('room')\n"
    "routes = {'/ws': ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])}\n"
    "server = FX.StartHTTPServer(routes=routes, port=0) | run",
    "%zef client /ws",
    "watch(server)",
]
# What we add to its end: cells that it does not need, but we do.
LONG = "import time\ntime.sleep(120)"
ASK = """[row for s in FX.QueryAllActiveHTTPServers() | run
 for row in FX.QueryAllConnectedWebsocketClients(http_server=s['server']) | run] + (FX.QueryLog() | run)"""
PAGE = "%%zef page /reached --server {(FX.QueryAllActiveHTTPServers() | run)[0]['server']}\n<h1>reached</h1>"
OURS = (LONG, ASK, PAGE)


class Tutorial(Notebook):
    """The first tutorial, open in a tab, with some cells of ours at its end."""

    def run_all(self) -> None:
        """Run its own cells; none may fail."""
        for number in self.code[: -len(OURS)]:
            outputs = self.run(number)
            assert not [o for o in outputs if o["output_type"] == "error"], outputs


@pytest.fixture
def tutorial(hub: Lab, browser: Any) -> Iterator[Tutorial]:
    if (TUTORIALS / FIRST).exists():
        shutil.copytree(TUTORIALS, hub.root, dirs_exist_ok=True)
    else:
        hub.write(FIRST, IN_SHORT)
    path = hub.root / FIRST
    notebook = json.loads(path.read_text())
    for number, source in enumerate(OURS):
        cell = {"cell_type": "code", "id": f"ours-{number}", "metadata": {}, "source": source}
        notebook["cells"].append({**cell, "outputs": [], "execution_count": None})
    path.write_text(json.dumps(notebook))
    context = browser.new_context(viewport={"width": 1200, "height": 1400})
    opened = Tutorial(hub, context.new_page(), FIRST)
    opened.code = [n for n, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code"]
    opened.open()
    yield opened
    context.close()
    hub.end_kernels()


def test_one_chats_and_watches_through_the_proxy_also_while_a_cell_runs(tutorial, hub):
    page = tutorial.page
    tutorial.run_all()
    long, ask, show = tutorial.code[-len(OURS) :]

    chat = page.locator(".zc").first
    chat.locator(".zc-on").wait_for(timeout=20_000)
    url = chat.locator("code").inner_text()
    assert re.fullmatch(rf"ws://{re.escape(HOST)}:{hub.port}{PREFIX}proxy/\d+/ws", url)
    chat.locator(".zc-box").fill("hello through the proxy")
    chat.get_by_role("button", name="Send").click()
    chat.locator(".zc-in", has_text="hello through the proxy").wait_for()
    tutorial.run(ask)
    known = tutorial.text(ask)
    assert f"'origin': 'http://{HOST}:{hub.port}'" in known
    assert hub.token not in known

    tutorial.run(show)
    with page.expect_popup() as opened:
        page.locator(".jp-Cell").nth(show).get_by_role("link").click()
    opened.value.get_by_role("heading", name="reached").wait_for()
    assert opened.value.url.startswith(f"http://{HOST}:{hub.port}{PREFIX}proxy/")
    opened.value.close()

    table = page.locator(".zefnb-watch").first
    table.locator(".zw-light.zw-live").wait_for(timeout=20_000)
    row = table.locator(".zw-row", has_text=HOST).first
    row.wait_for()
    tutorial.start(long)
    row.click()
    table.get_by_placeholder("message to this client").fill("from the table, meanwhile")
    table.get_by_role("button", name="Send").click()
    chat.locator(".zc-in", has_text="from the table, meanwhile").wait_for()
    assert tutorial.is_busy()
    for theme in ("Light", "Dark"):
        tutorial.theme(theme)
        page.mouse.move(0, 0)
        tutorial.picture(f"hub-{theme.lower()}")
    assert tutorial.errors == []

    port = int(re.search(r"/proxy/(\d+)/", url)[1])
    assert refused(f"{hub.url}proxy/{port}/")


def refused(url: str) -> bool:
    """Whether the proxy lets nobody in who does not know the token."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    try:
        opener.open(url, timeout=10).close()
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 403 or (error.code == 302 and "login" in error.headers["Location"])
    return False


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None
