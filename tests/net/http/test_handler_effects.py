"""`[effects, response]`: a handler of a route returns effects, as a handler of an actor does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.net.conftest import journal, said
from zefnb import FX, run, zef_function

Get = Callable[..., httpx.Response]


@pytest.fixture
def ask(serve: Any) -> Get:
    """`ask(handler)`: the response of a server with this handler."""

    def request(handler: Any, **options: Any) -> httpx.Response:
        server = serve({"/vote": handler})
        return httpx.get(f"http://127.0.0.1:{server.port}/vote", timeout=30, **options)

    return request


@pytest.fixture
def received(topic: Any) -> list[Any]:
    """The messages of the topic."""
    messages: list[Any] = []
    FX.SubscribeFX(topic=topic, op=messages.append) | run
    return messages


def plain(result: Any) -> Any:
    return lambda request: result


def inline(result: Any) -> Any:
    return zef_function(inline=True)(lambda request: result)


def coroutine(result: Any) -> Any:
    async def handler(request: Any) -> Any:
        return result

    return handler


KINDS = pytest.mark.parametrize("kind", [plain, inline, coroutine])


@KINDS
def test_effects_are_performed_in_order_and_the_response_is_sent(
    ask: Get, topic: Any, received: list[Any], until: Any, kind: Any
):
    effects = [FX.Publish(target=topic, content=number) for number in range(20)]
    answer = ask(kind([effects, {"counted": True}]))
    assert (answer.status_code, answer.json()) == (200, {"counted": True})
    until(lambda: received == list(range(20)))


@pytest.mark.parametrize("empty", [[], ()])
def test_a_handler_without_effects_may_return_an_empty_list(ask: Get, empty: Any):
    answer = ask(plain((empty, "done")))
    assert (answer.status_code, answer.text) == (200, "done")


@pytest.mark.parametrize("value", [[1, 2], [[1], "x"], [["a", "b"], ["c", "d"]], [{}, 1], [], [[]]])
def test_any_other_list_is_json(ask: Get, value: Any):
    assert ask(plain(value)).json() == value


def test_an_effect_is_complete_before_the_response_is_sent(ask: Get):
    started = FX.StartHTTPServer(routes={"/": "later"}, port=0)

    def handler(request: Any) -> Any:
        return [[started], "started"]

    assert ask(handler).text == "started"
    ports = [row["port"] for row in FX.QueryAllActiveHTTPServers() | run]
    assert "later" in {httpx.get(f"http://127.0.0.1:{port}/").text for port in ports}


@KINDS
def test_an_effect_that_fails_gives_500_and_the_journal_names_it_and_the_handler(
    ask: Get, serve: Any, topic: Any, received: list[Any], until: Any, kind: Any
):
    gone = serve({"/": "gone"})
    FX.StopHTTPServer(server=gone) | run
    handler = kind([[FX.StopHTTPServer(server=gone), FX.Publish(target=topic, content="after it")], "done"])
    assert ask(handler).status_code == 500
    [entry] = [entry for entry in journal() if "has been stopped" in entry["message"]]
    assert "FX.StopHTTPServer" in entry["message"]
    assert "<lambda>" in entry["message"] or "coroutine.<locals>.handler" in entry["message"]
    assert entry["path"] == "/vote"
    until(lambda: received == ["after it"])


@KINDS
@pytest.mark.parametrize(
    ("result", "words"),
    [
        ([FX.Log(content="x"), "done"], "the first part of the result is FX.Log"),
        ([[FX.Log(content="x"), 5], "done"], "the list of effects holds 5"),
        ([[FX.Log(content="x")]], "allowed: [list of effects, response]"),
        ([[FX.Log(content="x")], "one", "two"], "allowed: [list of effects, response]"),
    ],
)
def test_a_wrong_result_gives_500_and_the_same_words_as_for_an_actor(ask: Get, kind: Any, result: Any, words: str):
    assert ask(kind(result)).status_code == 500
    assert said(words)()


def test_no_effect_is_performed_when_the_response_is_not_valid(ask: Get, topic: Any, received: list[Any], until: Any):
    answer = ask(plain([[FX.Publish(target=topic, content="first")], object()]))
    assert answer.status_code == 500
    FX.Publish(target=topic, content="second") | run
    until(lambda: received == ["second"])


def test_a_handler_may_stop_its_own_server(serve: Any, until: Any):
    servers: list[Any] = []
    servers.append(serve({"/": lambda request: [[FX.StopHTTPServer(server=servers[0])], "stopping"]}))
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{servers[0].port}/", timeout=30)
    until(lambda: FX.QueryAllActiveHTTPServers() | run == [])


def test_requests_at_once_perform_each_their_own_effects(serve: Any, topic: Any, received: list[Any], until: Any):
    server = serve({"/{number:int}": lambda request: [[FX.Publish(target=topic, content=request.number)], "ok"]})

    def ask_ten(first: int) -> None:
        with httpx.Client(timeout=30) as client:
            for number in range(first, first + 10):
                assert client.get(f"http://127.0.0.1:{server.port}/{number}").text == "ok"

    threads = [threading.Thread(target=ask_ten, args=(10 * number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: sorted(received) == list(range(50)))
