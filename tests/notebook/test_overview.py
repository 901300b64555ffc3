"""The overview: all that runs, in plain values."""

from __future__ import annotations

import json
import time

from tests.notebook.viewer import here
from zefnb import ET, FX, DictDatabase, generate_uid, identity, run
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.overview import Rates, brief, overview


def now():
    return here(lambda: overview(default_runtime()))


def test_an_idle_runtime_has_an_empty_board():
    facts = now()
    assert [facts[key] for key in ("servers", "topics", "actors", "timers", "replays", "outward")] == [[]] * 6
    assert (facts["clients"], facts["faults"]) == (0, 0)


def test_the_overview_can_be_encoded_as_json(server, connect):
    connect(server, "/echo")
    FX.StartTimer(interval=60, target=ET.Topic("tick"), content={"n": 1}) | run
    facts = now()
    assert json.loads(json.dumps(facts)) == facts


def test_a_server_with_its_routes_and_clients(server, connect):
    connect(server, "/ws"), connect(server, "/ws"), connect(server, "/echo")
    [told] = now()["servers"]
    assert (told["port"], told["clients"], told["routes"]) == (server.port, 3, ["/ws", "/echo"])
    assert [(e["path"], e["mode"], e["clients"], e["accepted"]) for e in told["endpoints"]] == [
        ("/ws", "topic", 2, 2),
        ("/echo", "actor", 1, 1),
    ]


def test_topics_with_subscribers_and_without_those_of_each_connection(server, connect):
    connect(server, "/ws"), connect(server, "/ws"), connect(server, "/echo")
    facts = now()
    assert [(topic["name"], topic["subscribers"]) for topic in facts["topics"]] == [("chat", 2)]
    assert facts["topic_count"] == 1


def test_actors_without_connection_are_listed_and_all_are_counted(server, connect):
    connect(server, "/echo")
    actor = FX.StartActor(initial_state={"n": 1}, handler=lambda message, state: [[], state]) | run
    facts = now()
    assert [(told["uid"], told["state"]) for told in facts["actors"]] == [(actor._uid, "{'n': 1}")]
    assert facts["actor_count"] == 2


def test_outward_clients_are_listed_with_their_urls(server):
    url = f"ws://localhost:{server.port}/ws"
    client = FX.StartWebSocketClient(url=f"{url}?token=secret", in_stream_into=[ET.Topic("in")]) | run
    [told] = now()["outward"]
    assert told == {"uid": client._uid, "url": url, "state": "connected", "sent": 0, "received": 0, "queued": 0}


def test_timers_replays_databases_and_faults_are_listed(until):
    FX.StartTimer(interval=60, target=ET.Topic("tick"), content="now") | run
    replay = FX.StartReplay(source=["a", "b"], target=ET.Topic("again"), rate=0.001) | run
    db = FX.CreateDB(type=DictDatabase) | run
    db["a"] = 1

    def fails(message, state):
        raise ValueError("no")

    actor = FX.StartActor(initial_state=None, handler=fails) | run
    FX.Publish(target=actor.input, content="x") | run
    until(lambda: now()["faults"] == 1)
    until(lambda: now()["replays"][0]["published"] == 1)
    facts = now()
    assert [timer["target"] for timer in facts["timers"]] == ["tick"]
    assert facts["replays"] == [{"uid": replay._uid, "target": "again", "published": 1, "of": 2}]
    assert {"uid": db._uid, "keys": 1} in facts["databases"]


def test_the_rate_of_a_topic_is_computed_between_two_calls():
    never_looked_at = ET.Topic(generate_uid())
    FX.SubscribeFX(topic=never_looked_at, op=identity) | run
    before = time.monotonic()
    assert now()["topics"][0]["rate"] is None
    between = time.monotonic()
    for _ in range(100):
        FX.Publish(target=never_looked_at, content="x") | run
    time.sleep(0.6)  # the time over which the rate is computed
    shortest = time.monotonic() - between
    [topic] = now()["topics"]
    longest = time.monotonic() - before
    assert topic["published"] == 100
    assert 100 / longest - 1 < topic["rate"] < 100 / shortest + 1


def test_after_a_long_pause_no_rate_is_given(monkeypatch):
    rates = Rates(None)
    clock = [100.0]
    monkeypatch.setattr("zefnb.notebook.overview.time.monotonic", lambda: clock[0])
    assert rates.of("a", 5) is None
    clock[0] += 2
    assert rates.of("a", 15) == 5.0
    clock[0] += 0.1
    assert rates.of("a", 500) == 5.0
    clock[0] += 100
    assert rates.of("a", 600) is None
    rates.forget_old()
    clock[0] += 100
    rates.forget_old()
    assert rates._seen == {}


def test_a_long_state_is_shortened_without_reading_all_of_it():
    class Counting(list):
        read = 0

        def __iter__(self):
            for item in range(10**9):
                Counting.read += 1
                yield item

    assert brief(Counting([0] * 9)) == "[0, 1, 2, 3, …]"
    assert Counting.read < 10
    assert brief("x" * 10**6) == "'" + "x" * 38 + "…"
    assert brief({"a": {"b": {"c": 1}}}) == "{'a': {'b': {…}}}"
    guest = ET.Guest(room=ET.Topic("tea"), out=ET.Topic("🍃-15cef756dc5a49c8982e"), inside=ET.A(b=ET.B(c=1)))
    assert brief(guest) == "ET.Guest(room=ET.Topic('tea'), out=ET.Topic('15cef756…'), inside=ET.A(b=ET.B(…)))"


def test_the_repr_of_a_users_class_is_not_called_on_the_loop():
    class Slow:
        def __repr__(self):
            raise AssertionError("called")

    assert brief([Slow()]) == "[<Slow>]"


def test_an_exception_of_a_call_on_the_loop_raises_in_the_caller():
    import pytest

    with pytest.raises(ZeroDivisionError):
        here(lambda: 1 / 0)


def test_presence_topics_have_the_numbers_of_their_clients(connect):
    who, room = ET.Topic("who"), ET.Topic("room")
    route = ET.WebSocket(clients_subscribe_to=[room], presence=who)
    server = (
        FX.StartHTTPServer(routes={"/ws": route, "/plain": ET.WebSocket(clients_subscribe_to=[room])}, port=0) | run
    )
    assert now()["presence"] == []
    connect(server, "/ws"), connect(server, "/ws"), connect(server, "/plain")
    assert now()["presence"] == [{"topic": "who", "clients": 2, "away": 0}]
