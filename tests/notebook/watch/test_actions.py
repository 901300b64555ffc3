"""The actions of a view: send, close, publish, follow and stop."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed

from tests.notebook.viewer import here, place_of
from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.topics.hub import Hub


@pytest.mark.parametrize(
    ("kind", "content", "received"),
    [
        ("text", "héllo", "héllo"), ("hex", "00 ff", b"\x00\xff"),
        ("base64", "AP8=", b"\x00\xff"), ("json", '{"a":[1]}', '{"a": [1]}'),
    ],
)  # fmt: skip
def test_a_view_can_send_to_one_client(view, server, connect, kind, content, received):
    one, other = connect(server, "/ws"), connect(server, "/ws")
    live = view()
    live.look()
    answer = live.ask("act", action="send", row=live.order[0], content=content, **{"as": kind})
    assert (answer["ok"], answer["text"]) == (True, "sent to client 0")
    assert one.recv(timeout=20) == received
    with pytest.raises(TimeoutError):
        other.recv(timeout=0.1)


def test_a_view_can_close_one_client_with_a_code_and_a_reason(view, server, connect):
    one, other = connect(server, "/ws"), connect(server, "/ws")
    live = view()
    live.look()
    first, second = live.order
    assert live.ask("act", action="close", row=first, code=4000, reason="spam")["ok"]
    with pytest.raises(ConnectionClosed) as closed:
        one.recv(timeout=20)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "spam")
    live.until(lambda: live.column("channel_id") == [1])
    assert other.ping().wait(20)
    assert not live.ask("act", action="close", row=second, code=1005)["ok"]
    assert not live.ask("act", action="close", row=first)["ok"]


def test_a_view_can_publish_to_any_topic(view, server, connect):
    client = connect(server, "/ws")
    live = view()
    assert live.ask("publish", topic="chat", content="hi")["text"] == "published to chat"
    assert client.recv(timeout=20) == "hi"
    assert live.ask("publish", topic="void", content="hi")["text"] == "published to void, which has no subscribers"


def test_following_a_topic_shows_its_messages_and_is_not_a_subscription(view, until):
    live = view()
    live.ask("follow", topic="news")
    FX.Publish(target=ET.Topic("news"), content={"n": 1}) | run
    FX.Publish(target=ET.Topic("news"), content=b"\x01") | run
    live.until(lambda: len(live.tail) == 2)
    assert [(item["kind"], item["body"]) for item in live.tail] == [("text", '{"n": 1}'), ("binary", "AQ==")]
    assert (FX.StreamGraphSnapshot() | run) == []
    live.until(lambda: live.board.get("topics") == [])
    live.close()
    hub = default_runtime().service(Hub)
    until(lambda: here(lambda: hub.topics() == []))


def test_of_many_messages_on_a_topic_the_newest_are_sent_and_the_others_counted(view):
    live = view()
    live.ask("follow", topic="flood")
    for n in range(5_000):
        FX.Publish(target=ET.Topic("flood"), content=n) | run
    live.until(lambda: len(live.tail) + live.skipped == 5_000)
    assert live.tail[-1]["body"] == "4999"
    assert len(live.tail) <= 1_500


def test_stopping_a_server(view, server):
    live = view()
    assert live.ask("stop", server=place_of(server))["text"] == f"stopped the server on port {server.port}"
    assert (FX.QueryAllActiveHTTPServers() | run) == []
