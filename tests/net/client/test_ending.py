"""The end of an outward client, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pytest

from tests.net.client.outsider import (
    Until,
    journal_text,
    publish,
    state_of,
    talk_to,
)
from tests.net.conftest import on_loop
from tests.ports import free_port
from zefnb import ET, FX, generate_uid, run
from zefnb.core.execution import Identity
from zefnb.engine import perform
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import ConnectionFailed, NotRunning
from zefnb.net.client.clients import Clients


def test_messages_published_before_a_stop_are_sent_before_the_close_frame(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine, a second may not suffice.
    monkeypatch.setattr(Clients.stop, "__defaults__", (20.0,))
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    # So many that they do not all leave at once.
    messages = [str(n) for n in range(300)]
    publish(outbox, *messages)
    FX.StopWebSocketClient(client=client) | run
    publish(outbox, "too late")
    until(lambda: server.closes == [1000])
    assert server.received == messages
    assert (FX.ListWebSocketClients() | run) == []


def test_stopping_twice_raises(outsider: Any) -> None:
    client, *_ = talk_to(outsider())
    FX.StopWebSocketClient(client=client) | run
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.StopWebSocketClient(client=client) | run
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.QueryWebSocketClient(client=client) | run
    with pytest.raises(NotRunning, match="belongs to another process"):
        FX.StopWebSocketClient(client=ET.WebSocketClient(generate_uid())) | run


def test_stopping_does_not_wait_for_a_server_that_does_not_read(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    publish(outbox, *(bytes(1 << 20) for _ in range(12)))
    FX.StopWebSocketClient(client=client) | run
    assert "messages that could not be sent" in journal_text()
    until(lambda: not default_runtime().call_queue.is_paused)


def test_stopping_without_a_connection_reports_unsent_messages(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, "1", "2")
    FX.StopWebSocketClient(client=client) | run
    assert "was stopped with 2 messages that could not be sent" in journal_text()
    server.come()
    assert server.received == []


def test_interrupting_the_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, until: Until) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
        inbox = ET.Topic("in")

        async def main() -> None:
            starting = asyncio.ensure_future(FX.StartWebSocketClient(url=url, in_stream_into=[inbox]))
            with (await asyncio.to_thread(listener.accept))[0] as peer:
                peer.settimeout(20)
                assert await asyncio.to_thread(peer.recv, 65_536)
                starting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await starting
                assert await asyncio.to_thread(peer.recv, 1) == b""

        listener.settimeout(20)
        asyncio.run(main())
    assert (FX.ListWebSocketClients() | run) == []


def test_interrupting_a_replacement_leaves_neither(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, server, cells = outsider(max_size=None), outsider(), Cells(monkeypatch)
    cells.run("one")
    _, _, outbox, _ = talk_to(stuck)
    stuck.each(lambda connection: connection.transport.pause_reading())
    publish(outbox, *(bytes(1 << 20) for _ in range(12)))
    cells.run("one")

    def clients() -> list[str]:
        return on_loop(lambda: [client.target.shown for client in default_runtime().service(Clients)])

    async def main() -> None:
        starting = asyncio.ensure_future(FX.StartWebSocketClient(url=server.url, in_stream_into=[ET.Topic("in")]))
        # From now on it waits for the end of the other one.
        await asyncio.to_thread(until, lambda: clients() == [server.url])
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(main())
    until(lambda: server.closes == [1000])
    assert (FX.ListWebSocketClients() | run) == []


def test_closing_the_runtime_closes_every_client(outsider: Any, until: Until) -> None:
    server = outsider()
    runtime = Runtime()
    for _ in range(3):
        run_on(runtime, FX.StartWebSocketClient(url=server.url, in_stream_into=[ET.Topic("in")]))
    runtime.close()
    until(lambda: server.closes == [1000, 1000, 1000])


class Cells:
    """Simulates a notebook: it says which execution of which cell is running."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._identity: Identity | None = None
        monkeypatch.setattr(perform, "next_identity", lambda kind: self._identity)

    def run(self, cell: str) -> None:
        self._identity = Identity((cell, "client", 0), object())


def test_a_cell_that_runs_again_replaces_its_client_and_loses_no_message(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = outsider()
    cells, outbox = Cells(monkeypatch), ET.Topic("re-run")
    start = FX.StartWebSocketClient(url=server.url, out_stream_from=[outbox])
    cells.run("one")
    first = start | run
    publish(outbox, "1")
    cells.run("one")
    second = start | run
    publish(outbox, "2")
    assert (FX.ListWebSocketClients() | run) == [second]
    until(lambda: server.received == ["1", "2"])
    until(lambda: server.closes == [1000])
    assert "replaced the outward client" in capsys.readouterr().out
    with pytest.raises(NotRunning):
        FX.StopWebSocketClient(client=first) | run


def test_a_cell_that_fails_to_connect_again_keeps_its_previous_client(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = outsider()
    cells, outbox = Cells(monkeypatch), ET.Topic("re-run")
    cells.run("one")
    client = FX.StartWebSocketClient(url=server.url, out_stream_from=[outbox]) | run
    cells.run("one")
    with pytest.raises(ConnectionFailed):
        FX.StartWebSocketClient(url=f"ws://127.0.0.1:{free_port()}/", out_stream_from=[outbox]) | run
    assert (FX.ListWebSocketClients() | run) == [client]
    publish(outbox, "still here")
    until(lambda: server.received == ["still here"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_leaves_the_connection_to_its_parent(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, outbox, _ = talk_to(server)
    [client] = default_runtime().service(Clients)
    descriptor = client.connection.transport.get_extra_info("socket").fileno()
    child = os.fork()
    if child == 0:
        try:
            os.fstat(descriptor)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    publish(outbox, "still here")
    until(lambda: server.received == ["still here"])
