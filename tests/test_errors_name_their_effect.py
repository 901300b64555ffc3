"""An exception of an effect names the effect: alone, in a list, awaited, and inside handlers."""

from __future__ import annotations

import asyncio
import pickle
import re

import pytest

from zefnb import ET, FX, DictDatabase, collect, identity, run
from zefnb.core.function import name_of
from zefnb.errors import NotRunning, UnknownKey, ZefError

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
    "a missing key to change": lambda: FX.UpdateDB(db=database(), update={"cocoa": 1}),
    "a closed database": lambda: FX.QueryDB(db=closed_database(), get="tea"),
    "a stopped actor's state": lambda: FX.QueryActorState(actor=ET.Actor(GONE)),
    "a subscription that has ended": lambda: FX.Unsubscribe(subscription=ET.Subscription(GONE)),
}


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_the_error_starts_with_the_effect(failing):
    effect = failing()
    with pytest.raises(ZefError) as raised:
        effect | run
    name = repr(type(effect))
    assert str(raised.value).startswith(f"{name}: ")
    assert str(raised.value).count(name) == 1
    assert raised.value.effect == name


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
