"""Links by a real Jupyter server: its kernel makes them, and its jupyter-server-proxy serves them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.blocking import BlockingKernelClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.chromium import chromium
from tests.browser.lab import Lab

LIVE = """<!doctype html><p>nothing</p><script type="module">
  import { connect } from '../zef.js'
  const room = connect('ws')
  room.onmessage = (message) => { document.querySelector('p').textContent = message }
  room.send('through the proxy')
</script>"""
START = f"""
%load_ext zefnb
from zefnb import *
room, votes = ET.Topic("room"), ET.Topic("votes")
parts = [ET.Choice(options=["tea"], push_into=votes, once=True), ET.Bars(topic=votes)]
socket = ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])
routes = {{"/page": "reached", "/ws": socket, "/below/live": {LIVE!r}, "/poll": ET.Page(parts=parts)}}
server = FX.StartHTTPServer(routes=routes, port=0) | run
"""
Value = Callable[[str], Any]


@pytest.fixture(scope="module", params=["/", "/lab7/"], ids=["plain", "with a base url"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"), request.param)
    yield lab
    lab.end_kernels()
    lab.close()


@pytest.fixture(scope="module")
def value(lab: Lab) -> Iterator[Value]:
    """`value('1 + 1')`: a plain value of a kernel of this Jupyter server, in which a zefnb server runs."""
    client = BlockingKernelClient(connection_file=str(lab.start_kernel()))
    client.load_connection_file()
    client.start_channels(hb=False)  # it need not beat yet: it starts
    client.wait_for_ready(timeout=60)

    def run(code: str) -> str:
        parts: list[str] = []

        def hear(message: Any) -> None:
            parts.append(message["content"].get("text", "") if message["msg_type"] == "stream" else "")

        reply = client.execute_interactive(code, output_hook=hear, timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(parts)

    run(START)
    yield lambda expression: eval(run(f"print(repr({expression}))"))
    client.stop_channels()


def link(value: Value, path: str) -> str:
    return str(value(f"str(get_ipython().run_line_magic('zef', 'url {path}'))"))


def test_a_link_is_the_servers_own_or_a_path_through_the_proxy(lab, value):
    port = value("server.port")
    if lab.base == "/":
        assert link(value, "/page") == f"http://localhost:{port}/page"
        assert link(value, "/ws") == f"ws://localhost:{port}/ws"
    else:
        assert link(value, "/page") == f"{lab.base}proxy/{port}/page"
        assert link(value, "/ws") == f"{lab.base}proxy/{port}/ws"


def on_host(lab: Lab, url: str, scheme: str) -> str:
    """Resolve a link as the notebook's page does: a path is on its own host."""
    return f"{scheme}://127.0.0.1:{lab.port}{url}" if url.startswith("/") else url


def test_a_page_is_reached_by_its_link(lab, value):
    url = on_host(lab, link(value, "/page"), "http")
    asked = urllib.request.Request(url, headers={"Authorization": f"token {lab.token}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=20) as answer:
        assert answer.read() == b"reached"


def test_messages_pass_through_the_link_of_a_socket(lab, value):
    url = on_host(lab, link(value, "/ws"), "ws")
    with connect(url, proxy=None, additional_headers={"Authorization": f"token {lab.token}"}) as client:
        for message in ("hello", b"\x00\xff", "x" * 500_000):
            client.send(message)
            assert client.recv(timeout=20) == message
    assert lab.token not in value("repr(FX.QueryLog() | run)")


@pytest.mark.parametrize("lab", ["/lab7/"], indirect=True, ids=["with a base url"])
def test_pages_with_zef_js_and_pages_of_parts_work_through_the_link_in_a_browser(lab, value):
    live, poll = (on_host(lab, link(value, path), "http") for path in ("/below/live", "/poll"))
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{live}?token={lab.token}")
        page.locator("p", has_text="through the proxy").wait_for(timeout=60_000)
        page.goto(poll)
        page.get_by_role("button", name="tea").click(timeout=60_000)
        page.locator("[data-kind=Bars]", has_text="1 (100 %)").wait_for(timeout=60_000)


def test_the_proxy_refuses_requests_without_the_token(lab, value):
    # Behind a base url or not, the proxy is there.
    port = value("server.port")
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{lab.port}{lab.base}proxy/{port}/ws", proxy=None, legacy=True)
    assert refused.value.response.status_code == 403
    accepted = "[row['accepted'] for row in get_ipython().run_line_magic('zef', '')['endpoints']]"
    before = value(accepted)
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{lab.port}{lab.base}proxy/{port}/ws?token=guessed", proxy=None, legacy=True)
    assert value(accepted) == before
