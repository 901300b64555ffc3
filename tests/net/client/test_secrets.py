"""No secret of an outward client reaches a table, a log or an error."""

from __future__ import annotations

import logging
from typing import Any

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
from zefnb import FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.client import Clients


@pytest.mark.usefixtures("quick")
def test_no_secret_reaches_a_table_a_log_the_journal_or_an_error(
    outsider: Any, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = outsider()
    url = f"ws://ada:hush1@127.0.0.1:{server.port}/ws?key=hush2"
    client, _, outbox, _ = talk_to(url, headers={"Authorization": "Bearer hush3", "Cookie": "hush4"})
    assert "hush2" in server.requests[0].path
    publish(outbox, object())
    server.leave()
    until(lambda: told(client)["attempts"] >= 2)
    server.come()
    until(lambda: state_of(client) == "connected")
    [running] = default_runtime().service(Clients)
    shown = [repr(client), repr(running), repr(running.target), str(told(client)), str(journal())]
    shown += [str(FX.StreamGraphSnapshot() | run), str(FX.QueryLog() | run)]
    shown += [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    FX.StopWebSocketClient(client=client) | run
    server.leave()
    shown.append(fails_to_connect(url=url, headers={"Authorization": "Bearer hush3"}))
    assert not any("hush" in text for text in shown)
    assert told_url(shown) == f"ws://127.0.0.1:{server.port}/ws"


def told_url(shown: list[str]) -> str:
    return shown[-1].split(": ")[0].rpartition(" ")[2]
