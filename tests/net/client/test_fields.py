"""Invalid fields of `FX.StartWebSocketClient`, and their errors."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect


def test_an_error_lists_every_mistake_at_once() -> None:
    with pytest.raises(InvalidEffect) as raised:
        (
            FX.StartWebSocketClient(
                url="http://example.com",
                port=70_000,
                in_stream_into=["chat"],
                actor=ET.Actor("a"),
                ca_file="/nowhere.pem",
                headers={"X": "a\r\nb"},
                subprotocols=["two words"],
            )
            | run
        )
    faults = {fault.field: str(fault) for fault in raised.value.faults}
    assert "ws:// is the WebSocket's http://" in faults["url"]
    assert "allowed: 1 to 65535" in faults["port"]
    assert "write ET.Topic('chat')" in faults["in_stream_into"]
    assert "there are both topics and an actor" in str(raised.value)
    assert "FX.StartActor" in str(raised.value)
    assert "/nowhere.pem" in faults["ca_file"]
    assert {"headers", "subprotocols", "actor"} <= faults.keys()


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"url": "example.com/ws"}, "url", "does not begin with ws:// or wss://"),
        ({"url": "https://example.com/ws"}, "url", "wss:// is the WebSocket's https://"),
        ({"url": "ws:///ws"}, "url", "host"),
        ({"url": "ws://host:port/ws"}, "url", "host or port is malformed"),
        ({"url": "ws://host:0/ws"}, "url", "port is 0"),
        ({"url": "ws://host/a b"}, "url", "white space"),
        ({"url": "ws://host/ws#top"}, "url", "fragment"),
        ({"url": f"ws://{'ü' * 70}/ws"}, "url", "host is malformed"),
        ({"port": 0}, "port", "1 to 65535"),
        ({"url": "ws://host:8000/ws", "port": 9000}, "port", "the url has port 8000"),
        ({"in_stream_into": None}, "", "neither topics nor an actor"),
        ({"in_stream_into": []}, "", "neither topics nor an actor"),
        ({"actor": FX.StartActor(initial_state=0, handler=print)}, "actor", "both topics and an actor"),
        ({"in_stream_into": None, "actor": FX.StartActor(initial_state=0)}, "actor.rules", "neither `rules` nor"),
        ({"in_stream_into": None, "actor": FX.Publish()}, "actor", "FX.StartActor(initial_state=..., rules={...})"),
        ({"ca_file": "x"}, "ca_file", "with wss:// only"),
        ({"ssl_context": ssl.create_default_context()}, "ssl_context", "with wss:// only"),
        ({"url": "wss://host/ws", "ca_file": "/nowhere"}, "ca_file", "No such file"),
        ({"url": "wss://host/ws", "ca_file": __file__}, "ca_file", "contains no certificate"),
        (
            {"url": "wss://host/ws", "ca_file": "x", "ssl_context": ssl.create_default_context()},
            "ca_file",
            "given together with `ssl_context`",
        ),
        ({"headers": "X: y"}, "headers", "got a str"),
        ({"headers": {"X Y": "z"}}, "headers", "not valid for a header"),
        ({"headers": [("X", 1)]}, "headers", "the value of X cannot be sent"),
        ({"subprotocols": ["a b"]}, "subprotocols", "names without spaces"),
    ],
)
def test_a_misuse_names_its_field(fields: dict[str, Any], field: str, text: str) -> None:
    given = {"url": "ws://host/ws", "in_stream_into": [ET.Topic("in")], **fields}
    with pytest.raises(InvalidEffect) as raised:
        FX.StartWebSocketClient(**given) | run
    assert [fault.field for fault in raised.value.faults] == [field]
    assert text in str(raised.value)


def test_an_error_does_not_contain_the_secrets_of_a_url_or_of_headers() -> None:
    with pytest.raises(InvalidEffect) as raised:
        FX.StartWebSocketClient(url="http://ada:hush@host/?token=hush", headers={"Authorization": "hush\n"}) | run
    assert "hush" not in str(raised.value)
