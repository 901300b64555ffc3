"""`ET.PushInto`: the body of a request is published to topics."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest

from tests.net.conftest import journal
from zefnb import ET, FX, Array1, run, u8
from zefnb.errors import InvalidEffect
from zefnb.net.http import push_into


@pytest.fixture
def received(topic: Any) -> list[Any]:
    """The messages of the topic."""
    messages: list[Any] = []
    FX.SubscribeFX(topic=topic, op=messages.append) | run
    return messages


@pytest.fixture
def url(serve: Any, topic: Any) -> str:
    """The address of a route that pushes into the topic."""
    server = serve({("POST", "/hook"): ET.PushInto(topics=[topic], max_body=300_000)})
    return f"http://127.0.0.1:{server.port}/hook"


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("application/json", b'{"a": [1, null, "\xc3\xa4"]}', {"a": [1, None, "ä"]}),
        ("application/json; charset=utf-8", b"5", 5),
        ("Application/JSON", b"[1]", [1]),
        ("application/vnd.github+json", b'"x"', "x"),
        ("text/plain", "grüße".encode(), "grüße"),
        ("text/plain; charset=latin1", "grüße".encode("latin-1"), "grüße"),
        ("text/csv", b"a,b\n", "a,b\n"),
        ("application/octet-stream", b"abc", Array1[u8](b"abc")),
        ("image/png", b"\x89\xff", Array1[u8](b"\x89\xff")),
        ("application/x-www-form-urlencoded", b"a=1&b=x+y&a=2", {"a": "2", "b": "x y"}),
        (None, b"text", "text"),
        (None, b"\xff", Array1[u8](b"\xff")),
        (None, b"", ""),
    ],
)
def test_the_content_type_decides_about_the_message(
    url: str, received: list[Any], until: Any, kind: str | None, body: bytes, message: Any
):
    headers = {} if kind is None else {"content-type": kind}
    answer = httpx.post(url, content=body, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    until(lambda: received == [message])
    assert type(received[0]) is type(message)


def test_a_multipart_form_is_a_dict_with_its_files(url: str, received: list[Any], until: Any):
    httpx.post(url, data={"name": "Ada"}, files={"file": ("a.txt", b"content", "text/plain")})
    file = {"filename": "a.txt", "content": b"content", "content_type": "text/plain"}
    until(lambda: received == [{"name": "Ada", "file": file}])


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"[" * 100 + b"]" * 99])
def test_a_body_that_is_not_json_gets_400_and_is_not_published(
    url: str, topic: Any, received: list[Any], until: Any, body: bytes
):
    answer = httpx.post(url, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.text) == (400, "400 the body is not JSON\n")
    FX.Publish(target=topic, content="later") | run
    until(lambda: received == ["later"])


def test_json_that_is_nested_as_deep_as_python_reads_it_gets_an_answer(url: str):
    statuses = set()
    for depth in (100, 300, 500, 700, 900, 990, 1_000, 5_000):
        body = b"[" * depth + b"]" * depth
        statuses.add(httpx.post(url, content=body, headers={"content-type": "application/json"}).status_code)
    assert statuses == {204, 400}


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"content-type": "multipart/form-data"}, b"x"), ({"content-type": "text/plain; charset=utf-16"}, b"x")],
)
def test_a_body_that_is_not_of_its_type_gets_400(url: str, headers: dict[str, str], body: bytes):
    assert httpx.post(url, content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods_get_405(url: str, method: str):
    answer = httpx.request(method, url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_body_is_limited(url: str):
    assert httpx.post(url, content=b"x" * 300_000).status_code == 204
    assert httpx.post(url, content=b"x" * 300_001).status_code == 413


def test_a_page_of_another_origin_may_not_push(url: str, topic: Any, received: list[Any], until: Any):
    assert httpx.post(url, content=b"x", headers={"origin": "http://foreign.example"}).status_code == 403
    FX.Publish(target=topic, content="later") | run
    until(lambda: received == ["later"])


def test_messages_of_one_connection_keep_their_order(url: str, received: list[Any], until: Any):
    with httpx.Client() as client:
        for number in range(100):
            client.post(url, json=number)
    until(lambda: received == list(range(100)))


def test_each_topic_gets_the_message(serve: Any, until: Any):
    topics = [ET.Topic(f"hook {number}") for number in range(3)]
    received: list[Any] = []
    for topic in topics:
        FX.SubscribeFX(topic=topic, op=received.append) | run
    server = serve({("PUT", "/hook"): ET.PushInto(topics=topics)})
    httpx.put(f"http://127.0.0.1:{server.port}/hook", json={"a": 1})
    until(lambda: received == [{"a": 1}] * 3)
    assert len({id(each) for each in received}) == 3


def test_a_request_waits_for_a_busy_actor_and_then_gets_503(
    url: str, topic: Any, until: Any, monkeypatch: pytest.MonkeyPatch
):
    entered, go_on = threading.Event(), threading.Event()

    def busy(message: Any, state: Any) -> Any:
        entered.set()
        go_on.wait(60)
        return [[], state]

    FX.StartActor(input=topic, initial_state=0, handler=busy) | run
    FX.Publish(target=topic, content="first") | run
    assert entered.wait(20)
    for _ in range(2_000):
        FX.Publish(target=topic, content="waits") | run
    monkeypatch.setattr(push_into, "PUSH_TIMEOUT", 0.2)
    answer = httpx.post(url, content=b"x", timeout=30)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    monkeypatch.setattr(push_into, "PUSH_TIMEOUT", 60)
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.append(httpx.post(url, content=b"x", timeout=60).status_code))
    waiting.start()
    go_on.set()
    waiting.join(60)
    assert answers == [204]


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        ("/hook", {"topics": [ET.Topic("a")]}, "a request with GET has no body to publish"),
        (("POST", "/hook"), {}, ".topics missing"),
        (("POST", "/hook"), {"topics": []}, "at least one topic"),
        (("POST", "/hook"), {"topics": ["a"]}, "ET.Topic('a')"),
        (("POST", "/hook"), {"topic": [ET.Topic("a")], "topics": ET.Topic("a")}, "unknown field"),
        (("POST", "/hook"), {"topics": ET.Topic("a"), "max_body": -1}, "max_body"),
        (("POST", "/hook"), {"topics": ET.Topic("a"), "allow": print}, "with auth= only"),
    ],
)
def test_a_mistake_is_reported_with_its_route_and_field(key: Any, fields: dict[str, Any], words: str):
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes={key: ET.PushInto(**fields)}, port=0) | run
    assert words in str(caught.value).replace(": missing", " missing")
    assert repr(key) in str(caught.value)


def test_a_hook_feeds_the_clients_of_a_websocket(serve: Any, topic: Any):
    from websockets.sync.client import connect

    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic]), ("POST", "/hook"): ET.PushInto(topics=[topic])})
    with connect(f"ws://127.0.0.1:{server.port}/ws") as client:
        httpx.post(f"http://127.0.0.1:{server.port}/hook", json={"a": 1})
        assert json.loads(client.recv(timeout=20)) == {"a": 1}
        httpx.post(f"http://127.0.0.1:{server.port}/hook", content=b"\x01", headers={"content-type": "image/png"})
        assert client.recv(timeout=20) == b"\x01"
    assert journal("error") == []
