"""Messages between an outward client and foreign servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import trustme

from tests.net.client.outsider import (
    Until,
    certified,
    journal_text,
    keep_in,
    play,
    publish,
    state_of,
    talk_to,
    told,
)
from tests.net.client.tunnel import tunnel_to
from zefnb import ET, FX, array_to_bytes, generate_uid, run
from zefnb.core.types import ByteArray
from zefnb.errors import InvalidValue


def test_when_run_returns_the_client_is_connected(outsider: Any) -> None:
    server = outsider()
    client, *_ = talk_to(server)
    assert len(server.requests) == 1
    assert repr(client).startswith("ET.WebSocketClient('🍃-")
    assert (FX.ListWebSocketClients() | run) == [client]
    assert state_of(client) == "connected"


def test_text_bytes_and_json_are_sent_and_received(outsider: Any, until: Until) -> None:
    server = outsider(echo=True)
    _, _, outbox, came = talk_to(server)
    publish(outbox, "hello", b"\x00\xff", bytearray(b"ab"), {"n": 1}, [1, True], "", b"", "grüße 🍃")
    until(lambda: len(came) == 8)
    assert server.received == ["hello", b"\x00\xff", b"ab", '{"n": 1}', "[1, true]", "", b"", "grüße 🍃"]
    assert came == server.received


def test_a_binary_frame_arrives_as_an_array_of_bytes(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, _, came = talk_to(server)
    server.say(b"\x01\x02", "text")
    until(lambda: len(came) == 2)
    assert [type(message) for message in came] == [ByteArray, str]
    assert array_to_bytes(came[0]) == b"\x01\x02"


def test_both_sides_accept_several_topics(outsider: Any, until: Until) -> None:
    server = outsider()
    ins, outs = [ET.Topic("in-1"), ET.Topic("in-2")], [ET.Topic("out-1"), ET.Topic("out-2")]
    came: list[list[Any]] = [[], []]
    for topic, list_ in zip(ins, came, strict=True):
        FX.SubscribeFX(topic=topic, op=keep_in(list_)) | run
    FX.StartWebSocketClient(url=server.url, in_stream_into=ins, out_stream_from=outs) | run
    server.say("news")
    publish(outs[0], "one")
    publish(outs[1], "two")
    until(lambda: came == [["news"], ["news"]])
    until(lambda: server.received == ["one", "two"])


def test_a_client_can_only_receive_or_only_send(outsider: Any, until: Until) -> None:
    server = outsider()
    inbox, outbox, came = ET.Topic("only-in"), ET.Topic("only-out"), []  # type: ignore[var-annotated]
    FX.SubscribeFX(topic=inbox, op=keep_in(came)) | run
    FX.StartWebSocketClient(url=server.url, in_stream_into=inbox) | run
    FX.StartWebSocketClient(url=server.url, out_stream_from=outbox) | run
    publish(outbox, "said")
    server.say("heard")
    until(lambda: server.received == ["said"])
    until(lambda: came == ["heard"])


def test_content_that_cannot_be_sent_is_in_the_journal_and_the_rest_is_sent(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, outbox, _ = talk_to(server)
    publish(outbox, "before", float("nan"), "after")
    until(lambda: server.received == ["before", "after"])
    until(lambda: "delivery to <client of ws://127.0.0.1" in journal_text())
    with pytest.raises(InvalidValue, match="a value of type object has no form in JSON"):
        publish(outbox, object())


def test_messages_of_many_sizes_arrive_complete_and_in_order(outsider: Any, until: Until) -> None:
    server = outsider(echo=True, max_size=None)
    _, _, outbox, came = talk_to(server)
    messages = [bytes([n % 256]) * size for n, size in enumerate([0, 1, 125, 126, 65_535, 65_536, 3_000_000, 7])]
    publish(outbox, *messages)
    until(lambda: len(came) == len(messages), within=20)
    assert came == messages


def test_ten_thousand_messages_are_echoed_in_order(outsider: Any, until: Until) -> None:
    server = outsider(echo=True)
    client, _, outbox, came = talk_to(server)
    messages = [str(n) for n in range(10_000)]
    publish(outbox, *messages)
    until(lambda: len(came) == len(messages), within=30)
    assert came == messages
    described = told(client)
    assert (described["sent"], described["received"], described["dropped"]) == (10_000, 10_000, 0)


def test_the_port_field_is_put_into_the_url(outsider: Any) -> None:
    server = outsider()
    client, *_ = talk_to("ws://127.0.0.1/ws?room=1", port=server.port)
    assert told(client)["url"] == f"ws://127.0.0.1:{server.port}/ws"
    assert server.requests[0].path == "/ws?room=1"
    talk_to(f"ws://127.0.0.1:{server.port}/ws", port=server.port)


def test_headers_and_credentials_of_the_url_are_sent_with_the_handshake(outsider: Any) -> None:
    server = outsider()
    talk_to(f"ws://ada:secret@127.0.0.1:{server.port}/ws", headers={"X-Room": "blue"})
    headers = server.requests[0].headers
    assert headers["X-Room"] == "blue"
    assert headers["Authorization"].startswith("Basic ")


def test_a_subprotocol_is_negotiated_and_its_name_given_to_the_actor(outsider: Any, until: Until) -> None:
    server = outsider(subprotocols=["graphql-ws", "mqtt"])
    _, notes = play(server, subprotocols=["mqtt", "other"])
    until(lambda: notes)
    assert notes[0][0].subprotocol == "mqtt"


def test_a_server_that_chooses_no_subprotocol_is_used_without_one(outsider: Any) -> None:
    server = outsider(subprotocols=["graphql-ws"], select_subprotocol=lambda connection, offered: None)
    client, *_ = talk_to(server, subprotocols=["mqtt"])
    assert state_of(client) == "connected"


def test_async_code_in_another_loop_connects_and_stops(outsider: Any, until: Until) -> None:
    server = outsider()
    outbox = ET.Topic("awaited")

    async def main() -> None:
        client = await FX.StartWebSocketClient(url=server.url, out_stream_from=[outbox])
        await FX.Publish(target=outbox, content="from elsewhere")
        await FX.StopWebSocketClient(client=client)

    asyncio.run(main())
    until(lambda: server.received == ["from elsewhere"])


def test_the_client_is_in_the_stream_graph(outsider: Any) -> None:
    client, _, outbox, _ = talk_to(outsider())
    assert {"kind": "client", "source": outbox, "target": client} in (FX.StreamGraphSnapshot() | run)


def test_the_block_of_the_specification_runs_against_a_server_of_that_name(
    outsider: Any,
    authority: trustme.CA,
    ca_file: str,
    monkeypatch: pytest.MonkeyPatch,
    until: Until,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = outsider(tls=certified(authority, "echo.example.com"), echo=True)
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    for name in ("all_proxy", "https_proxy", "http_proxy", "wss_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    with tunnel_to(server.port) as tunnel:
        monkeypatch.setenv("https_proxy", tunnel.url)
        inbox = ET.Topic(generate_uid())
        outbox = ET.Topic(generate_uid())
        client = (
            FX.StartWebSocketClient(
                url="wss://echo.example.com/ws",
                in_stream_into=[inbox],
                out_stream_from=[outbox],
            )
            | run
        )
        came: list[Any] = []
        FX.SubscribeFX(topic=inbox, op=keep_in(came)) | run
        FX.Publish(target=outbox, content="hello remote!") | run
        until(lambda: came == ["hello remote!"])
        FX.StopWebSocketClient(client=client) | run

        assert server.received == ["hello remote!"]
        assert server.requests[0].headers["Host"] == "echo.example.com"
        until(lambda: server.closes == [1000])
        assert tunnel.asked == ["CONNECT echo.example.com:443 HTTP/1.1"]
