"""An exception of an effect names the effect: alone, in a list, awaited, and inside handlers."""

from __future__ import annotations

import asyncio
import pickle
import re
import sys
from pathlib import Path

import pytest

from zefnb import ET, FX, DictDatabase, collect, identity, run
from zefnb.core.effect import DEFAULT_REGISTRY
from zefnb.core.function import name_of
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime
from zefnb.errors import Interrupted, InvalidEffect, NotRunning, UnknownKey, ZefError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs" / "site"))
from docstring import parse

GONE = "🍃-00000000000000000000"


def stopped_timer():
    timer = FX.StartTimer(interval=60.0, target=ET.Topic("t"), content=0) | run
    FX.StopTimer(timer=timer) | run
    return timer


def database():
    return FX.CreateDB(type=DictDatabase, initial_state={"tea": 1}) | run


def closed_database():
    db = database()
    FX.CloseDB(db=db) | run
    return db


def a_server():
    return FX.StartHTTPServer(routes={"/": "up"}, port=0) | run


# What the original's errors name, and relatives of each.
FAILING = {
    "an unknown server": lambda: FX.StopHTTPServer(server=ET.HTTPServer(GONE)),
    "its routes": lambda: FX.UpdateRunningHTTPServer(server=ET.HTTPServer(GONE), delta=[]),
    "its facts": lambda: FX.QueryHTTPServer(server=ET.HTTPServer(GONE)),
    "its endpoints": lambda: FX.QueryAllWebsocketEndpoints(http_server=ET.HTTPServer(GONE)),
    "its clients": lambda: FX.QueryAllConnectedWebsocketClients(http_server=ET.HTTPServer(GONE)),
    "a path that is no route": lambda: FX.QueryAllConnectedWebsocketClients(http_server=a_server(), path="/nowhere"),
    "a channel that nobody has": lambda: FX.CloseWebSocketConnection(http_server=a_server(), channel_id=7),
    "a busy port": lambda: FX.StartHTTPServer(routes={"/": "up"}, port=a_server().port),
    "a stopped timer": lambda: FX.StopTimer(timer=stopped_timer()),
    "an unknown client": lambda: FX.StopWebSocketClient(client=ET.WebSocketClient(GONE)),
    "an unknown client's facts": lambda: FX.QueryWebSocketClient(client=ET.WebSocketClient(GONE)),
    "a connection refused": lambda: FX.StartWebSocketClient(url="ws://127.0.0.1:9", in_stream_into=[ET.Topic("t")]),
    "an upgrade refused": lambda: FX.StartWebSocketClient(
        url=f"ws://127.0.0.1:{a_server().port}/", in_stream_into=[ET.Topic("t")]
    ),
    "a missing key": lambda: FX.QueryDB(db=database(), get="cocoa"),
    "a key that no database has": lambda: FX.QueryDB(db=database(), get=["tea"]),
    "a missing key to change": lambda: FX.UpdateDB(db=database(), update={"cocoa": 1}),
    "a closed database": lambda: FX.QueryDB(db=closed_database(), get="tea"),
    "a stopped actor's state": lambda: FX.QueryActorState(actor=ET.Actor(GONE)),
    "a subscription that has ended": lambda: FX.Unsubscribe(subscription=ET.Subscription(GONE)),
    "a missing field": lambda: FX.Publish(target=ET.Topic("t")),
    "a target without a name": lambda: FX.Publish(target=ET.Topic(), content=1),
    "a topic without a name": lambda: FX.SubscribeFX(topic=ET.Topic(), op=identity),
    "a source without a name": lambda: FX.MapTopic(source=ET.Topic(), target=ET.Topic("t"), op=identity),
    "a map into a topic without a name": lambda: FX.MapTopic(source=ET.Topic("t"), target=ET.Topic(), op=identity),
    "an input without a name": lambda: FX.StartActor(initial_state=0, handler=identity, input=ET.Topic()),
    "a timer for a topic without a name": lambda: FX.StartTimer(interval=60, target=ET.Topic(), content=1),
    "a replay into a topic without a name": lambda: FX.StartReplay(source=[1], target=ET.Topic(), rate=1),
    "a replay without times": lambda: FX.StartReplay(source=[1], target=ET.Topic("t")),
    "an unknown replay": lambda: FX.StopReplay(replay=ET.Replay(GONE)),
    "all messages to a topic without a name": lambda: FX.PublishAll(target=ET.Topic(), contents=[1]),
    "a topic without a name to delete": lambda: FX.DeleteTopic(topic=ET.Topic()),
    "neither rules nor a handler": lambda: FX.StartActor(initial_state=0),
    "an interval that does not exist": lambda: FX.StartTimer(interval="often", target=ET.Topic("t"), content=1),
    "a path without a slash": lambda: FX.StartHTTPServer(routes={"x": "up"}, port=0),
    "a change that is none": lambda: FX.UpdateRunningHTTPServer(server=a_server(), delta=[ET.Foo()]),
    "sessions of a server without logins": lambda: FX.QuerySessions(http_server=a_server()),
    "a url that is not of a WebSocket": lambda: FX.StartWebSocketClient(
        url="http://localhost", in_stream_into=[ET.Topic("t")]
    ),
    "a file without a path": lambda: FX.CreateDB(type=DictDatabase, persistence="local_disk"),
    "a file in no directory": lambda: FX.CreateDB(type=DictDatabase, persistence="local_disk", path="/nowhere/x.db"),
    "a negative limit": lambda: FX.QueryLog(limit=-1),
    "a certificate for no name": lambda: FX.GetLetsEncryptCreds(domains=[]),
}


def awaited(effect):
    async def main():
        return await effect

    return asyncio.run(main())


# Each way to perform an effect in the caller's thread.
WAYS = {
    "run": lambda effect: effect | run,
    "a list": lambda effect: [FX.ListTimers(), effect] | run,
    "await": awaited,
}


@pytest.mark.parametrize("perform", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_the_error_starts_with_the_effect(failing, perform):
    effect = failing()
    with pytest.raises(ZefError) as raised:
        perform(effect)
    name = repr(type(effect))
    assert str(raised.value).startswith(f"{name}: ")
    assert str(raised.value).count(name) == 1
    assert raised.value.effect == name
    documented = parse(DEFAULT_REGISTRY.spec(type(effect).__name__).doc).entries("Raises")
    assert type(raised.value).__name__ in documented, "the docstring of the effect does not name this error"


def test_the_error_of_a_list_names_the_effect_that_failed():
    with pytest.raises(NotRunning, match=r"^FX\.StopTimer: ET\.Timer\('🍃-[0-9a-f]{20}'\) has been stopped$"):
        [FX.Publish(target=ET.Topic("t"), content=1), FX.StopTimer(timer=stopped_timer())] | run


def test_the_error_of_an_awaited_effect_names_it_too():
    async def main():
        await FX.QueryDB(db=database(), get="cocoa")

    with pytest.raises(UnknownKey, match=r"^FX\.QueryDB: "):
        asyncio.run(main())


def test_the_journal_names_the_effect_of_a_handler(until):
    def on_message(message, state):
        return [[FX.StopTimer(timer=message)], state]

    actor = FX.StartActor(initial_state=0, handler=on_message) | run
    FX.Publish(target=actor.input, content=stopped_timer()) | run
    [entry] = until(lambda: FX.QueryLog(level="error") | run)
    stopped = r"NotRunning: FX\.StopTimer: ET\.Timer\('🍃-[0-9a-f]{20}'\) has been stopped"
    assert re.fullmatch(f"an effect of handler {name_of(on_message)}: {stopped}", entry["message"])


def test_the_journal_names_an_effect_of_a_handler_whose_error_does_not(until):
    db = database()

    def on_message(message, state):
        return [[FX.QueryDB(db=db, query=lambda data: data["tea"] / 0)], state]

    actor = FX.StartActor(initial_state=0, handler=on_message) | run
    FX.Publish(target=actor.input, content="now") | run
    [entry] = until(lambda: FX.QueryLog(level="error") | run)
    assert entry["message"] == f"FX.QueryDB of handler {name_of(on_message)}: ZeroDivisionError: division by zero"


def test_a_handlers_effect_that_takes_time_is_named_once(until):
    def on_message(message, state):
        return [[FX.StartWebSocketClient(url="ws://127.0.0.1:9", in_stream_into=[ET.Topic("t")])], state]

    actor = FX.StartActor(initial_state=0, handler=on_message) | run
    FX.Publish(target=actor.input, content="now") | run
    [entry] = until(lambda: FX.QueryLog(level="error") | run)
    assert entry["message"].count("FX.StartWebSocketClient") == 1


def test_two_effects_of_a_handler_that_fail_alike_are_two_entries(until):
    def on_message(message, state):
        return [[FX.QueryHTTPServer(server=message), FX.StopHTTPServer(server=message)], state]

    actor = FX.StartActor(initial_state=0, handler=on_message) | run
    FX.Publish(target=actor.input, content=ET.HTTPServer(GONE)) | run
    entries = until(lambda: len(found := FX.QueryLog(level="error") | run) > 1 and found)
    named = {re.search(r"NotRunning: (FX\.\w+)", entry["message"])[1] for entry in entries}
    assert named == {"FX.QueryHTTPServer", "FX.StopHTTPServer"}


def test_the_error_of_an_effect_that_a_handler_runs_names_it(until):
    def on_message(message, state):
        FX.StopTimer(timer=message) | run

    actor = FX.StartActor(initial_state=0, handler=on_message) | run
    FX.Publish(target=actor.input, content=stopped_timer()) | run
    [entry] = until(lambda: FX.QueryLog(level="error") | run)
    assert "NotRunning: FX.StopTimer: " in entry["message"]


@pytest.mark.parametrize("field", ["source", "target"])
def test_the_error_of_a_topic_without_a_name_names_the_field_and_leaves_no_subscription(field):
    topics = {"source": ET.Topic("a"), "target": ET.Topic("b"), field: ET.Topic()}
    with pytest.raises(InvalidEffect, match=rf"^FX\.MapTopic: {field}: got ET\.Topic\(\) ") as raised:
        FX.MapTopic(**topics, op=identity) | run
    assert [fault.field for fault in raised.value.faults] == [field]
    assert FX.StreamGraphSnapshot() | run == []


def test_different_effects_that_a_handler_runs_or_awaits_are_different_entries(until):
    def runs(message, state):
        message | run

    async def awaits(message, state):
        await message

    gone = ET.HTTPServer(GONE)
    effects = [FX.QueryHTTPServer(server=gone), FX.QuerySessions(http_server=gone)]
    for handler in (runs, awaits):
        actor = FX.StartActor(initial_state=0, handler=handler) | run
        for effect in effects:
            FX.Publish(target=actor.input, content=effect) | run
    entries = until(lambda: len(found := FX.QueryLog(level="error") | run) > 3 and found)
    named = [re.search(r"NotRunning: (FX\.\w+): ", entry["message"])[1] for entry in entries]
    assert sorted(named) == ["FX.QueryHTTPServer"] * 2 + ["FX.QuerySessions"] * 2


def test_one_effect_that_a_handler_runs_on_two_lines_is_two_entries(until):
    def on_message(message, state):
        if message == "first":
            FX.QueryHTTPServer(server=ET.HTTPServer(GONE)) | run
        FX.QueryHTTPServer(server=ET.HTTPServer(GONE)) | run

    actor = FX.StartActor(initial_state=0, handler=on_message) | run
    for message in ("first", "second", "second"):
        FX.Publish(target=actor.input, content=message) | run
    entries = until(lambda: len(found := FX.QueryLog(level="error") | run) > 1 and found[0]["count"] > 1 and found)
    assert [entry["count"] for entry in entries] == [2, 1]


def test_the_journal_names_an_effect_that_a_handler_runs_and_whose_error_does_not(until):
    def divided(state):
        return state["tea"] / 0

    def on_message(message, state):
        FX.QueryDB(db=message, query=divided) | run

    actor = FX.StartActor(initial_state=0, handler=on_message) | run
    FX.Publish(target=actor.input, content=database()) | run
    [entry] = until(lambda: FX.QueryLog(level="error") | run)
    assert entry["message"].endswith(": ZeroDivisionError: division by zero (raised by FX.QueryDB)")


def test_the_end_of_the_runtime_names_the_effect_that_was_not_complete():
    runtime = Runtime()
    effect = FX.StartWebSocketClient(url="ws://127.0.0.1:9", in_stream_into=[ET.Topic("t")])
    runtime.close()
    with pytest.raises(Interrupted) as raised:
        run_on(runtime, effect)
    assert str(raised.value) == "FX.StartWebSocketClient: the runtime has been closed"


def test_a_users_own_exception_keeps_its_text_and_gets_a_note():
    def divided(state):
        return state["tea"] / 0

    with pytest.raises(ZeroDivisionError) as raised:
        FX.QueryDB(db=database(), query=divided) | run
    assert str(raised.value) == "division by zero"
    assert raised.value.__notes__ == ["raised by FX.QueryDB"]


def test_the_name_survives_pickling_as_part_of_the_error():
    with pytest.raises(NotRunning) as raised:
        FX.StopTimer(timer=stopped_timer()) | run
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_an_exception_outside_of_effects_names_none():
    with pytest.raises(ZefError) as raised:
        {} | identity | FX.Publish | collect
    assert raised.value.effect == ""
