"""A client's handler does not see what another client's handler does: states and contexts of calls."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import locale
import threading
from typing import Any

import httpx
import pytest

from zefnb import ET, FX, DictDatabase, generate_uid, run, zef_function
from zefnb import Any as Anything

mark = contextvars.ContextVar("mark", default="unset")


def test_each_connection_starts_with_its_own_state(serve: Any, connect: Any):
    def say(text: str, state: Any) -> Any:
        state["said"].append(text)
        return [[FX.Publish(target=state["out"][0], content=state["said"])], state]

    def greet(msg: Any, state: Any) -> Any:
        state["out"].append(msg.topic_out)
        return [[], state]

    state: dict[str, Any] = {"said": [], "out": []}
    rules = {(ET.WSClientConnected, Anything): greet, (str, Anything): say}
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=state, rules=rules))})
    state["said"].append("by its maker, afterwards")
    for name in ("ada", "bob"):
        client = connect(server)
        for n in range(2):
            client.send(f"{name} {n}")
        assert [client.recv(20) for _ in range(2)] == [f'["{name} 0"]', f'["{name} 0", "{name} 1"]']


def look_and_set() -> str:
    """Return what this call finds, and then change everything."""
    context = decimal.getcontext()
    found = f"{mark.get()} {context.prec}"
    mark.set("set")
    context.prec = 3
    return found


def as_handler(kind: str, function: Any) -> Any:
    if kind == "inline":
        return zef_function(inline=True)(function)
    if kind != "async":
        return function

    async def later(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    return later


@pytest.fixture(params=["unset", "set by the caller"])
def expected(request: Any) -> Any:
    """Every call finds the values of the code that started the server."""
    if request.param == "unset":
        yield "unset 28"
        return
    before = decimal.getcontext().copy()
    token = mark.set("caller")
    decimal.getcontext().prec = 11
    yield "caller 11"
    assert decimal.getcontext().prec == 11, "a handler has changed its caller's"
    decimal.setcontext(before)
    mark.reset(token)


@pytest.mark.parametrize("kind", ["plain", "inline", "async"])
def test_another_client_does_not_see_what_a_call_sets_in_its_context(
    kind: str, expected: str, serve: Any, connect: Any
):
    def say(text: str, state: Any) -> Any:
        return [[FX.Publish(target=state, content=look_and_set())], state]

    rules = {
        (ET.WSClientConnected, Anything): lambda msg, state: [[], msg.topic_out],
        (str, Anything): as_handler(kind, say),
    }
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules))})
    for _ in range(2):
        client = connect(server)
        for _ in range(3):
            client.send("look")
            assert client.recv(20) == expected


@pytest.mark.parametrize("kind", ["plain", "inline", "async"])
def test_another_request_does_not_see_it(kind: str, expected: str, serve: Any):
    server = serve({"/": as_handler(kind, lambda request: look_and_set())})
    with httpx.Client(timeout=30) as client:
        assert [client.get(f"http://127.0.0.1:{server.port}/").text for _ in range(4)] == [expected] * 4
    assert httpx.get(f"http://127.0.0.1:{server.port}/").text == expected


@pytest.mark.parametrize("kind", ["plain", "inline"])
def test_another_function_in_a_chain_a_predicate_or_a_transform_does_not_see_it(kind: str, until: Any):
    topic, found = ET.Topic(generate_uid()), []

    def look(value: Any) -> Any:
        found.append(look_and_set())
        return value

    look = as_handler(kind, look)
    FX.SubscribeFX(topic=topic, op=look) | run
    FX.MapTopic(source=topic, target=ET.Topic(generate_uid()), op=look) | run
    for _ in range(2):
        FX.StartActor(input=topic, initial_state=None, handler=lambda m, s: [[], s], input_transform=look) | run
        FX.StartActor(input=topic, initial_state=None, rules=[((look, Anything), lambda m, s: [[], s])]) | run
    for n in range(3):
        FX.Publish(target=topic, content=n) | run
    until(lambda: len(found) == 18)
    assert set(found) == {"unset 28"}


def test_a_function_that_reads_a_database_or_a_state_does_not_see_it():
    db = FX.CreateDB(type=DictDatabase, initial_state={"a": 1}) | run
    actor = FX.StartActor(initial_state=1, handler=lambda m, s: [[], s]) | run
    for _ in range(3):
        assert FX.QueryDB(db=db, query=lambda everything: look_and_set()) | run == "unset 28"
        states = FX.QueryActorState(actor=actor, transform=lambda state: look_and_set()) | run
        assert list(states.values()) == ["unset 28"]


def test_an_actor_started_by_a_handler_does_not_see_what_the_handler_has_set(until: Any):
    topic, found = ET.Topic(generate_uid()), []

    @zef_function(inline=True)
    def child(msg: Any, state: Any) -> Any:
        found.append(look_and_set())
        return [[], state]

    @zef_function(inline=True)
    def parent(msg: Any, state: Any) -> Any:
        look_and_set()
        return [[FX.StartActor(input=topic, initial_state=None, handler=child)], state]

    actor = FX.StartActor(initial_state=None, handler=parent) | run
    FX.Publish(target=actor.input, content=1) | run
    FX.Publish(target=topic, content=1) | run
    until(lambda: found)
    assert found == ["unset 28"]


def test_numpy_errors_ignored_in_one_call_are_reported_in_the_next(serve: Any):
    numpy = pytest.importorskip("numpy", minversion="2.0")

    def look(request: Any) -> str:
        before = numpy.geterr()["over"]
        numpy.seterr(all="ignore")
        return str(before)

    server = serve({"/": look})
    answers = [httpx.get(f"http://127.0.0.1:{server.port}/").text for _ in range(3)]
    assert answers == [numpy.geterr()["over"]] * 3


def test_two_simultaneous_calls_do_not_see_each_other(serve: Any):
    inside = threading.Barrier(2, timeout=20)

    def look(request: Any) -> str:
        mark.set(request.query)
        inside.wait()
        return mark.get()

    server = serve({"/": look})
    answers: dict[str, str] = {}

    def ask(name: str) -> None:
        answers[name] = httpx.get(f"http://127.0.0.1:{server.port}/?{name}", timeout=20).text

    threads = [threading.Thread(target=ask, args=[name]) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"a": "a", "b": "b"}


@pytest.fixture
def locale_at_first() -> Any:
    before = locale.setlocale(locale.LC_ALL)
    yield before
    locale.setlocale(locale.LC_ALL, before)


CHANGES = {
    "all categories": (locale.LC_ALL, ("C", "C.UTF-8")),
    "numbers alone": (locale.LC_NUMERIC, ("C", "C.UTF-8")),
    "times alone": (locale.LC_TIME, ("C", "C.UTF-8")),
}


def change_locale(category: int, names: tuple[str, str]) -> str:
    """Return what this call finds, and then leave another locale behind."""
    found = locale.setlocale(locale.LC_ALL)
    locale.setlocale(category, next(name for name in names if name != locale.setlocale(category)))
    return found


@pytest.fixture(params=CHANGES)
def change(request: Any, locale_at_first: str) -> Any:
    category, names = CHANGES[request.param]
    try:
        locale.setlocale(locale.LC_ALL, names[1])
    except locale.Error:
        pytest.skip(f"the system has no locale {names[1]}")
    locale.setlocale(locale.LC_ALL, locale_at_first)
    return lambda: change_locale(category, names)


def told_of_locales() -> list[tuple[str, int]]:
    entries = [entry for entry in FX.QueryLog() | run if "the locale of the whole process" in entry["message"]]
    return [(entry["handler"].rpartition(".")[2], entry["count"]) for entry in entries]


def test_a_locale_that_a_plain_handler_leaves_is_set_back_before_the_next_message(
    change: Any, locale_at_first: str, serve: Any, connect: Any, until: Any
):
    def leaves_a_locale(text: str, state: Any) -> Any:
        found = change()
        if text == "raise":
            raise ValueError("told to")
        return [[FX.Publish(target=state, content=found)], state]

    rules = {
        (ET.WSClientConnected, Anything): lambda msg, state: [[], msg.topic_out],
        (str, Anything): leaves_a_locale,
    }
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules))})
    for _ in range(2):
        client = connect(server)
        for _ in range(3):
            client.send("raise")
            client.send("look")
            assert client.recv(20) == locale_at_first
    assert locale.setlocale(locale.LC_ALL) == locale_at_first
    until(lambda: told_of_locales() == [("leaves_a_locale", 12)])


def test_a_locale_that_an_http_handler_leaves_is_set_back_before_the_next_request(
    change: Any, locale_at_first: str, serve: Any, until: Any
):
    def leaves_a_locale(request: Any) -> str:
        return change()

    server = serve({"/": leaves_a_locale})
    answers = [httpx.get(f"http://127.0.0.1:{server.port}/").text for _ in range(3)]
    assert answers == [locale_at_first] * 3
    until(lambda: told_of_locales() == [("leaves_a_locale", 3)])


def test_the_journal_names_the_function_of_a_query_that_leaves_a_locale(change: Any, locale_at_first: str, until: Any):
    def leaves_a_locale(values: dict[str, Any]) -> str:
        return change()

    db = FX.CreateDB(type=DictDatabase) | run
    assert [FX.QueryDB(db=db, query=leaves_a_locale) | run for _ in range(3)] == [locale_at_first] * 3
    until(lambda: told_of_locales() == [("leaves_a_locale", 3)])


def test_a_locale_that_the_notebook_sets_between_two_calls_is_kept(change: Any, serve: Any):
    server = serve({"/": lambda request: locale.setlocale(locale.LC_ALL)})
    for _ in range(2):
        change()
        found = [httpx.get(f"http://127.0.0.1:{server.port}/").text for _ in range(2)]
        assert found == [locale.setlocale(locale.LC_ALL)] * 2
    assert not told_of_locales()


@pytest.mark.parametrize("compression", [False, True])
def test_a_socket_gets_what_was_published_and_not_what_the_handler_changed_next(
    compression: bool, serve: Any, connect: Any
):
    shared: dict[str, Any] = {"said": []}

    @zef_function(inline=True)
    def say(text: str, state: Any) -> Any:
        shared["said"].append(text)
        effects = [FX.Publish(target=state, content=shared)]
        return [effects, state]

    @zef_function(inline=True)
    def greet(msg: Any, state: Any) -> Any:
        return [[], msg.topic_out]

    rules = {(ET.WSClientConnected, Anything): greet, (str, Anything): say}
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules), compression=compression)})
    client = connect(server, compression="deflate" if compression else None)
    # In one piece, so that both are published in one loop iteration.
    client.protocol.send_text(b"one")
    client.protocol.send_text(b"two")
    client.socket.sendall(b"".join(client.protocol.data_to_send()))
    assert [client.recv(20) for _ in range(2)] == ['{"said": ["one"]}', '{"said": ["one", "two"]}']
