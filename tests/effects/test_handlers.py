"""Every effect: one small function whose signature is the schema and whose docstring is the help."""

from __future__ import annotations

import inspect
import pickle

import pytest

import zefnb.effects  # noqa: F401
from zefnb import ET, FX, DictDatabase, log, run
from zefnb.core.effect import DEFAULT_REGISTRY
from zefnb.errors import InvalidEffect

NAMES = {
    "CloseWebSocketConnection CreateDB DeleteTopic ListActors ListTimers ListWebSocketClients Log MapTopic Print "
    "Publish QueryActorState QueryAllActiveHTTPServers QueryAllConnectedWebsocketClients QueryAllWebsocketEndpoints "
    "QueryDB QueryHTTPServer QueryLog StartActor StartHTTPServer StartTimer StartWebSocketClient StopActor "
    "StopHTTPServer StopTimer StopWebSocketClient StreamGraphSnapshot SubscribeFX Unsubscribe UpdateDB "
    "UpdateRunningHTTPServer"
}
NAMES = set(" ".join(NAMES).split())


def test_every_effect_of_the_design_is_there():
    assert set(dir(FX)) >= NAMES


@pytest.fixture(scope="module")
def ended():
    """Handles of stopped objects, by the names of the fields that accept them."""
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_push_into_=[ET.Topic("t")])}, port=0) | run
    url = f"ws://127.0.0.1:{server.port}/ws"
    client = FX.StartWebSocketClient(url=url, in_stream_into=ET.Topic("in")) | run
    timer = FX.StartTimer(interval=60, target=ET.Topic("t"), content="x") | run
    actor = FX.StartActor(initial_state=0, handler=lambda message, state: [[], state]) | run
    subscription = (FX.SubscribeFX(topic=ET.Topic("t"), op=log) | run).subscription
    db = FX.CreateDB(type=DictDatabase) | run
    [FX.StopWebSocketClient(client=client), FX.StopHTTPServer(server=server), FX.StopTimer(timer=timer)] | run
    [FX.StopActor(actor=actor), FX.Unsubscribe(subscription=subscription), FX.CloseDB(db=db)] | run
    return {
        "server": server,
        "http_server": server,
        "client": client,
        "timer": timer,
        "actor": actor,
        "subscription": subscription,
        "db": db,
    }


@pytest.mark.parametrize("name", sorted(NAMES))
class TestEach:
    def test_its_help_describes_it_and_lists_its_fields(self, name):
        kind = getattr(FX, name)
        assert len(kind.__doc__) > 20
        parameters = inspect.signature(kind).parameters
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())
        assert "runtime" not in parameters

    def test_an_unknown_field_raises_when_built_and_the_error_lists_the_known_ones(self, name):
        with pytest.raises(InvalidEffect) as caught:
            getattr(FX, name)(nonsense=1)
        [fault] = caught.value.faults
        assert (fault.field, fault.problem) == ("nonsense", "unknown field")
        for known in inspect.signature(getattr(FX, name)).parameters:
            assert known in fault.allowed

    def test_without_required_fields_it_can_be_built_but_not_performed(self, name):
        required = {n for n, p in inspect.signature(getattr(FX, name)).parameters.items() if p.default is p.empty}
        bare = getattr(FX, name)()
        if not required:
            return
        with pytest.raises(InvalidEffect) as caught:
            bare | run
        assert {fault.field for fault in caught.value.faults} == required
        assert str(caught.value).startswith(f"FX.{name}: ")

    def test_a_value_that_is_not_the_expected_handle_raises_when_built(self, name):
        wanted = {"target", "topic", "source", "server", "http_server", "actor", "timer", "client", "subscription"}
        for field in wanted & set(inspect.signature(getattr(FX, name)).parameters):
            if (name, field) == ("StartWebSocketClient", "actor"):
                continue  # there it is a description of one, checked when it is run
            for wrong in ("chat", 5, ET.Other("x")):
                with pytest.raises(InvalidEffect) as caught:
                    getattr(FX, name)(**{field: wrong})
                assert caught.value.faults[0].field == field

    def test_it_has_a_repr_and_pickles_as_a_value(self, name):
        bare = getattr(FX, name)()
        assert repr(bare) == f"FX.{name}()"
        assert pickle.loads(pickle.dumps(bare)) == bare

    def test_its_help_has_an_example(self, name):
        assert f"FX.{name}(" in getattr(FX, name).__doc__.partition("\n>>> ")[2]

    def test_its_help_names_the_error_for_a_handle_that_has_ended(self, name, ended):
        parameters = inspect.signature(getattr(FX, name)).parameters
        handles = {field: handle for field, handle in ended.items() if field in parameters}
        if not handles or name == "StartWebSocketClient":
            return
        others = {"channel_id": 0, "delta": [], "insert": {}, "get": "x"}
        given = {**handles, **{field: value for field, value in others.items() if field in parameters}}
        try:
            getattr(FX, name)(**given) | run
        except Exception as error:
            assert f"\n    {type(error).__name__}: " in getattr(FX, name).__doc__  # noqa: PT017


def test_each_effect_is_declared_once_under_its_own_name():
    functions = [spec.function for spec in DEFAULT_REGISTRY.specs.values() if spec.name in NAMES]
    assert len(set(functions)) == len(functions)
