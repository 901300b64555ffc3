"""`/zef.js` in a real browser: messages both ways, and pages that lose their server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.browser.tab import a_tab
from tests.net.cutting_proxy import cutting_proxy
from tests.net.websocket.peer import all_sessions, is_away, lose_connections
from tests.ports import free_port
from zefnb import ET, FX, run

PAGE = """<!doctype html>
<title>zef.js</title>
<script type="module">
  import { connect } from './zef.js'
  window.states = []
  window.messages = []
  window.room = connect('ws')
  room.onmessage = (message) => messages.push(message instanceof Uint8Array ? ['bytes', ...message] : message)
  room.onstate = (state, info) => states.push([state, info])
</script>"""


@pytest.fixture
def room() -> Any:
    return ET.Topic("room of zef.js")


@pytest.fixture
def serve(clean: None, room: Any) -> Callable[..., Any]:
    """`serve(port)`: a server with the page and a room."""

    def serve_(port: int = 0, **options: Any) -> Any:
        socket = ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])
        return FX.StartHTTPServer(routes={"/": PAGE, "/a/page": PAGE, "/ws": socket}, port=port, **options) | run

    return serve_


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """`visit(server)`: a page of the server."""
    with ExitStack() as stack:

        def visit_(server: Any, path: str = "/") -> Any:
            context = browser.new_context()
            stack.callback(context.close)
            page = context.new_page()
            page.goto(f"http://localhost:{server.port}{path}")
            return page

        yield visit_


def test_text_json_and_bytes_go_both_ways(serve: Any, visit: Any, room: Any) -> None:
    page = visit(serve())
    page.evaluate("room.send('early'), room.send({ a: [1] }), room.send(new Uint8Array([1, 2])), room.send('[late')")
    page.wait_for_function("() => messages.length === 4", timeout=30_000)
    assert page.evaluate("messages") == ["early", {"a": [1]}, ["bytes", 1, 2], "[late"]
    FX.Publish(target=room, content={"from": "the server"}) | run
    page.wait_for_function("() => messages.length === 5", timeout=30_000)
    assert page.evaluate("messages[4]") == {"from": "the server"}
    assert page.evaluate("states") == [["open", {}]]


# What a page sees when its tab is in the background. chromium without a window shows every tab.
HIDE = """(state) => {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
  if (state === 'hidden') Math.random = () => 20
  document.dispatchEvent(new Event('visibilitychange'))
}"""
MANY = """async ([base, count, each]) => {
  const { connect } = await import('./zef.js')
  window.rooms = Array.from({ length: count }, (_, number) => {
    const room = connect('ws', { base })
    const seen = { room, got: [], states: [], sent: 0 }
    room.onmessage = (message) => seen.got.push(message)
    room.onstate = (state, info) => seen.states.push(state + (info.missing ?? ''))
    const timer = setInterval(() => {
      if (seen.sent === each) return clearInterval(timer)
      room.send(`${number} ${seen.sent++}`)
    }, 20)
    return seen
  })
}"""


def test_every_message_arrives_once_and_in_order_through_a_proxy_that_cuts_connections(
    serve: Any, visit: Any, until: Any
) -> None:
    down, up = ET.Topic("down through a proxy"), ET.Topic("up through a proxy")
    arrived: list[str] = []
    FX.SubscribeFX(topic=up, op=lambda message: arrived.append(message) or []) | run
    socket = ET.WebSocket(clients_subscribe_to=[down], clients_push_into_=[up])
    server = FX.StartHTTPServer(routes={"/": PAGE, "/ws": socket}, port=0) | run
    connections, messages = 20, 80
    page = visit(server)
    with cutting_proxy(server.port) as proxy:
        page.evaluate(MANY, [f"http://localhost:{proxy.port}/", connections, messages])
        page.wait_for_function("() => rooms.every(({ states }) => states.length)", timeout=60_000)
        for number in range(messages):
            FX.Publish(target=down, content=f"down {number}") | run
            time.sleep(0.02)
        proxy.is_cutting = False
        last = f"() => rooms.every(({{ got }}) => got.at(-1) === 'down {messages - 1}')"
        page.wait_for_function(last, timeout=60_000)
        until(lambda: len(arrived) >= connections * messages, within=60)
        rooms = page.evaluate("rooms.map(({ got, states }) => [got, states])")
        cuts = dict(proxy.cuts)
        page.evaluate("rooms.forEach(({ room }) => room.close())")
    for got, states in rooms:
        assert got == [f"down {number}" for number in range(messages)]
        assert not [state for state in states if "gap" in state]
    assert any("resumed" in states for _, states in rooms)
    assert min(cuts.values()) > 0
    for number in range(connections):
        own = [text for text in arrived if text.startswith(f"{number} ")]
        assert own == [f"{number} {each}" for each in range(messages)]


def test_a_server_that_is_replaced_loses_no_message_of_either_side(
    serve: Any, visit: Any, room: Any, until: Any
) -> None:
    server = serve(allow_restart=True)
    page = visit(server)
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    page.evaluate("""() => {
        let sent = 0
        window.timer = setInterval(() => sent < 100 ? room.send(`page ${sent++}`) : clearInterval(timer), 10)
    }""")
    for number in range(60):
        FX.Publish(target=room, content=f"server {number}") | run
        if number in (20, 40):
            serve(server.port, allow_restart=True)
    page.wait_for_function("() => messages.length >= 160", timeout=60_000)
    messages = page.evaluate("messages")
    assert [text for text in messages if text.startswith("server")] == [f"server {each}" for each in range(60)]
    assert [text for text in messages if text.startswith("page")] == [f"page {each}" for each in range(100)]
    assert {state for state, _ in page.evaluate("states")} == {"open", "waiting", "resumed"}


def test_a_page_whose_server_has_stopped_in_between_reports_a_gap_of_unknown_size(
    serve: Any, visit: Any, room: Any
) -> None:
    server = serve(free_port())  # which the system gives to no other program while the server is stopped
    page = visit(server)
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    FX.StopHTTPServer(server=server) | run
    page.wait_for_function("() => room.state === 'waiting'", timeout=30_000)
    page.evaluate("room.send('while it is away')")
    serve(server.port)
    page.wait_for_function("() => room.state === 'gap'", timeout=60_000)
    assert page.evaluate("states.at(-1)") == ["gap", {"missing": None}]
    page.wait_for_function("() => messages.length === 1", timeout=30_000)
    assert page.evaluate("messages") == ["while it is away"]


def test_a_gap_has_its_number_of_messages(visit: Any, room: Any, clean: None, until: Any) -> None:
    socket = ET.WebSocket(clients_subscribe_to=[room], resume={"bytes": 100_000})
    server = FX.StartHTTPServer(routes={"/": PAGE, "/ws": socket}, port=0) | run
    page = visit(server)
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    with cutting_proxy(server.port) as proxy:
        proxy.is_cutting = False
        page.evaluate(MANY, [f"http://localhost:{proxy.port}/", 1, 0])
        page.wait_for_function("() => rooms[0].states.length", timeout=30_000)
        proxy.go_down()
        is_away(until)
        for number in range(5):
            FX.Publish(target=room, content=f"{number}" + "x" * 90_000) | run
        page.wait_for_function("() => messages.length === 5", timeout=30_000)
        proxy.is_down = False
        page.wait_for_function("() => rooms[0].got.length === 1", timeout=60_000)
        assert page.evaluate("[rooms[0].room.state, rooms[0].room.info, rooms[0].got[0][0]]") == [
            *["gap", {"missing": 4}, "4"]
        ]
        page.evaluate("rooms[0].room.close()")


def test_a_page_that_is_closed_leaves_at_once(serve: Any, visit: Any, until: Any) -> None:
    page = visit(serve())
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    page.goto("about:blank")
    until(lambda: not all_sessions())


def test_a_page_that_the_program_disconnects_stays_away_and_has_the_reason(serve: Any, visit: Any) -> None:
    server = serve()
    page = visit(server)
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=4000, reason="full") | run
    page.wait_for_function("() => room.state === 'refused'", timeout=30_000)
    assert page.evaluate("room.info") == {"code": 4000, "reason": "full"}
    assert "is refused" in page.evaluate("(() => { try { room.send('x') } catch (error) { return error.message } })()")


def log_in(page: Any, server: Any) -> None:
    page.goto(f"http://localhost:{server.port}/auth/login")
    page.fill("input[name=name]", "ada")
    page.fill("input[name=password]", "tea")
    with page.expect_navigation(url=f"http://localhost:{server.port}/"):
        page.click("button")


def test_a_page_whose_login_ends_stops_with_4401(serve: Any, visit: Any) -> None:
    server = serve(auth={"ada": "tea"})
    page = visit(server)
    log_in(page, server)
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    FX.RevokeSession(http_server=server, user="ada") | run
    page.wait_for_function("() => room.state === 'refused'", timeout=30_000)
    assert page.evaluate("room.info.code") == 4401


@pytest.mark.parametrize("code", [401, 403])
def test_a_page_that_is_not_allowed_in_stops_with_the_status(visit: Any, clean: None, room: Any, code: int) -> None:
    fields = {"allow": lambda user: False} if code == 403 else {}
    socket = ET.WebSocket(clients_subscribe_to=[room], **fields)
    routes = {"/": ET.HTML(content=PAGE, public=True), "/ws": socket}
    server = FX.StartHTTPServer(routes=routes, port=0, auth={"ada": "tea"}) | run
    page = visit(server)
    if code == 403:
        log_in(page, server)
    page.wait_for_function("() => room.state === 'refused'", timeout=60_000)
    assert page.evaluate("room.info.code") == code


def test_a_frozen_page_resumes_also_when_its_connection_is_lost_meanwhile(
    serve: Any, room: Any, until: Any, tmp_path: Path
) -> None:
    with a_tab(tmp_path, f"http://localhost:{serve().port}/") as page:
        page.until("room.state === 'open'")
        page.freeze()
        for number in range(10):
            FX.Publish(target=room, content=f"{number}") | run
        lose_connections()
        is_away(until)
        for number in range(10, 20):
            FX.Publish(target=room, content=f"{number}") | run
        assert page.evaluate("messages") == []
        page.wake()
        page.until("messages.length === 20")
        assert page.evaluate("messages") == [str(number) for number in range(20)]
        assert page.evaluate("states.map(([state]) => state)").count("resumed") == 1


def test_a_page_that_sleeps_for_too_long_reports_the_gap_when_it_wakes(
    room: Any, clean: None, until: Any, tmp_path: Path
) -> None:
    socket = ET.WebSocket(clients_subscribe_to=[room], resume={"seconds": 0.1})
    server = FX.StartHTTPServer(routes={"/": PAGE, "/ws": socket}, port=0) | run
    with a_tab(tmp_path, f"http://localhost:{server.port}/") as page:
        page.until("room.state === 'open'")
        page.freeze()
        lose_connections()
        until(lambda: not all_sessions())
        FX.Publish(target=room, content="missed") | run
        page.wake()
        page.until("room.state === 'gap'")
        assert page.evaluate("room.info") == {"missing": None}


def test_a_tab_in_the_background_receives_and_sends_and_resumes_in_the_foreground(
    serve: Any, visit: Any, room: Any, until: Any
) -> None:
    page = visit(serve())
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    page.evaluate(HIDE, "hidden")
    FX.Publish(target=room, content="to the background") | run
    page.evaluate("room.send('from the background')")
    page.wait_for_function("() => messages.length === 2", timeout=30_000)
    lose_connections()
    is_away(until)
    # The pause before its next attempt would be long, as is usual in the background.
    page.wait_for_function("() => room.state === 'waiting'", timeout=30_000)
    FX.Publish(target=room, content="in between") | run
    page.evaluate(HIDE, "visible")
    page.wait_for_function("() => messages.length === 3", timeout=30_000)
    assert page.evaluate("messages") == ["to the background", "from the background", "in between"]
    assert page.evaluate("room.state") == "resumed"


def test_a_page_that_is_offline_for_a_while_resumes_when_the_network_is_back(
    serve: Any, visit: Any, room: Any, until: Any
) -> None:
    server = serve(allow_restart=True)
    page = visit(server)
    page.wait_for_function("() => room.state === 'open'", timeout=30_000)
    page.context.set_offline(True)
    # The connection of a page that is offline is lost with the server.
    serve(server.port, allow_restart=True)
    page.wait_for_function("() => room.state === 'waiting'", timeout=30_000)
    FX.Publish(target=room, content="in between") | run
    page.evaluate("room.send('from the page')")
    page.context.set_offline(False)
    page.wait_for_function("() => room.state === 'resumed'", timeout=30_000)
    page.wait_for_function("() => messages.length === 2", timeout=30_000)
    assert page.evaluate("messages") == ["in between", "from the page"]
