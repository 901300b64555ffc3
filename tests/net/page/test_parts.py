"""The parts of a page: their state for pages that connect at any time, and the input that they accept."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest
from websockets.exceptions import ConnectionClosed

from tests.net.conftest import said
from zefnb import ET, FX, generate_uid, run
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect
from zefnb.net.page import feeds, inputs, states
from zefnb.net.page.feeds import Votes
from zefnb.net.page.states import Counts, Points, Recent, Rows
from zefnb.net.page.visitors import Visitors


def topics(count: int) -> list[Any]:
    return [ET.Topic(generate_uid()) for _ in range(count)]


def publish(topic: Any, *contents: Any) -> None:
    for content in contents:
        FX.Publish(target=topic, content=content) | run


@pytest.fixture
def published(topic: Any) -> list[Any]:
    got: list[Any] = []
    FX.SubscribeFX(topic=topic, op=got.append) | run
    return got


def test_bars_count_each_value_for_early_and_late_pages(page: Any, visit: Any, topic: Any):
    server = page(ET.Bars(topic=topic))
    early = visit(server)
    publish(topic, "tea", "coffee", "tea", 3, True, {"not": "counted"}, ET.Sent(content="tea", channel_id=1))
    expected = [["tea", 3], ["coffee", 1], ["3", 1], ["True", 1]]
    early.until(lambda: early.state["0"] == expected)
    assert visit(server).state["0"] == expected


def test_bars_count_a_field(page: Any, visit: Any, topic: Any):
    server = page(ET.Bars(topic=topic, field="vote"))
    first = visit(server)
    publish(topic, {"vote": "a"}, ET.Ballot(vote="a"), {"other": 1}, "a")
    first.until(lambda: first.state["0"] == [["a", 2]])


def test_bars_count_further_labels_together():
    counts = Counts(None)
    for number in range(states.MOST_LABELS + 5):
        counts.add(str(number), 0)
    assert len(counts.snapshot()) == states.MOST_LABELS + 1
    assert counts.snapshot()[-1] == ("…", 5)


def test_a_value_is_the_last_one(page: Any, visit: Any, topic: Any):
    server = page(ET.Value(topic=topic, field="value"), ET.Value(topic=topic))
    first = visit(server)
    assert first.state == {"0": None, "1": None}
    publish(topic, {"value": 1.5}, {"value": 21, "x": 1}, {"other": 2})
    first.until(lambda: first.state["1"] == '{"other": 2}')
    assert first.state["0"] == 21
    assert visit(server).state == first.state


def test_a_chart_has_the_last_points(page: Any, visit: Any, topic: Any):
    server = page(
        ET.Chart(topic=topic, x="t", y=["a", "b"], last=3), ET.Chart(topic=topic, y="a"), ET.Chart(topic=topic)
    )
    first = visit(server)
    for number in range(5):
        publish(topic, {"t": number, "a": number * 2, "b": None if number else 1})
    publish(topic, {"t": "text", "a": 1}, {"t": 9}, float("nan"), 7.5)
    first.until(lambda: [point[1] for point in first.state["2"]] == [7.5])
    late = visit(server)
    assert late.state["0"] == [[2, 4, None], [3, 6, None], [4, 8, None]]
    assert [point[1] for point in late.state["1"]] == [0, 2, 4, 6, 8, 1]
    assert late.state["1"] == first.state["1"]


def test_a_table_has_the_fields_of_its_rows_up_to_a_limit(page: Any, visit: Any, topic: Any):
    server = page(ET.Table(topic=topic, last=3), ET.Table(topic=topic, columns=["b"]))
    publish(topic, {"old": 1}, {"a": 1, "b": [1, 2]}, ET.Guest(name="Ada"), "text")
    first = visit(server)
    first.until(lambda: len(first.state["0"]) == 3 and first.state["0"][-1] == {"value": "text"})
    assert first.state["0"] == [{"a": 1, "b": "[1, 2]"}, {"name": "Ada"}, {"value": "text"}]
    assert first.state["1"] == [{"b": "[1, 2]"}]
    wide = Rows(10, ())
    wide.add({str(number): number for number in range(states.MOST_COLUMNS + 3)}, 0)
    assert len(wide.snapshot()[0]) == states.MOST_COLUMNS


def test_items_have_a_limit_in_number_and_in_bytes(monkeypatch: pytest.MonkeyPatch):
    class Texts(Recent):
        def item(self, content: Any, number: int) -> Any:
            return content

    monkeypatch.setattr(states, "ITEMS_LIMIT", 100)
    few = Texts(5)
    for number in range(10):
        few.add(str(number), 0)
    assert few.snapshot() == ["5", "6", "7", "8", "9"]
    few.add("x" * 80, 0)
    assert few.snapshot() == ["6", "7", "8", "9", "x" * 80]
    few.add("y" * 200, 0)
    assert few.snapshot() == ["y" * 200]


def test_a_point_needs_a_number():
    points = Points(5, None, ("a",))
    assert [points.add({"a": given}, 0) for given in ("1", None, True, numpy.True_, float("inf"))] == [None] * 5


def test_a_row_can_have_a_number_of_any_size():
    assert Rows(5, ()).add({"few": 2**60, "many": 10**5000}, 0) == {
        "few": "1152921504606846976", "many": "<an integer of 16,610 bits>"
    }  # fmt: skip


def test_a_choice_publishes_its_option(page: Any, visit: Any, topic: Any, published: list[Any], until: Any):
    first = visit(page(ET.Choice(options=["tea", "coffee"], push_into=topic)))
    assert first.token == ""
    assert first.submit(0, "tea") is None
    assert first.submit(0, "coffee") is None
    for wrong in ("milk", "", None, ["tea"], {"tea": 1}, 0, True):
        assert first.submit(0, wrong) == {"": "this is not one of the options"}
    until(lambda: len(published) == 2)
    assert published == ["tea", "coffee"]


def test_a_choice_counts_each_visitor_once_through_reloads_and_a_server_that_is_replaced(
    page: Any, visit: Any, topic: Any
):
    parts = [ET.Choice(options=["tea", "coffee"], push_into=topic, once=True), ET.Bars(topic=topic)]
    server = page(*parts, allow_restart=True)
    first = visit(server)
    assert first.token != visit(server).token
    assert first.submit(0, "tea") is None
    assert first.submit(0, "coffee") == {"": "You have chosen before."}
    again = visit(server, cookies=first.cookies)
    assert again.token == first.token
    again.until(lambda: again.own and again.own["choices"] == {"0": "tea"})
    assert again.submit(0, "coffee") == {"": "You have chosen before."}
    server = page(*parts, port=server.port, allow_restart=True)
    replaced = visit(server, cookies=first.cookies)
    assert replaced.state["1"] == [["tea", 1]]
    assert replaced.submit(0, "coffee") == {"": "You have chosen before."}
    assert visit(server).submit(0, "coffee") is None


def test_a_token_of_a_visitor_cannot_be_invented(page: Any, visit: Any, topic: Any):
    first = visit(page(ET.Choice(options=["tea"], push_into=topic, once=True)))
    assert "HttpOnly" in first.headers["set-cookie"]
    assert first.token in first.headers["set-cookie"]
    visitors = default_runtime().service(Visitors)
    assert visitors.is_valid(first.token)
    flipped = ("B" if first.token[0] == "A" else "A") + first.token[1:]
    for token in ("x", "", 7, None, "A" * len(first.token), flipped, first.token + "=", first.token + "A", "é"):
        assert not visitors.is_valid(token)


def test_a_visitor_without_a_token_cannot_choose(page: Any, connect: Any, topic: Any):
    server = page(ET.Choice(options=["tea"], push_into=topic, once=True))
    client = connect(server, "/")
    client.recv(timeout=20)
    client.send(json.dumps({"visitor": ["invented", 7]}))
    client.send(json.dumps({"part": 0, "number": "1", "value": "tea"}))
    assert json.loads(client.recv(timeout=20)) == {"refused": "1", "problems": {"": "Please load the page again."}}


def test_a_page_becomes_the_visitor_whose_token_its_browser_has_stored_meanwhile(page: Any, visit: Any, topic: Any):
    server = page(ET.Choice(options=["tea", "coffee"], push_into=topic, once=True))
    first, second = visit(server), visit(server)
    second.send({"visitor": [first.token, second.token]})
    assert first.submit(0, "tea") is None
    second.until(lambda: second.own and second.own["choices"] == {"0": "tea"})
    assert second.submit(0, "coffee") == {"": "You have chosen before."}


def test_a_choice_counts_so_many_visitors(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feeds, "MOST_VOTERS", 2)
    votes = Votes()
    assert [votes.add(visitor, "tea") for visitor in "abc"] == [True, True, False]
    assert [votes.of(visitor) for visitor in "abc"] == ["tea", "tea", None]


FIELDS = {"name": str, "age": int, "weight": float, "colour": ["red", "blue"], "vegan": bool}
FILLED = {"name": "Ada", "age": 36, "weight": 60.5, "colour": "red", "vegan": False}


def test_a_form_publishes_its_fields(page: Any, visit: Any, topic: Any, published: list[Any], until: Any):
    first = visit(page(ET.Form(fields=FIELDS, push_into=topic)))
    assert first.submit(0, FILLED) is None
    assert first.submit(0, {**FILLED, "age": 36.0, "weight": 60, "name": "<script>"}) is None
    until(lambda: len(published) == 2)
    assert published == [FILLED, {**FILLED, "weight": 60.0, "name": "<script>"}]
    assert [type(published[1][name]) for name in ("age", "weight")] == [int, float]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "   "}, {"name"}),
        ({"name": 7}, {"name"}),
        ({"age": 3.5}, {"age"}),
        ({"age": "36"}, {"age"}),
        ({"age": True}, {"age"}),
        ({"age": 2**60}, {"age"}),
        ({"weight": None}, {"weight"}),
        ({"colour": "green"}, {"colour"}),
        ({"colour": ["red"]}, {"colour"}),
        ({"vegan": 1}, {"vegan"}),
        ({"more": 1}, {""}),
        ({"name": None, "age": None}, {"name", "age"}),
    ],
)
def test_a_form_refuses_what_its_fields_do_not_allow(
    page: Any, visit: Any, topic: Any, published: list[Any], change: dict[str, Any], fields: set[str]
):
    first = visit(page(ET.Form(fields=FIELDS, push_into=topic)))
    assert first.submit(0, {**FILLED, **change}).keys() == fields
    assert first.submit(0, [FILLED]).keys() == {""}
    assert published == []


def test_input_beyond_a_limit_is_refused(page: Any, visit: Any, topic: Any):
    first = visit(page(ET.Form(fields={"name": str}, push_into=topic), ET.Chat(topic=topic)))
    assert first.submit(0, {"name": "x" * inputs.TEXT_LIMIT}) is None
    assert first.submit(0, {"name": "x" * (inputs.TEXT_LIMIT + 1)}).keys() == {"name"}
    assert first.submit(1, {"name": "x" * (inputs.NAME_LIMIT + 1), "text": "hi"}).keys() == {"name"}
    assert first.submit(1, {"name": "x" * inputs.NAME_LIMIT, "text": "hi"}) is None


def test_a_chat_shows_the_messages_of_pages_and_of_programs(
    page: Any, visit: Any, topic: Any, published: list[Any], until: Any
):
    server = page(ET.Chat(topic=topic))
    one, two = visit(server), visit(server)
    assert one.submit(0, {"name": " Ada ", "text": "<b>hi</b>"}) is None
    publish(topic, "plain", {"name": "Bob", "text": 7}, ET.Sent(content="sent", channel_id=1, user={"name": "Eve"}))
    expected = [["Ada", "<b>hi</b>"], ["", "plain"], ["Bob", "7"], ["Eve", "sent"]]
    two.until(lambda: two.state["0"] == expected)
    assert visit(server).state["0"] == expected
    until(lambda: published)
    assert published[0] == {"name": "Ada", "text": "<b>hi</b>"}
    assert one.submit(0, {"name": "Ada", "text": " "}).keys() == {""}
    assert one.submit(0, "hi").keys() == {""}


def test_a_button_publishes_its_value(page: Any, visit: Any, topic: Any, published: list[Any], until: Any):
    value = {"more": [1]}
    first = visit(page(ET.Button(label="More", push_into=topic), ET.Button(label="Add", push_into=topic, value=value)))
    assert first.submit(0, "whatever the page sends") is None
    assert first.submit(1, None) is None
    until(lambda: len(published) == 2)
    assert published == ["More", value]


def test_a_part_of_the_program_gets_its_messages_and_publishes(
    page: Any, visit: Any, topic: Any, published: list[Any], until: Any
):
    other, into = topics(2)
    module = "export default () => 1"
    server = page(
        ET.Part(module=module, topics=[topic, other]),
        ET.Part(module=module, topics=other, push_into=into),
        ET.Part(module=module, topics=[other], push_into=[]),
    )
    first = visit(server)
    publish(topic, {"a": [1, None]})
    publish(other, "b")
    first.until(lambda: len(first.state["0"]) == 2 and first.state["1"])
    assert sorted(first.state["0"]) == [[0, {"a": [1, None]}], [1, "b"]]
    assert first.submit(0, {"from": "the page"}) is None
    assert first.submit(1, 7) is None
    assert first.submit(2, 7) == {"": "this part accepts no input"}
    until(lambda: {"from": "the page"} in published)


def test_repeated_input_is_published_once(page: Any, visit: Any, topic: Any, published: list[Any], until: Any):
    server = page(ET.Button(label="More", push_into=topic))
    first, second = visit(server), visit(server)
    assert [each.submit(0, None, "one number") for each in (first, first, second)] == [None, None, None]
    assert first.submit(0, None, "another") is None
    until(lambda: len(published) == 2)
    assert published == ["More", "More"]


def test_input_for_a_part_that_accepts_none_is_refused(page: Any, visit: Any, topic: Any, published: list[Any]):
    first = visit(page(ET.Markdown("# Hi"), ET.Bars(topic=topic)))
    for part in (0, 1, 2, -1, True, None, "0"):
        assert first.submit(part, "x") == {"": "this part accepts no input"}
    assert published == []


@pytest.mark.parametrize("message", ["nonsense", "[]", b"{}", "{}", '{"part": 0, "number": 7, "value": 1}'])
def test_a_message_that_no_page_sends_closes_the_connection(page: Any, visit: Any, topic: Any, message: Any):
    first = visit(page(ET.Button(label="More", push_into=topic)))
    first.client.send(message)
    with pytest.raises(ConnectionClosed) as caught:
        first.client.recv(timeout=20)
    assert caught.value.rcvd.code == 1008
    assert said("closed with 1008")()["count"] == 1


def test_input_that_is_too_long_closes_the_connection(page: Any, visit: Any, topic: Any):
    first = visit(page(ET.Button(label="More", push_into=topic)))
    first.client.send("x" * 70_000)
    with pytest.raises(ConnectionClosed) as caught:
        first.client.recv(timeout=20)
    assert caught.value.rcvd.code == 1009


T = ET.Topic("t")


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (ET.Choice(push_into=T), ".options"),
        (ET.Choice(options=["a"]), ".push_into"),
        (ET.Choice(options=[], push_into=T), ".options"),
        (ET.Choice(options=["a", "a"], push_into=T), ".options"),
        (ET.Choice(options=[1], push_into=T), ".options"),
        (ET.Choice(options=["a"], push_into="t"), ".push_into"),
        (ET.Choice(options=["a"], push_into=[]), ".push_into"),
        (ET.Choice(options=["a"], push_into=T, once=1), ".once"),
        (ET.Choice(options=["a"], push_into=T, ones=True), ".ones"),
        (ET.Bars(), ".topic"),
        (ET.Bars(topic=[T, ET.Topic("u")]), ".topic"),
        (ET.Bars(topic=None), ".topic"),
        (ET.Chart(topic=T, y=7), ".y"),
        (ET.Chart(topic=T, last=0), ".last"),
        (ET.Chart(topic=T, last=10_001), ".last"),
        (ET.Chart(topic=T, kind="pie"), ".kind"),
        (ET.Value(topic=T, unit=7), ".unit"),
        (ET.Value(topic=T, field=""), ".field"),
        (ET.Form(fields={}, push_into=T), ".fields"),
        (ET.Form(fields={"a": list}, push_into=T), ".fields['a']"),
        (ET.Form(fields={"a": []}, push_into=T), ".fields['a']"),
        (ET.Form(fields={"": str}, push_into=T), ".fields"),
        (ET.Table(topic=T, columns=7), ".columns"),
        (ET.Chat(topic="room"), ".topic"),
        (ET.Button(push_into=T), ".label"),
        (ET.Button(label="", push_into=T), ".label"),
        (ET.Button(label="x", push_into=T, value=object()), ".value"),
        (ET.Part(topics=[T]), ".module"),
        (ET.Part(module="", topics=[T]), ".module"),
        (ET.Markdown(), ".text"),
        (ET.Markdown("a", text="b"), ".text"),
        (ET.Markdown(text=7), ".text"),
        (ET.Bars("votes", topic=T), ""),
        (ET.Guest(), ""),
        ("text", ""),
    ],
    ids=repr,
)
def test_a_mistake_names_the_part_and_the_field(page: Any, part: Any, field: str):
    with pytest.raises(InvalidEffect) as caught:
        page(ET.Markdown("# Fine"), part)
    assert [fault.field for fault in caught.value.faults] == [f"routes['/'].parts[1]{field}"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"parts": "x"}, "parts"),
        ({"parts": [ET.Markdown("x")] * 201}, "parts"),
        ({"title": 7}, "title"),
        ({"titel": "x"}, "titel"),
        ({"public": 1}, "public"),
    ],
)
def test_a_mistake_of_the_page_names_the_field(serve: Any, fields: dict[str, Any], field: str):
    with pytest.raises(InvalidEffect) as caught:
        serve({"/": ET.Page(**fields)})
    assert [fault.field for fault in caught.value.faults] == [f"routes['/'].{field}"]
    with pytest.raises(InvalidEffect):
        serve({("GET", "/"): ET.Page(title="x")})
