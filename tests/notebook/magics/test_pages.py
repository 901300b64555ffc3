"""`%%zef page` in a real kernel."""

from __future__ import annotations

from urllib.error import HTTPError

import pytest
from websockets.sync.client import connect

from tests.notebook.magics.fetched import fetched


def test_page_serves_the_cell_starts_a_server_and_updates_with_clients_connected(kernel):
    first = kernel.run("%%zef page / --port 0\n<h1>{one}</h1>", "page")
    url = first.result["text/plain"]
    assert fetched(url) == "<h1>{one}</h1>\n"
    kernel.run("s = FX.QueryAllActiveHTTPServers() | run\ns = s[0]['server']")
    kernel.run("value = ET.WebSocket(clients_subscribe_to=[ET.Topic('chat')])")
    kernel.run("change = [ET.InsertIn(path=['routes', '/ws'], value=value)]")
    kernel.run("FX.UpdateRunningHTTPServer(server=s, delta=change) | run")
    with connect(url.replace("http", "ws") + "ws", proxy=None) as client:
        again = kernel.run("%%zef page / --port 0\n<h1>two</h1>", "page")
        assert again.text.startswith("updated the page / on port")
        assert fetched(url) == "<h1>two</h1>\n"
        kernel.run("%zef publish chat still here")
        assert client.recv(timeout=20) == "still here"


SERVER = "s = FX.StartHTTPServer(routes={{'/other': '{text}'}}, port=0) | run"


def test_a_page_survives_that_the_cell_of_its_server_runs_again(kernel):
    kernel.run(SERVER.format(text="one"), "server")
    url = kernel.run("%%zef page /\n<h1>here</h1>", "page").result["text/plain"]
    assert "replaced" in kernel.run(SERVER.format(text="two"), "server").text
    assert fetched(url) == "<h1>here</h1>\n"
    assert fetched(f"{url}other") == "two"
    kernel.run(SERVER.format(text="three"), "server")
    assert fetched(url) == "<h1>here</h1>\n"


def test_a_page_is_replaced_by_a_route_of_the_cell_and_by_its_removal(kernel):
    kernel.run(SERVER.format(text="one"), "server")
    url = kernel.run("%%zef page /\n<h1>here</h1>", "page").result["text/plain"]
    kernel.run("s = FX.StartHTTPServer(routes={'/': 'mine'}, port=0) | run", "server")
    assert fetched(url) == "mine"
    kernel.run("%%zef page /second\nhere", "second")
    kernel.run("FX.UpdateRunningHTTPServer(server=s, delta=[ET.RemoveIn(path=['routes', '/second'])]) | run")
    kernel.run(SERVER.format(text="two"), "server")
    with pytest.raises(HTTPError, match="404"):
        fetched(f"{url}second")
