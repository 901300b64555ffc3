"""The model of the picture: its boxes and arrows."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import Any as Anything

import pytest

from tests.notebook.viewer import here
from zefnb import ET, FX, Any, DictDatabase, run, to_upper_case, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.picture.build import diagram_of
from zefnb.notebook.picture.diagram import MOST_OF_A_KIND, Diagram, Node
from zefnb.notebook.picture.feed import PictureFeed
from zefnb.notebook.picture.observed import MOST_OBSERVED, Observed
from zefnb.store.store import OPEN

CHAT = ET.Topic("chat")


@zef_function
def answer(message: Anything, state: Anything) -> Anything:
    return [[FX.Publish(target=ET.Topic("audit"), content=message)], state]


@zef_function
def fail(message: Anything, state: Anything) -> Anything:
    raise ValueError("always")


def the_diagram() -> Diagram:
    runtime = default_runtime()
    observed = runtime.service(Observed)
    diagram: Diagram = here(lambda: diagram_of(runtime, observed.all(), runtime.journal.entries("error")))
    return diagram


def arrows() -> set[tuple[str, str, str]]:
    """Return the arrows, by the names of their boxes."""
    diagram = the_diagram()
    found = {
        (diagram.nodes[edge.source].name, diagram.nodes[edge.target].name, edge.kind) for edge in diagram.edges
    } | {(diagram.nodes[e.target].name, diagram.nodes[e.source].name, e.kind) for e in diagram.edges if e.both}
    return found


def node(name: str) -> Node:
    [found] = [node for node in the_diagram().nodes.values() if node.name == name]
    return found


def fetch(server: Anything, path: str) -> int:
    """Request a path, and return the status of the response."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def watched(clean: None):
    """Observes effects, as while a picture is shown."""
    release = here(default_runtime().service(Observed).acquire)
    yield default_runtime()
    here(release)


def test_everything_that_runs_has_a_box_and_its_arrows(clean):
    routes = {
        "/ws": ET.WebSocket(clients_subscribe_to=[CHAT], clients_push_into_=[CHAT]),
        "/events": ET.EventStream(clients_subscribe_to=CHAT),
        ("POST", "/hook"): ET.PushInto(topics=[ET.Topic("hooks")]),
        "/": "hello",
    }
    server = FX.StartHTTPServer(routes=routes, port=0) | run
    FX.StartActor(initial_state=0, input=[CHAT], rules={(Any, Any): answer}) | run
    FX.MapTopic(source=CHAT, target=ET.Topic("loud"), op=to_upper_case) | run
    FX.StartTimer(interval=60.0, target=CHAT, content="tick") | run
    FX.StartReplay(source=["a", "b"], target=CHAT, rate=0.001) | run
    FX.CreateDB(type=DictDatabase) | run
    out = ET.Topic("out")
    url = f"ws://127.0.0.1:{server.port}/ws"
    FX.StartWebSocketClient(url=url, out_stream_from=[out], in_stream_into=[ET.Topic("news")]) | run
    port, every = f":{server.port}", "every 60.00 s"
    assert arrows() == {
        (port, "/ws", "part"), (port, "/events", "part"), (port, "POST /hook", "part"), (port, "/", "part"),
        ("/ws", "chat", "flow"), ("chat", "/ws", "flow"), ("chat", "/events", "flow"), ("POST /hook", "hooks", "flow"),
        ("chat", "answer", "flow"), ("chat", "to_upper_case", "flow"), ("to_upper_case", "loud", "flow"),
        (every, "chat", "flow"), ("chat", "chat", "flow"), ("out", url, "flow"), (url, "news", "flow"),
    }  # fmt: skip
    kinds = [each.kind for each in the_diagram().nodes.values()]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "server": 1, "path": 4, "topic": 5, "op": 1, "actor": 1, "outward": 1, "timer": 1, "replay": 1,
        "database": len(OPEN),
    }  # fmt: skip
    assert node("loud").line == "topic · no subscribers"


def test_ids_stay_the_same_when_nothing_else_changes(clean):
    FX.StartActor(initial_state=0, input=[CHAT], rules={(Any, Any): answer}) | run
    before = list(the_diagram().nodes)
    FX.StartActor(initial_state=0, input=[ET.Topic("other")], rules={(Any, Any): answer}) | run
    after = list(the_diagram().nodes)
    assert set(before) < set(after)
    assert [each for each in after if each in before] == before


def test_clients_of_a_route_are_one_box_with_their_number(clean, connect, until):
    route = ET.WebSocket(actor=FX.StartActor(initial_state=None, rules={(Any, Any): answer}))
    server = FX.StartHTTPServer(routes={"/game": route}, port=0) | run
    for _ in range(5):
        connect(server, "/game")
    until(lambda: node("/game").line.startswith("path · 5 clients"))
    assert node("answer").line.startswith("actor · 5 running")
    assert ("/game", "answer", "flow") in arrows()
    assert ("answer", "/game", "flow") in arrows()
    assert len([each for each in the_diagram().nodes.values() if each.kind != "database"]) == 3


def test_an_observed_publish_of_an_actor_is_an_arrow(watched, until):
    actor = FX.StartActor(initial_state=0, input=[CHAT], rules={(Any, Any): answer}) | run
    assert ("answer", "audit", "seen") not in arrows()
    FX.Publish(target=CHAT, content="x") | run
    until(lambda: ("answer", "audit", "seen") in arrows())
    FX.StopActor(actor=actor) | run
    until(lambda: ("answer", "audit", "seen") not in arrows())


def test_an_observed_publish_inside_a_handler_is_an_arrow(watched, until):
    def publishes(message, state):
        FX.Publish(target=ET.Topic("inside"), content=message) | run
        return [[], state]

    FX.StartActor(initial_state=0, input=[CHAT], handler=publishes) | run
    FX.Publish(target=CHAT, content="x") | run
    until(lambda: any(arrow[1:] == ("inside", "seen") for arrow in arrows()))


def test_an_observed_publish_of_an_http_handler_and_of_an_op_is_an_arrow(watched, until):
    def vote(request):
        return [[FX.Publish(target=ET.Topic("votes"), content="yes")], "thanks"]

    server = FX.StartHTTPServer(routes={"/vote": vote}, port=0) | run
    FX.SubscribeFX(topic=ET.Topic("votes"), op=lambda vote: FX.Publish(target=ET.Topic("count"), content=vote)) | run
    fetch(server, "/vote")
    until(lambda: {("/vote", "votes", "seen")} <= arrows())
    until(lambda: any(arrow[1:] == ("count", "seen") for arrow in arrows()))


def test_a_database_that_a_handler_updates_has_an_arrow(watched, until):
    db = FX.CreateDB(type=DictDatabase) | run

    def store(message, state):
        return [[FX.UpdateDB(db=db, insert={"last": message})], state]

    FX.StartActor(initial_state=0, input=[CHAT], handler=store) | run
    FX.Publish(target=CHAT, content="x") | run
    until(lambda: any(arrow[2] == "seen" and "store" in arrow[0] for arrow in arrows()))


def test_effects_are_observed_only_while_a_picture_is_shown(clean):
    observed = default_runtime().service(Observed)
    first, second = here(observed.acquire), here(observed.acquire)
    assert default_runtime().monitors == (observed,)
    here(first)
    here(first)
    assert default_runtime().monitors == (observed,)
    here(second)
    assert default_runtime().monitors == ()


def test_publishing_from_a_cell_makes_no_round_trip_while_a_picture_is_shown(watched, monkeypatch):
    from zefnb.engine import perform

    def refuse(*args):
        raise AssertionError("a round trip to the loop")

    monkeypatch.setattr(perform, "_run_all", refuse)
    FX.Publish(target=CHAT, content="x") | run


def test_observations_of_one_handler_and_of_all_are_bounded(watched):
    observed = watched.service(Observed)

    class Source:
        pass

    sources = [Source() for _ in range(100)]
    assert sum(observed._has_room(source) for source in sources[:1] * 200) == 50
    from zefnb.engine.cells import current_route, current_server

    current_server.set(FX.StartHTTPServer(routes={}, port=0) | run)
    for route in range(100):
        current_route.set(("GET", str(route)))
        for topic in range(60):
            observed(FX.Publish(target=ET.Topic(f"{topic}"), content=""), None)
    current_route.set(None)
    current_server.set(None)
    assert len(observed.all()) == MOST_OBSERVED


def test_errors_belong_to_the_box_that_they_come_from(clean, connect, until):
    def broken(request):
        raise ValueError("no")

    rules = {(ET.WSClientConnected, Any): answer, (str, Any): fail}
    routes = {"/echo": ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules)), "/broken": broken, "/": "x"}
    server = FX.StartHTTPServer(routes=routes, port=0) | run
    FX.StartActor(initial_state=0, input=[CHAT], rules={(Any, Any): fail}) | run
    FX.Publish(target=CHAT, content="x") | run
    connect(server, "/echo").send("boom")
    assert fetch(server, "/broken") == 500
    until(lambda: node("answer, fail").badge == "1 error")
    until(lambda: node("fail").badge == "1 error")
    until(lambda: node("/broken").badge == "1 error")
    assert node("/").badge == node(f":{server.port}").badge == ""


def test_many_boxes_of_a_kind_are_one_with_their_number(clean):
    for number in range(MOST_OF_A_KIND + 20):
        FX.StartActor(initial_state=0, input=[ET.Topic(f"t{number}")], rules={(Any, Any): answer}) | run
    nodes = the_diagram().nodes
    assert sum(each.kind == "actor" for each in nodes.values()) == MOST_OF_A_KIND + 1
    assert nodes["more:actor"].name == nodes["more:topic"].name == "20 more"
    assert ("20 more", "20 more", "flow") in arrows()


def test_routes_without_topics_are_one_box_if_they_are_many(clean):
    FX.StartHTTPServer(routes={f"/{number}": "x" for number in range(20)}, port=0) | run
    names = [each.name for each in the_diagram().nodes.values() if each.kind == "path"]
    assert names == ["/0", "/1", "/2", "/3", "16 more routes"]


def test_control_characters_in_a_name_are_escaped(clean):
    FX.StartActor(initial_state=0, input=[ET.Topic("a\x1b[31mb")], rules={(Any, Any): answer}) | run
    assert "\\x1b" in node("a\\x1b[31mb").name


def test_the_feed_has_rates_and_makes_two_diagrams_a_second_at_most(clean, until):
    feed = default_runtime().service(PictureFeed)
    FX.StartActor(initial_state=0, input=[CHAT], rules={(Any, Any): answer}) | run
    began = time.monotonic()
    here(feed.renew)
    number = feed.number
    here(feed.refresh)
    assert feed.number == number or time.monotonic() - began > 0.4

    def has_a_rate():
        FX.Publish(target=CHAT, content="x") | run
        here(feed.refresh)
        return "/s" in feed.diagram.nodes["topic:chat"].line

    until(has_a_rate)
