"""The effects on the journal, and printing."""

from __future__ import annotations

import threading

import pytest

from zefnb import ET, FX, Time, generate_uid, run
from zefnb.errors import InvalidEffect


def test_print_prints_exactly_one_line(capfd):
    assert FX.Print(content="hello") | run == ET.Success()
    [FX.Print(content=value) for value in (1, [1, "a"], ET.Guest(n=1))] | run
    assert capfd.readouterr().out == "hello\n1\n[1, 'a']\nET.Guest(n=1)\n"


def test_lines_printed_from_many_threads_stay_whole(capfd):
    def write(who):
        for _ in range(50):
            FX.Print(content=f"<{who * 50}>") | run

    threads = [threading.Thread(target=write, args=(who,)) for who in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == sorted([f"<{who * 50}>" for who in "abcd"] * 50)


def test_the_default_level_of_log_is_info():
    [FX.Log(content="a"), FX.Log(content={"b": 1}, level="warning")] | run
    entries = FX.QueryLog() | run
    assert [(e["level"], e["message"]) for e in entries] == [("warning", "{'b': 1}"), ("info", "a")]
    assert all(isinstance(e["time"], Time) for e in entries)


class TestQueryLog:
    @pytest.fixture
    def actors(self, until):
        def clumsy(msg, state):
            raise ValueError(msg)

        made = [FX.StartActor(initial_state=0, handler=clumsy) | run for _ in range(2)]
        for actor in made:
            FX.Publish(target=actor.input, content="x") | run
        FX.Log(content="besides", level="debug") | run
        until(lambda: sum(e["count"] for e in FX.QueryLog(level="error") | run) == 2)
        return made

    def test_by_level_limit_and_handler(self, actors):
        assert {e["level"] for e in FX.QueryLog(level="error") | run} == {"error"}
        assert len(FX.QueryLog(limit=1) | run) == 1
        assert FX.QueryLog(limit=0) | run == []
        assert [e["message"] for e in FX.QueryLog(filter={"message": "besides"}) | run] == ["besides"]
        [entry] = FX.QueryLog(filter={"handler": "TestQueryLog.actors.<locals>.clumsy", "level": "error"}) | run
        assert entry["error"] == "ValueError"
        assert FX.QueryLog(filter={"handler": "nobody"}) | run == []

    def test_by_actor(self, actors):
        found = FX.QueryLog(actor=actors[1]) | run
        assert [e["actor"] for e in found] == [actors[1]]

    def test_by_server(self, connect, until):
        def clumsy(msg, state):
            raise ValueError("x")

        route = ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=clumsy))
        servers = [FX.StartHTTPServer(routes={"/ws": route}, port=0) | run for _ in range(2)]
        connect(servers[1])
        [entry] = until(lambda: FX.QueryLog(server=servers[1]) | run)
        assert entry["server"] == servers[1]
        assert FX.QueryLog(server=servers[0]) | run == []

    @pytest.mark.parametrize(
        ("fields", "field"), [({"filter": {"level": "loud"}}, "filter['level']"), ({"limit": -1}, "limit")]
    )
    def test_invalid_fields_raise(self, fields, field):
        with pytest.raises(InvalidEffect) as caught:
            FX.QueryLog(**fields) | run
        assert [fault.field for fault in caught.value.faults] == [field]

    def test_an_unknown_level_raises_when_built(self):
        with pytest.raises(InvalidEffect, match="'debug'"):
            FX.QueryLog(level="loud")
        with pytest.raises(InvalidEffect, match="'debug'"):
            FX.Log(content="x", level=generate_uid())
