"""No secret of an outward client reaches a table, a log or an error."""

from __future__ import annotations

import base64
import logging
from typing import Any
from urllib.parse import unquote

import pytest

from tests.net.client.outsider import (
    Until,
    fails_to_connect,
    journal,
    publish,
    state_of,
    talk_to,
    told,
)
from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidValue, ZefError, shown
from zefnb.net.client.clients import Clients
from zefnb.net.client.printable import printable_url
from zefnb.text.secrets import hide_secrets


@pytest.mark.usefixtures("quick")
def test_no_secret_reaches_a_table_a_log_the_journal_or_an_error(
    outsider: Any, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = outsider()
    url = f"ws://ada:hush1@127.0.0.1:{server.port}/ws?key=hush2"
    client, _, outbox, _ = talk_to(url, headers={"Authorization": "Bearer hush3", "Cookie": "hush4"})
    assert "hush2" in server.requests[0].path
    with pytest.raises(InvalidValue) as refused:
        publish(outbox, object())
    server.leave()
    until(lambda: told(client)["attempts"] >= 2)
    server.come()
    until(lambda: state_of(client) == "connected")
    [running] = default_runtime().service(Clients)
    shown = [str(refused.value), repr(client), repr(running), repr(running.target), str(told(client)), str(journal())]
    shown += [str(FX.StreamGraphSnapshot() | run), str(FX.QueryLog() | run)]
    shown += [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    FX.StopWebSocketClient(client=client) | run
    server.leave()
    shown.append(fails_to_connect(url=url, headers={"Authorization": "Bearer hush3"}))
    assert not any("hush" in text for text in shown)
    assert told_url(shown) == f"ws://127.0.0.1:{server.port}/ws"


def told_url(shown: list[str]) -> str:
    return shown[-1].split(": ")[1].rpartition(" ")[2]


URLS = [
    "wss://ada:hush@host/ws?token=hush", "ws://hush@host/ws", "wss://ada:hush%40x@host:8443/a/b?key=hush&sig=hush#hush",
    "wss://ada:hu@sh@host/ws", "wss://ada:hush/hush@host/ws", "wss://ada:hush?x@host",
    "WSS://ADA:HUSH@host/ws?jwt=HUSH", "ws://:hush@[::1]:80/", "https://ada:hush@host/feed", "ws://host?hush",
    "ws://ada:" + "hush" * 100 + "@host/ws",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_urls_in_zefnb_texts_have_no_secrets(url: str) -> None:
    values = (url, [url], {"url": url}, FX.StartWebSocketClient(url=url), (url.encode(),), [[url, url]])
    for text in (*(shown(value) for value in values), *(hide_secrets(repr(value)) for value in values)):
        assert "hush" not in text.lower()
        assert "hu@" not in text
    assert "hush" not in printable_url(url).lower()


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.com/@ada and mail ada@example.com", "http://127.0.0.1:8888/lab?reset", "a: b@c", "x://",
        "http://host:80/@x", "error at http://[::1]:8000/ws: refused",
    ],
)  # fmt: skip
def test_text_that_only_resembles_a_secret_is_not_changed(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize("url", [*URLS, "wss://ada:hush@", "wss://ada:hush@host:port/", "wss://ada:hush@[host/ws"])
def test_no_error_about_a_url_contains_its_secrets(url: str) -> None:
    bad: list[dict[str, Any]] = [
        {"url": url, "in_stream_into": 5}, {"url": [url]}, {"url": url}, {"url": url, "port": 0}, {"url": url + " x"},
        {"url": url.encode()}, {"url": url, "in_stream_into": ET.Topic("t"), "redirects": url},
        {"url": url, "in_stream_into": ET.Topic("t"), "ca_file": url},
        {"url": url, "in_stream_into": ET.Topic("t"), "headers": [url]},
        {"url": url, "in_stream_into": ET.Topic("t"), "subprotocols": [url]},
    ]  # fmt: skip
    for fields in bad:
        with pytest.raises(ZefError) as failed:
            FX.StartWebSocketClient(**fields) | run
        assert "hush" not in f"{failed.value} {failed.value!r} {failed.value.__dict__}".lower()


def test_a_handler_that_fails_with_an_effect_in_its_locals_reveals_no_secret(until: Until) -> None:
    topic = ET.Topic("leaks")
    effect = FX.StartWebSocketClient(url="ws://ada:hush@127.0.0.1:1/ws?key=hush", in_stream_into=topic)

    def leak(message: Any) -> Any:
        raise ValueError(f"could not return {effect!r}")

    def wrong(message: Any) -> Any:
        return {"not": effect}

    def right(message: Any) -> Any:
        return [effect]

    default_runtime().journal.clear()
    subscriptions = [(FX.SubscribeFX(topic=topic, op=op) | run).subscription for op in (leak, wrong, right)]
    publish(topic, "go")
    until(lambda: len(journal("error")) >= 2)
    for subscription in subscriptions:
        FX.Unsubscribe(subscription=subscription) | run
    said = "".join(f"{entry}" for entry in journal())
    # The traceback shows the handler's own line, in which there is none; this file has them elsewhere.
    assert "hush" not in said


@pytest.mark.parametrize(("user", "password"), [("ada", "pw"), ("a%40b", "p%3Aw%2F%40"), ("ada", "%F0%9F%8D%83")])
def test_the_password_of_a_url_is_still_sent_to_its_server(outsider: Any, user: str, password: str) -> None:
    server = outsider()
    talk_to(f"ws://{user}:{password}@127.0.0.1:{server.port}/ws")
    sent = base64.b64decode(server.requests[0].headers["Authorization"].removeprefix("Basic ")).decode()
    assert sent == f"{unquote(user)}:{unquote(password)}"
