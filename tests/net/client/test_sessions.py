"""Sessions of outward clients: between two programs with zefnb, every message arrives exactly once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.net.client.outsider import Outsider, Until, journal_text, publish, stop_all, talk_to, told
from tests.net.cutting_proxy import cutting_proxy
from tests.ports import free_port
from tests.spec.sessions import environment
from zefnb import ET, FX, run

DOWN, UP = ET.Topic("down"), ET.Topic("up")
ROUTES = {"/ws": ET.WebSocket(clients_subscribe_to=[DOWN], clients_push_into_=[UP])}


@pytest.fixture(autouse=True)
def no_clients() -> Iterator[None]:
    yield
    stop_all()


@pytest.fixture
def arrived() -> list[Any]:
    """The messages that the server has received."""
    received: list[Any] = []
    FX.SubscribeFX(topic=UP, op=received.append) | run
    return received


def publish_numbers(topic: Any, count: int) -> threading.Thread:
    """Publish numbers in another thread; some begin with NUL, as control messages do."""
    thread = threading.Thread(target=lambda: publish(topic, *numbers(count)))
    thread.start()
    return thread


def numbers(count: int) -> list[str]:
    return [f"\0{number}" if number % 50 == 0 else str(number) for number in range(count)]


def test_nothing_is_lost_or_doubled_while_the_server_is_replaced(serve: Any, arrived: list[Any], until: Until) -> None:
    server = serve(ROUTES)
    _, _, outbox, received = talk_to(f"ws://127.0.0.1:{server.port}/ws")
    count = 3_000
    threads = [publish_numbers(outbox, count), publish_numbers(DOWN, count)]
    for part in (1, 2, 3):
        until(lambda part=part: min(len(arrived), len(received)) > part * count // 5, within=60)
        FX.StartHTTPServer(routes=ROUTES, port=server.port, allow_restart=True) | run
    until(lambda: min(len(arrived), len(received)) >= count, within=60)
    for thread in threads:
        thread.join()
    assert arrived == received == numbers(count)


def test_nothing_is_lost_or_doubled_by_a_proxy_that_cuts(serve: Any, arrived: list[Any], until: Until) -> None:
    count = 3_000
    with cutting_proxy(serve(ROUTES).port) as proxy:
        client, _, outbox, received = talk_to(f"ws://127.0.0.1:{proxy.port}/ws")
        for sent, text in enumerate(numbers(count)):
            publish(outbox, text)
            publish(DOWN, text)
            if sent % 500 == 499:
                cuts = sum(proxy.cuts.values())
                until(lambda cuts=cuts: sum(proxy.cuts.values()) > cuts, within=60)
        proxy.is_cutting = False
        until(lambda: min(len(arrived), len(received)) >= count, within=60)
        assert arrived == received == numbers(count)
        assert told(client)["missed"] == 0
        stop_all()


def test_messages_that_the_route_does_not_keep_are_counted_on_both_sides(serve: Any, until: Until) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[DOWN], resume={"bytes": 640})})
    with cutting_proxy(server.port) as proxy:
        proxy.is_cutting = False
        client, _, _, received = talk_to(f"ws://127.0.0.1:{proxy.port}/ws")
        proxy.go_down()
        until(lambda: told(client)["state"] == "reconnecting")
        publish(DOWN, *map(str, range(600)))
        proxy.is_down = False
        until(lambda: received[-1:] == ["599"], within=60)
        missed = told(client)["missed"]
        assert missed > 0
        assert missed + len(received) == 600
        assert f"{missed:,} messages of" in journal_text()
        assert f"misses {missed:,} messages" in journal_text()
        stop_all()


PROGRAM = """
import sys
from zefnb import *
down, up = ET.Topic('down'), ET.Topic('up')
route = ET.WebSocket(clients_subscribe_to=[down], clients_push_into_=[up])
FX.StartHTTPServer(routes={'/ws': route}, port=int(sys.argv[1])) | run
FX.SubscribeFX(topic=up, op=lambda m: FX.Publish(target=down, content=m)) | run
print('ready', flush=True)
sys.stdin.readline()
print([entry['message'] for entry in FX.QueryLog(level='info') | run], flush=True)
"""


@pytest.fixture
def program() -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """`program(port)`: an echo server in another process."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(port)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_after_the_death_of_the_server_both_sides_report_the_gap(program: Any, until: Until) -> None:
    port = free_port()
    first = program(port)
    client, _, outbox, received = talk_to(f"ws://127.0.0.1:{port}/ws")
    publish(outbox, *numbers(300))
    until(lambda: len(received) == 300)
    first.send_signal(signal.SIGKILL)
    until(lambda: told(client)["state"] == "reconnecting")
    publish(outbox, "while it is away")
    second = program(port)
    until(lambda: received[-1:] == ["while it is away"], within=60)
    assert "begins a new session; messages after number 300 may be missing" in journal_text()
    entries, _ = second.communicate("\n", timeout=20)
    assert "it had 300 messages, and may miss later ones" in entries


def test_a_server_that_stops_confirms_first_so_that_the_next_one_gets_nothing_twice(
    serve: Any, arrived: list[Any], until: Until
) -> None:
    server = serve(ROUTES, port=free_port())  # nobody else is given it while the server is away
    client, _, outbox, _ = talk_to(f"ws://127.0.0.1:{server.port}/ws")
    publish(outbox, "once")
    until(lambda: arrived == ["once"])
    FX.StopHTTPServer(server=server) | run
    publish(outbox, "while it is away")
    serve(ROUTES, port=server.port)
    until(lambda: told(client)["state"] == "connected" and len(arrived) > 1)
    assert arrived == ["once", "while it is away"]


def test_a_server_that_accepts_any_subprotocol_gets_plain_messages(until: Until) -> None:
    server = Outsider(select_subprotocol=lambda connection, offered: offered[0])
    _, _, outbox, _ = talk_to(server)
    publish(outbox, "\0hello")
    until(lambda: server.received == ["\0hello"])
    stop_all()
    server.end()


def test_a_program_with_a_subprotocol_of_its_own_gets_that_one(serve: Any, arrived: list[Any], until: Until) -> None:
    server = serve({"/ws": ET.WebSocket(clients_push_into_=[UP], subprotocols=["chat"])})
    _, _, outbox, _ = talk_to(f"ws://127.0.0.1:{server.port}/ws", subprotocols=["chat"])
    publish(outbox, "hello")
    until(lambda: arrived == ["hello"])
