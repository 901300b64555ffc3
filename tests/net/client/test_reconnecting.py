"""A connection that is lost is made again, and nothing is lost with it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import trustme

from tests.net.client.outsider import (
    Until,
    certified,
    expired,
    journal,
    journal_text,
    publish,
    state_of,
    talk_to,
    told,
)
from zefnb import FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net import keepalive
from zefnb.net.client import client as client_module
from zefnb.net.client.backoff import LONGEST_PAUSE, Backoff
from zefnb.net.client.sender import Sender
from zefnb.net.websocket.outbox import Outbox
from zefnb.topics.timer import Timers


def forgetful(test: Any) -> Any:
    """Mark a test in which the server of another make forgets a socket (see `Outsider.end`).

    The socket may be found while the test still runs. Python 3.13.0 then fails in the finalizer of the transport, since
    `Server._detach` wakes the waiters of a server a second time.
    """
    finalizer = "Exception ignored in. <function _SelectorTransport.__del__"
    for found in ("unclosed:ResourceWarning", f"{finalizer}:pytest.PytestUnraisableExceptionWarning"):
        test = pytest.mark.filterwarnings(f"ignore:{found}")(test)
    return test


@pytest.mark.usefixtures("quick")
def test_messages_published_while_the_server_is_down_arrive_in_order_later(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    publish(outbox, "1", "2")
    until(lambda: server.received == ["1", "2"])
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, "3", b"4", {"n": 5})
    # With what the server had not confirmed when it left.
    assert 3 <= told(client)["queued"] <= 5
    until(lambda: told(client)["attempts"] >= 2)
    server.come()
    until(lambda: server.received[-1] == '{"n": 5}')
    assert list(dict.fromkeys(server.received)) == ["1", "2", "3", b"4", '{"n": 5}']
    assert (state_of(client), told(client)["attempts"]) == ("connected", 0)


@pytest.mark.usefixtures("quick")
def test_the_journal_reports_the_loss_the_attempts_and_the_reconnection(outsider: Any, until: Until) -> None:
    server = outsider()
    client, *_ = talk_to(server)
    server.leave()
    until(lambda: told(client)["attempts"] >= 3)
    server.come()
    until(lambda: state_of(client) == "connected")
    disconnect, attempts, back = [entry for entry in reversed(journal()) if entry.get("client") == client]
    assert "is lost (1001)" in disconnect["message"]
    assert "connection refused" in attempts["message"]
    assert attempts["count"] >= 3
    assert "connected again" in back["message"]
    assert (disconnect["level"], attempts["level"], back["level"]) == ("warning", "warning", "info")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("way", ["leave", "vanish"])
def test_a_stream_of_messages_survives_restarts_of_the_server(outsider: Any, until: Until, way: str) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    messages = [str(n) for n in range(3_000)]

    def speak() -> None:
        for message in messages:
            publish(outbox, message)
            time.sleep(0.0002)

    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(speak)
        for wanted in (500, 1_500):
            until(lambda wanted=wanted: len(server.received) >= wanted, within=20)
            getattr(server, way)()
            until(lambda: state_of(client) == "reconnecting")
            server.come()
        spoken.result(30)
    until(lambda: server.received and server.received[-1] == messages[-1], within=20)
    # At least once: what was under way when the connection broke may come again, never out of order.
    assert list(dict.fromkeys(server.received)) == messages


def test_unacknowledged_messages_are_sent_again_first(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    publish(outbox, "1", "2")
    until(lambda: told(client)["sent"] == 2)
    assert server.received == []
    server.cut()
    until(lambda: len(server.requests) == 2)
    publish(outbox, "3")
    until(lambda: server.received == ["1", "2", "3"])


def test_a_message_that_made_the_server_close_is_not_sent_again(outsider: Any, until: Until) -> None:
    server = outsider(max_size=10)
    client, _, outbox, _ = talk_to(server)
    publish(outbox, "too long for this server")
    until(lambda: len(server.requests) == 2 and state_of(client) == "connected")
    publish(outbox, "short")
    until(lambda: server.received == ["short"])
    assert len(server.requests) == 2
    assert "is lost (1009" in journal_text()


def test_a_normal_close_by_the_server_also_leads_to_reconnecting(outsider: Any, until: Until) -> None:
    server = outsider()
    client, *_ = talk_to(server)
    server.dismiss(1000, "time for a break")
    until(lambda: len(server.requests) == 2)
    assert "is lost (1000: time for a break)" in journal_text()
    until(lambda: state_of(client) == "connected")


@pytest.mark.usefixtures("quick")
def test_a_message_beyond_max_size_closes_the_connection_with_1009(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, _, came = talk_to(server, max_size=1_000)
    server.say("x" * 1_000, "y" * 1_001)
    until(lambda: len(server.requests) == 2)
    until(lambda: server.closes == [1009])
    until(lambda: came == ["x" * 1_000])
    until(lambda: "larger than `max_size`" in journal_text())


@pytest.mark.usefixtures("quick")
def test_repeated_too_large_messages_of_a_server_are_one_entry(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, _, came = talk_to(server, max_size=1_000)
    for number in range(1, 4):
        until(lambda number=number: (len(server.requests), len(server.connections)) == (number, 1))
        server.say("y" * 1_001)
        until(lambda number=number: server.closes == [1009] * number)
    until(lambda: [e["count"] for e in journal("warning") if "max_size" in e["message"]] == [3])
    assert came == []


@pytest.mark.parametrize("size", [16 << 20, 17 << 20])
def test_a_message_of_the_largest_size_arrives(outsider: Any, until: Until, size: int) -> None:
    server = outsider()
    _, _, _, came = talk_to(server, **({} if size == 16 << 20 else {"max_size": size}))
    server.say("x" * size)
    until(lambda: [len(message) for message in came] == [size])


@forgetful
@pytest.mark.usefixtures("quick")
def test_a_wrong_certificate_on_reconnecting_is_reported_and_tried_again(
    outsider: Any, authority: trustme.CA, ca_file: str, until: Until
) -> None:
    server = outsider(tls=certified(authority))
    client, _, outbox, _ = talk_to(server, ca_file=ca_file)
    server.leave()
    server.tls = certified(trustme.CA())
    server.come()
    until(lambda: "certificate verify failed" in journal_text(), within=20)
    publish(outbox, "sealed")
    until(lambda: told(client)["attempts"] >= 2, within=20)
    server.leave()
    server.tls = certified(authority, **expired())
    server.come()
    until(lambda: "certificate has expired" in journal_text(), within=20)
    assert server.received == []
    server.leave()
    server.tls = certified(authority)
    server.come()
    until(lambda: server.received == ["sealed"], within=20)


@forgetful
def test_a_server_that_returns_without_tls_receives_nothing(
    outsider: Any, authority: trustme.CA, ca_file: str, until: Until
) -> None:
    server = outsider(tls=certified(authority))
    client, _, outbox, _ = talk_to(server, ca_file=ca_file)
    server.leave()
    server.tls = None
    server.come()
    publish(outbox, "sealed")
    until(lambda: "closed the connection during the handshake" in journal_text())
    assert (len(server.requests), server.received, state_of(client)) == (1, [], "reconnecting")


def test_the_queue_is_bounded_and_drops_the_newest(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, *(str(n) for n in range(10_025)))
    until(lambda: told(client)["dropped"] == 25)
    assert told(client)["queued"] == 10_000
    assert [e["count"] for e in journal() if "drops messages" in e["message"]] == [25]
    server.come()
    until(lambda: len(server.received) == 10_000, within=20)
    assert server.received == [str(n) for n in range(10_000)]


def test_the_queue_is_also_bounded_in_bytes(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, *(bytes(1 << 20) for _ in range(18)))
    until(lambda: told(client)["dropped"] == 2)
    assert told(client)["queued"] == 16


def test_publishers_wait_for_a_slow_server_and_nothing_is_lost(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    messages = [n.to_bytes(4, "big") * 2_048 for n in range(8_000)]
    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(publish, outbox, *messages)
        until(lambda: default_runtime().call_queue.is_paused)
        until(lambda: told(client)["queued"] > 500)
        assert not spoken.done()
        server.each(lambda connection: connection.transport.resume_reading())
        spoken.result(60)
    until(lambda: len(server.received) == len(messages), within=60)
    assert server.received == messages
    assert told(client)["dropped"] == 0
    until(lambda: not default_runtime().call_queue.is_paused)


def test_waiting_publishers_continue_when_the_server_is_down(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(publish, outbox, *(bytes(8_192) for _ in range(6_000)))
        until(lambda: default_runtime().call_queue.is_paused)
        server.vanish()
        spoken.result(30)
    until(lambda: told(client)["dropped"] > 0)
    until(lambda: not default_runtime().call_queue.is_paused)


def test_messages_of_a_timer_do_not_pile_up_while_the_server_is_down(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    timer = FX.StartTimer(interval=0.01, target=outbox, content="tick") | run
    [running] = default_runtime().service(Timers)
    until(lambda: running.skipped >= 3)
    FX.StopTimer(timer=timer) | run
    assert told(client)["queued"] == 1


def test_a_server_that_sends_no_pong_counts_as_disconnected(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(keepalive, "PING_TIMEOUT", 0.1)
    server = outsider()
    client, *_ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    until(lambda: len(server.requests) >= 2)
    assert "is lost (1006: no pong for" in journal_text()
    until(lambda: state_of(client) == "connected")


def test_a_server_that_reads_nothing_at_all_counts_as_disconnected(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 0.1)
    monkeypatch.setattr(keepalive, "PING_TIMEOUT", 0.2)
    responds, is_stuck = Sender._responds, Event()

    async def noted(self: Any) -> bool:
        # A busy machine may take longer for a pong, so there are no pings until none can come.
        has_responded = not is_stuck.is_set() or await responds(self)
        if not has_responded:
            # On the next connection pongs come, behind 14 MiB that a busy machine may take its time for.
            monkeypatch.setattr(keepalive, "PING_TIMEOUT", 60)
        return has_responded

    monkeypatch.setattr(Sender, "_responds", noted)
    server = outsider(max_size=None)
    _, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    is_stuck.set()
    messages = [bytes([n]) * (1 << 20) for n in range(14)]
    publish(outbox, *messages)
    until(lambda: "no pong for" in journal_text())
    until(lambda: len(server.requests) == 2, within=30)
    until(lambda: server.received == messages, within=30)


def test_reading_pauses_while_publishers_wait_for_slow_clients(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, _, came = talk_to(server)
    slow_clients = default_runtime().service(Outbox).slow_clients
    slow_clients.is_pausing = True
    server.say("1", "2")
    until(lambda: came == ["1"])
    assert told(client)["received"] == 1
    slow_clients.is_pausing = False
    until(lambda: came == ["1", "2"])


def test_a_server_that_sends_pongs_stays_connected(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[float] = []
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 0.01)
    answers = Sender._responds

    async def counted(self: Any) -> bool:
        pings.append(time.monotonic())
        return await answers(self)

    monkeypatch.setattr(Sender, "_responds", counted)
    server = outsider()
    talk_to(server)
    until(lambda: len(pings) >= 5)
    assert len(server.requests) == 1


def test_pauses_grow_to_half_a_minute_with_jitter_and_restart_after_a_reset() -> None:
    backoff = Backoff()
    pauses = [backoff.next() for _ in range(2_000)]
    assert 0.1 <= pauses[0] <= 0.2
    for number, pause in enumerate(pauses):
        longest = min(LONGEST_PAUSE, 0.2 * 2 ** min(number, 20))
        assert longest / 2 <= pause <= longest
    assert len(set(pauses[10:])) > 1_900
    backoff.reset()
    assert backoff.next() <= 0.2


def test_a_connection_that_lasted_resets_the_pauses(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_STABLE_AFTER", -1.0)
    resets: list[None] = []
    monkeypatch.setattr(Backoff, "reset", lambda self: resets.append(None))
    server = outsider()
    talk_to(server)
    server.cut()
    until(lambda: resets)
