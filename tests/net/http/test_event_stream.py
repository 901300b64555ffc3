"""`ET.EventStream`: the messages of topics as server-sent events."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside, journal, on_loop, said
from tests.net.wire import Wire
from zefnb import ET, FX, run
from zefnb.core.wire import Encoded
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.net.http import event_connection, event_feed
from zefnb.net.http.event_format import event
from zefnb.topics.hub import Hub

Raw = Callable[..., Wire]


class Events:
    """A client that reads events as WHATWG HTML, section 9.2.6, describes it."""

    def __init__(self, wire: Wire, path: str = "/events", **headers: str) -> None:
        self.wire = wire
        self.last_id = ""
        self.retry = 0
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        self.status, self.headers, _ = wire.read_head()

    def read(self) -> tuple[str, str]:
        """The type and the data of the next event."""
        while True:
            kind, data = "message", []
            for line in self.wire.read_until(b"\n\n").decode().splitlines():
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "id":
                    self.last_id = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    data.append(value)
                elif name == "retry":
                    self.retry = int(value)
            if data:
                return kind, "\n".join(data)

    def read_all(self, count: int) -> list[Any]:
        """The data of the next messages."""
        events = [self.read() for _ in range(count)]
        assert {kind for kind, _ in events} <= {"message"}, events
        return [data for _, data in events]


@pytest.fixture
def listen(raw: Raw) -> Callable[..., Events]:
    """`listen(server)`: a client of its event stream."""
    return lambda server, path="/events", receive_buffer=None, **headers: Events(
        raw(server, None, receive_buffer=receive_buffer), path, **headers
    )


def publish(topic: Any, *contents: Any) -> None:
    for content in contents:
        FX.Publish(target=topic, content=content) | run


def subscribers(topic: Any) -> int:
    """The number of subscribers of a topic."""
    return on_loop(lambda: len(default_runtime().service(Hub).subscribers(topic)))


@pytest.fixture
def server(serve: Any, topic: Any) -> Any:
    return serve({"/events": ET.EventStream(clients_subscribe_to=[topic], history=3), "/page": "page"})


def test_a_client_gets_each_message_as_an_event(server: Any, listen: Any, topic: Any):
    events = listen(server)
    assert events.status == 200
    assert events.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert events.headers["cache-control"] == "no-cache, no-transform"
    assert events.headers["x-accel-buffering"] == "no"
    assert "date" in events.headers
    publish(topic, "text", "two\nlines\r\nthree\rfour", "", {"a": [1, None, "ä"]}, 5, b"\x00\xff", ET.Guest(name="Ada"))
    assert events.read_all(5) == ["text", "two\nlines\nthree\nfour", "", '{"a": [1, null, "ä"]}', "5"]
    assert 1_000 <= events.retry <= 3_000
    kind, data = events.read()
    assert (kind, base64.b64decode(data)) == ("bytes", b"\x00\xff")
    assert events.read() == ("message", '{"type": "Guest", "name": "Ada"}')


def test_a_new_client_first_gets_the_history_of_each_topic_in_order(serve: Any, listen: Any):
    one, other = ET.Topic("one"), ET.Topic("other")
    server = serve({"/events": ET.EventStream(clients_subscribe_to=[one, other], history=2)})
    publish(one, "a")
    for number in range(5):
        publish(other, f"other {number}")
    publish(one, "b")
    events = listen(server)
    assert events.read_all(4) == ["a", "other 3", "other 4", "b"]
    publish(one, "c")
    assert events.read_all(1) == ["c"]


def test_a_client_that_connects_again_gets_what_it_has_missed(server: Any, listen: Any, topic: Any):
    first = listen(server)
    publish(topic, "1", "2")
    assert first.read_all(2) == ["1", "2"]
    first.wire.close()
    publish(topic, "3", "4")
    again = listen(server, last_event_id=first.last_id)
    publish(topic, "5")
    assert again.read_all(3) == ["3", "4", "5"]


def test_a_client_learns_how_many_messages_it_has_missed_for_good(server: Any, listen: Any, topic: Any):
    first = listen(server)
    publish(topic, "1")
    first.read()
    publish(topic, *map(str, range(2, 9)))
    again = listen(server, last_event_id=first.last_id)
    assert again.read() == ("gap", '{"missing": 4}')
    assert again.read_all(3) == ["6", "7", "8"]
    [entry] = journal("warning")
    assert entry["message"].startswith("a client of the event stream /events misses 4 messages")
    assert entry["channel_id"] == 1


def test_a_gap_is_reported_once_also_when_the_connection_is_cut_right_after_it(
    server: Any, listen: Any, topic: Any, until: Any
):
    first = listen(server)
    publish(topic, "1")
    first.read()
    publish(topic, *map(str, range(2, 9)))
    again = listen(server, last_event_id=first.last_id)
    assert again.read() == ("gap", '{"missing": 4}')
    third = listen(server, last_event_id=again.last_id)
    assert third.read_all(3) == ["6", "7", "8"]
    unknown = listen(server, last_event_id="other-7")
    assert unknown.read() == ("gap", '{"missing": null}')
    assert listen(server, last_event_id=unknown.last_id).read_all(3) == ["6", "7", "8"]


def test_a_client_of_several_topics_gets_a_gap_wherever_messages_are_missing(serve: Any, listen: Any):
    one, other = ET.Topic("one"), ET.Topic("other")
    server = serve({"/events": ET.EventStream(clients_subscribe_to=[one, other], history=1)})
    first = listen(server)
    publish(one, "1")
    first.read()
    publish(other, "2", "3", "4")
    publish(one, "5", "6")
    again = listen(server, last_event_id=first.last_id)
    assert [again.read() for _ in range(3)] == [("gap", '{"missing": 2}'), ("message", "4"), ("gap", '{"missing": 1}')]
    # The connection breaks: neither a message nor a gap comes twice.
    assert listen(server, last_event_id=again.last_id).read_all(1) == ["6"]


def test_messages_that_are_published_without_any_client_are_counted(serve: Any, listen: Any, topic: Any):
    server = serve({"/events": ET.EventStream(clients_subscribe_to=[topic])})
    first = listen(server)
    publish(topic, "1")
    first.read()
    first.wire.close()
    publish(topic, "2", "3")
    again = listen(server, last_event_id=first.last_id)
    assert again.read() == ("gap", '{"missing": 2}')
    publish(topic, "4")
    assert again.read_all(1) == ["4"]


@pytest.mark.parametrize("forged", ["x", "-1", "0-0", "ffffffff-1", "%s-99", "%s--1", "%s-", "%s-²", "%s-" + "9" * 30])
def test_an_unknown_id_gives_a_gap_of_unknown_size_and_the_history(server: Any, listen: Any, topic: Any, forged: str):
    first = listen(server)
    publish(topic, "1")
    first.read()
    epoch = first.last_id.partition("-")[0]
    again = listen(server, last_event_id=(forged % epoch if "%s" in forged else forged).encode().decode("latin-1"))
    assert again.read() == ("gap", '{"missing": null}')
    assert again.read_all(1) == ["1"]
    assert journal("error") == []


def test_each_message_is_encoded_once_for_all_streams(
    server: Any, listen: Any, topic: Any, monkeypatch: pytest.MonkeyPatch
):
    encoded: list[Any] = []

    def counted(identity: str, content: Any, nan: Any) -> bytes:
        encoded.append(content.value if isinstance(content, Encoded) else content)
        return event(identity, content, nan)

    monkeypatch.setattr(event_feed, "event", counted)
    listeners = [listen(server) for _ in range(20)]
    publish(topic, *range(3))
    for each in listeners:
        assert each.read_all(3) == ["0", "1", "2"]
    assert len({each.last_id for each in listeners}) == 1
    assert encoded == [0, 1, 2]


def test_clients_that_join_during_a_burst_miss_nothing_and_get_nothing_twice(serve: Any, listen: Any, topic: Any):
    server = serve({"/events": ET.EventStream(clients_subscribe_to=[topic], history=5)})
    count = 2_000

    def burst() -> None:
        for number in range(count):
            FX.Publish(target=topic, content=number) | run

    publisher = threading.Thread(target=burst)
    publisher.start()
    listeners = [listen(server) for _ in range(20)]
    publisher.join()
    FX.Publish(target=topic, content="end") | run
    for each in listeners:
        received = []
        while (data := each.read()[1]) != "end":
            received.append(int(data))
        if received:
            assert received == list(range(received[0], count))


@pytest.mark.parametrize("policy", ["close", ET.SlowClient(max_bytes=1 << 20)])
def test_a_client_that_does_not_read_is_closed(serve: Any, raw: Raw, listen: Any, topic: Any, until: Any, policy: Any):
    stream = ET.EventStream(clients_subscribe_to=[topic], slow_client=policy)
    server = serve({"/events": stream, "/page": "page"})
    listen(server, receive_buffer=65_536)
    content, ended = "x" * 1_000_000, threading.Event()

    def publish_on() -> None:
        while not ended.is_set():
            FX.Publish(target=topic, content=content) | run

    publisher = threading.Thread(target=publish_on)
    publisher.start()
    try:
        until(said("a client of the event stream /events is closed"))
    finally:
        ended.set()
        publisher.join()
    assert httpx.get(f"http://127.0.0.1:{server.port}/page", timeout=30).text == "page"


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest"])
def test_a_client_with_a_policy_that_drops_stays_connected(serve: Any, listen: Any, topic: Any, policy: str):
    slow_client = ET.SlowClient(policy=policy, max_bytes=1 << 20)
    server = serve({"/events": ET.EventStream(clients_subscribe_to=[topic], slow_client=slow_client)})
    events = listen(server, receive_buffer=65_536)
    content = "x" * 500_000
    for number in range(60):
        FX.Publish(target=topic, content=f"{number} {content}") | run
    FX.Publish(target=topic, content="end") | run
    received, missing = [], 0
    while (read := events.read())[1] != "end":
        kind, data = read
        if kind == "gap":
            missing += json.loads(data)["missing"]
        else:
            received.append(int(data.partition(" ")[0]))
        # The id counts every message, received or missing.
        assert int(events.last_id.partition("-")[2]) == len(received) + missing
    assert received == sorted(set(received))
    assert 0 < len(received) < 60
    assert len(received) + missing == 60
    assert said(f"reads slowly: messages for it are dropped (slow_client={policy!r})")()
    [row] = FX.QueryAllConnectedWebsocketClients(http_server=server) | run
    assert (row["path"], row["dropped"]) == ("/events", missing)


def test_stopping_the_server_ends_the_streams(server: Any, listen: Any, topic: Any):
    events = listen(server)
    publish(topic, "last")
    FX.StopHTTPServer(server=server) | run
    assert events.read_all(1) == ["last"]
    assert events.wire.read_end() == b""
    assert subscribers(topic) == 0


def test_a_client_that_leaves_is_forgotten(server: Any, listen: Any, topic: Any, until: Any):
    listeners = [listen(server) for _ in range(5)]
    publish(topic, "1")
    for each in listeners:
        each.read()
        each.wire.close()

    def streams() -> int:
        return on_loop(lambda: len(inside(server)._connections))

    until(lambda: streams() == 0)


def test_a_quiet_stream_gets_comments(server: Any, listen: Any, topic: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_connection, "COMMENT_INTERVAL", 0)
    events = listen(server)
    assert events.wire.read_until(b"\n\n").startswith(b"retry: ")
    assert events.wire.read_until(b"\n\n") == b":\n\n"
    assert events.wire.read_until(b"\n\n") == b":\n\n"
    publish(topic, "text")
    assert events.read_all(1) == ["text"]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such timeout")
def test_a_client_that_acknowledges_nothing_is_closed_by_the_system(server: Any, listen: Any):
    listen(server)

    def timeouts() -> list[int]:
        sockets = [each.transport.get_extra_info("socket") for each in inside(server)._connections]
        return [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) for each in sockets]

    assert on_loop(timeouts) == [1_000 * event_connection.ACKNOWLEDGE_TIMEOUT]


def test_a_client_is_in_the_tables_of_clients(server: Any, listen: Any, topic: Any, until: Any):
    events = listen(server, user_agent="test")
    publish(topic, "1", "2")
    assert events.read_all(2) == ["1", "2"]
    [row] = FX.QueryAllConnectedWebsocketClients(http_server=server, path="/events") | run
    assert (row["channel_id"], row["path"], row["client_ip"], row["host"]) == (0, "/events", "127.0.0.1", "localhost")
    assert (row["sent"], row["received"], row["actor"], row["round_trip"]) == (2, 0, None, None)
    assert (FX.QueryHTTPServer(server=server) | run)["client_count"] == 1
    with pytest.raises(InvalidEffect, match="no WebSocket route"):
        FX.QueryAllConnectedWebsocketClients(http_server=server, path="/page") | run
    events.wire.close()
    until(lambda: FX.QueryAllConnectedWebsocketClients(http_server=server) | run == [])


def test_closing_a_client_by_its_channel_id_ends_its_stream(server: Any, listen: Any, topic: Any):
    first, other = listen(server), listen(server)
    publish(topic, "1")
    assert first.read_all(1) == other.read_all(1) == ["1"]
    FX.CloseWebSocketConnection(http_server=server, channel_id=0) | run
    assert first.wire.read_end() == b""
    publish(topic, "2")
    assert other.read_all(1) == ["2"]


def test_a_message_to_one_client_has_no_id(server: Any, listen: Any, topic: Any):
    first, other = listen(server), listen(server)
    publish(topic, "1")
    assert first.read_all(1) == other.read_all(1) == ["1"]
    identity = first.last_id
    on_loop(lambda: inside(server).client(0).deliver({"only": "first"}))
    assert (first.read_all(1), first.last_id) == (['{"only": "first"}'], identity)
    publish(topic, "2")
    assert first.read_all(1) == other.read_all(1) == ["2"]


def test_a_deleted_topic_sends_no_more_to_its_clients_and_they_stay_connected(serve: Any, listen: Any, topic: Any):
    other = ET.Topic("other")
    server = serve({"/events": ET.EventStream(clients_subscribe_to=[topic, other], history=3)})
    before = listen(server)
    publish(topic, "1")
    assert before.read_all(1) == ["1"]
    FX.DeleteTopic(topic=topic) | run
    assert subscribers(topic) == 0
    publish(topic, "nobody")
    after = listen(server)
    assert subscribers(topic) == 1
    for number in range(3):
        publish(topic, f"later {number}")
        publish(other, f"both {number}")
    assert before.read_all(3) == ["both 0", "both 1", "both 2"]
    assert after.read_all(6) == [f"{kind} {number}" for number in range(3) for kind in ("later", "both")]


def test_a_deleted_topic_has_no_history_and_a_client_that_comes_back_gets_a_gap(server: Any, listen: Any, topic: Any):
    first = listen(server)
    publish(topic, "1")
    first.read()
    first.wire.close()
    publish(topic, "2")
    FX.DeleteTopic(topic=topic) | run
    again = listen(server, last_event_id=first.last_id)
    assert again.read() == ("gap", '{"missing": 1}')
    publish(topic, "3")
    assert again.read_all(1) == listen(server).read_all(1) == ["3"]
    FX.StopHTTPServer(server=server) | run
    assert subscribers(topic) == 0


def test_head_has_the_headers_of_a_stream(server: Any):
    answer = httpx.head(f"http://127.0.0.1:{server.port}/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_http_1_0_gets_the_same_events(server: Any, raw: Raw, topic: Any):
    wire = raw(server, None)
    wire.send(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
    wire.read_until(b"retry: ")
    publish(topic, "text")
    wire.read_until(b"data: text\n\n")


def test_pages_of_other_origins_are_refused_and_allowed_ones_may_read(serve: Any, topic: Any, listen: Any):
    server = serve(
        {"/events": ET.EventStream(clients_subscribe_to=[topic])}, allowed_origins=["https://friend.example"]
    )
    assert listen(server, origin="https://foreign.example").status == 403
    events = listen(server, origin="https://friend.example")
    assert (events.status, events.headers["access-control-allow-origin"]) == (200, "https://friend.example")


def test_a_changed_route_has_a_new_stream_and_its_clients_stay(server: Any, listen: Any, topic: Any, until: Any):
    before = listen(server)
    change = ET.InsertIn(path=["routes", "/events"], value=ET.EventStream(clients_subscribe_to=[topic]))
    FX.UpdateRunningHTTPServer(server=server, delta=[change]) | run
    after = listen(server)
    publish(topic, "both")
    assert (before.read_all(1), after.read_all(1)) == (["both"], ["both"])
    before.wire.close()

    until(lambda: subscribers(topic) == 1)


def test_a_client_resumes_at_a_server_that_replaces_its_own(serve: Any, server: Any, listen: Any, topic: Any):
    first = listen(server)
    publish(topic, "1")
    first.read()
    other = serve({"/feed": ET.EventStream(clients_subscribe_to=[topic], history=3, retry=1)})
    publish(topic, "2")
    FX.StopHTTPServer(server=server) | run
    publish(topic, "3")
    again = listen(other, "/feed", last_event_id=first.last_id)
    assert again.read_all(2) == ["2", "3"]
    assert listen(other, "/feed").read_all(3) == ["1", "2", "3"]
    FX.StopHTTPServer(server=other) | run
    assert subscribers(topic) == 0


def test_a_stream_goes_on_when_another_route_changes(server: Any, listen: Any, topic: Any):
    before = listen(server)
    publish(topic, "1")
    before.read()
    FX.UpdateRunningHTTPServer(server=server, delta=[ET.InsertIn(path=["routes", "/more"], value="more")]) | run
    publish(topic, "2")
    again = listen(server, last_event_id=before.last_id)
    assert (before.read_all(1), again.read_all(1)) == (["2"], ["2"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_shows_the_events_as_they_come(server: Any, topic: Any) -> None:
    publish(topic, "first")
    command = ["curl", "-sN", f"http://127.0.0.1:{server.port}/events"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines: Iterator[bytes] = iter(process.stdout)
        assert next(line for line in lines if line.startswith(b"data")) == b"data: first\n"
        publish(topic, "second")
        assert next(line for line in lines if line.startswith(b"data")) == b"data: second\n"
        process.kill()


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        (("POST", "/events"), {"clients_subscribe_to": ET.Topic("a")}, "GET"),
        ("/events", {}, "missing"),
        ("/events", {"clients_subscribe_to": []}, "at least one topic"),
        ("/events", {"clients_subscribe_to": ["a"]}, "ET.Topic('a')"),
        ("/events", {"clients_subscribe_to": ET.Topic("a"), "history": -1}, "history"),
        ("/events", {"clients_subscribe_to": ET.Topic("a"), "history": True}, "history"),
        ("/events", {"clients_subscribe_to": ET.Topic("a"), "retry": 0}, "retry"),
        ("/events", {"clients_subscribe_to": ET.Topic("a"), "retry": float("nan")}, "retry"),
        ("/events", {"clients_subscribe_to": ET.Topic("a"), "nan": "x"}, "'refuse'"),
        ("/events", {"clients_subscribe_to": ET.Topic("a"), "slow_client": "x"}, "'drop_oldest'"),
        ("/events", {"clients_subscribe_to": ET.Topic("a"), "topics": 1}, "unknown field"),
    ],
)
def test_a_mistake_is_reported_with_its_route_and_field(key: Any, fields: dict[str, Any], words: str):
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes={key: ET.EventStream(**fields)}, port=0) | run
    assert words in str(caught.value)
    assert repr(key) in str(caught.value)
