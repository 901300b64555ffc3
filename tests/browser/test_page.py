"""A page of `%%zef page` in a real browser, when its server is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.notebook.kernel import Kernel, a_kernel

SERVER = """room = ET.Topic('room')
routes = {'/ws': ET.WebSocket(clients_subscribe_to=[room])}
s = FX.StartHTTPServer(routes=routes, port=0) | run"""
PAGE = """%%zef page /
<!doctype html>
<title>Live</title>
<p id="said">nothing</p>
<script>
    const socket = new WebSocket(`ws://${location.host}/ws`)
    socket.onopen = () => { document.title = 'open' }
    socket.onmessage = ({ data }) => { document.querySelector('#said').textContent = data }
</script>"""

RESUMING_PAGE = """%%zef page /
<!doctype html>
<title>Live</title>
<p id="said">nothing</p>
<script type="module">
    import { connect } from './zef.js'
    const room = connect('ws')
    room.onstate = (state) => { document.title = state }
    room.onmessage = (message) => { document.querySelector('#said').textContent += ` ${message}` }
</script>"""


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with a_kernel("%load_ext zefnb\nfrom zefnb import *") as started:
        yield started


def test_an_open_page_reloads_when_its_server_is_replaced_and_is_live_again(kernel: Kernel, browser: Any) -> None:
    kernel.run(SERVER, "server")
    url = kernel.run(PAGE, "page").result["text/plain"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    assert page.evaluate("document.compatMode") == "CSS1Compat"
    for round_ in range(3):
        page.wait_for_function("() => document.title === 'open'", timeout=30_000)
        page.evaluate("document.title = 'before the server is replaced'")
        assert "replaced" in kernel.run(SERVER, "server").text
        page.wait_for_function("() => document.title === 'open'", timeout=30_000)
        kernel.run(f"FX.Publish(target=room, content='round {round_}') | run")
        page.wait_for_function(
            f"() => document.querySelector('#said').textContent === 'round {round_}'", timeout=30_000
        )
    context.close()


def test_a_page_that_closes_its_connection_itself_is_not_reconnected(kernel: Kernel, browser: Any) -> None:
    kernel.run(SERVER, "server")
    url = kernel.run(PAGE, "page").result["text/plain"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("() => document.title === 'open'", timeout=30_000)
    closed = "new Promise((closed) => { socket.addEventListener('close', ({ code }) => closed(code)); socket.close() })"
    assert page.evaluate(closed) == 1005
    page.evaluate("document.title = 'still here'")
    page.wait_for_timeout(1_000)
    assert page.title() == "still here"
    context.close()


def test_a_page_whose_connection_resumes_is_not_reloaded_and_misses_nothing(kernel: Kernel, browser: Any) -> None:
    kernel.run(SERVER, "server")
    url = kernel.run(RESUMING_PAGE, "page").result["text/plain"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("() => document.title === 'open'", timeout=30_000)
    assert "replaced" in kernel.run(SERVER, "server").text
    kernel.run("FX.Publish(target=room, content='meanwhile') | run")
    page.wait_for_function("() => document.title === 'resumed'", timeout=30_000)
    page.wait_for_function("() => document.querySelector('#said').textContent === 'nothing meanwhile'", timeout=30_000)
    context.close()
