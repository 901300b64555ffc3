"""`ET.EventStream` in a real browser: `EventSource` reads it, and connects again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop
from tests.ports import free_port
from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.topics.hub import Hub

PAGE = """<!doctype html>
<title>events</title>
<script>
  window.received = []
  window.events = new EventSource('events')
  events.onmessage = (event) => received.push(event.data)
  events.addEventListener('bytes', (event) => received.push(['bytes', atob(event.data)]))
  events.addEventListener('gap', (event) => received.push(['gap', JSON.parse(event.data).missing]))
</script>"""


@pytest.fixture
def feed() -> Any:
    return ET.Topic("feed of the event source")


@pytest.fixture
def server(clean: None, feed: Any) -> Any:
    stream = ET.EventStream(clients_subscribe_to=[feed], history=2, retry=0.2)
    # A port that the system gives to no other program while a test starts the server again.
    return FX.StartHTTPServer(routes={"/": PAGE, "/events": stream}, port=free_port()) | run


@pytest.fixture
def page(browser: Any, server: Any, feed: Any) -> Iterator[Any]:
    FX.Publish(target=feed, content="before") | run
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{server.port}/")
    yield page
    context.close()


def wait_for(page: Any, count: int) -> Any:
    page.wait_for_function(f"() => received.length >= {count}", timeout=30_000)
    return page.evaluate("received")


def test_an_event_source_gets_the_history_and_each_message(page: Any, feed: Any) -> None:
    assert wait_for(page, 1) == ["before"]
    for content in ("two\nlines", {"a": 1}, b"abc"):
        FX.Publish(target=feed, content=content) | run
    assert wait_for(page, 4) == ["before", "two\nlines", '{"a": 1}', ["bytes", "abc"]]


def test_an_event_source_resumes_after_its_connection_was_cut(page: Any, server: Any, feed: Any) -> None:
    wait_for(page, 1)

    def cut_and_publish() -> None:
        for connection in inside(server)._connections:
            connection.abort()
        for number in range(5):
            default_runtime().service(Hub).publish(feed, number)

    on_loop(cut_and_publish)
    assert wait_for(page, 4) == ["before", ["gap", 3], "3", "4"]


def test_an_event_source_goes_on_with_a_server_that_was_started_again(page: Any, server: Any, feed: Any) -> None:
    wait_for(page, 1)
    FX.StopHTTPServer(server=server) | run
    stream = ET.EventStream(clients_subscribe_to=[feed], history=2, retry=0.2)
    again = FX.StartHTTPServer(routes={"/events": stream}, port=server.port) | run
    FX.Publish(target=feed, content="after") | run
    assert wait_for(page, 3) == ["before", ["gap", None], "after"]
    FX.StopHTTPServer(server=again) | run
