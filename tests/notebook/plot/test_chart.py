"""A view receives the points that it does not have, and nothing while it is not visible."""

from __future__ import annotations

import json
import math
import time

import pytest

from tests.notebook.plot.conftest import FEED
from tests.notebook.viewer import here, the_control
from zefnb import FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.plot import session as session_module
from zefnb.notebook.plot import sources
from zefnb.notebook.plot.picture import Picture
from zefnb.notebook.plot.points import MOST_POINTS, Point
from zefnb.notebook.watch import control as control_module
from zefnb.topics.hub import Hub


def publish(*messages):
    for message in messages:
        FX.Publish(target=FEED, content=message) | run


def test_a_view_receives_the_points_until_now_and_then_the_new_ones(chart_of, view_of):
    chart = chart_of("value", by="sensor")
    publish(*({"value": n, "sensor": f"s{n % 2}"} for n in range(10)))
    view = view_of(chart)
    view.until(lambda: len(view.points) == 10)
    publish({"value": 10, "sensor": "s3"})
    view.until(lambda: len(view.points) == 11)
    assert view.ys == list(range(11))
    assert [line["label"] for line in view.lines] == ["s0", "s1", "s3"]
    assert [series for series, _, _ in view.points] == [0, 1] * 5 + [2]
    xs = [x for _, x, _ in view.points]
    assert xs == sorted(xs)
    assert abs(xs[-1] - time.time()) < 60


def test_a_view_that_comes_back_receives_only_what_it_missed(chart_of, view_of):
    chart = chart_of("value")
    publish(*({"value": n} for n in range(5)))
    first = view_of(chart)
    first.until(lambda: len(first.points) == 5)
    publish({"value": 5})
    again = view_of(chart, first.chart, after=5)
    again.until(lambda: again.points)
    assert again.ys == [5.0]
    other = view_of(chart, "another", after=5)
    other.until(lambda: len(other.points) == 6)


def test_a_chart_goes_on_after_values_that_cannot_be_drawn(chart_of, view_of):
    chart = chart_of("value", by="room")
    view = view_of(chart)
    publish(*({"value": n, "room": room} for n, room in enumerate(["a", object(), publish, {"a": object()}, "a"])))
    view.until(lambda: len(view.points) == 2)
    assert view.ys == [0, 4]
    counts = [note.partition(", such as")[0] for note in here(chart.source.problems.notes)]
    assert counts == [
        f"room: 1 × a {kind} that JSON has no form for"
        for kind in ("value of type object", "value of type function", "dict")
    ]


def test_all_points_that_are_kept_reach_a_new_view_in_pieces(chart_of, view_of):
    chart = chart_of()
    here(lambda: chart.points.add([Point(0, n, n) for n in range(MOST_POINTS + 1_000)]))
    view = view_of(chart)
    view.until(lambda: len(view.points) == MOST_POINTS)
    assert (view.ys[0], view.ys[-1]) == (1_000, MOST_POINTS + 999)
    assert view.messages >= MOST_POINTS / session_module.MOST_AT_ONCE


def test_points_are_sent_together_at_most_as_often_as_a_screen_is_drawn(chart_of, view_of):
    chart = chart_of()
    view = view_of(chart)
    publish(0)
    view.until(lambda: view.points)
    before, began = view.messages, time.monotonic()
    for n in range(1000):
        publish(n)
        time.sleep(0.0005)
    view.until(lambda: len(view.points) == 1001)
    assert view.messages - before <= 60 * (time.monotonic() - began) + 2


def test_a_view_that_is_not_visible_gets_nothing_and_then_everything(chart_of, view_of, until):
    chart = chart_of()
    view = view_of(chart)
    assert view.ask("pause", paused=True)["ok"]
    until(lambda: not chart.is_sending)  # a push that was already planned
    pushes, messages = chart.pushes, view.messages
    publish(*range(200))
    until(lambda: here(lambda: len(chart.source._unread)) == 200)
    view.listen(0.3)
    assert (chart.pushes, view.messages, chart.is_sending) == (pushes, messages, False)
    view.send("pause", paused=False)
    view.until(lambda: view.ys == list(range(200)))


def all_points(chart):
    """The points of a chart, also of messages that it has yet to read."""
    return here(lambda: Picture.of(chart).points.read())


def test_messages_are_read_together_while_no_view_is_visible(chart_of, view_of, monkeypatch, until):
    chart = chart_of("value")
    taken, take = [], chart.take
    monkeypatch.setattr(chart.source, "_take", lambda points: (taken.append(points), take(points)))
    publish(*({"value": n} for n in range(100)))
    assert [point.y for point in all_points(chart)] == list(range(100))
    assert len(taken) <= 2
    publish({"value": 100}, {"value": [1]}, {"value": 101})
    view = view_of(chart)
    view.until(lambda: view.ys == list(range(102)))
    assert view.notes == ["value: 1 × a list instead of a number, such as [1]"]


def test_a_hidden_chart_needs_no_timer_and_keeps_few_messages_unread(chart_of, view_of, until):
    chart = chart_of("value")
    count = 2 * sources.MOST_UNREAD + 10
    publish(*({"value": n} for n in range(count)))
    until(lambda: here(lambda: len(chart.points)) == 2 * sources.MOST_UNREAD)
    until(lambda: here(lambda: len(chart.source._unread)) == 10)
    assert here(lambda: len(chart.source._arrived)) == 10
    assert not chart.is_sending
    view = view_of(chart)
    view.until(lambda: view.ys == list(range(count)))
    xs = [x for _, x, _ in view.points]
    assert xs == sorted(xs)


def test_a_hidden_chart_keeps_the_fields_alone_and_reads_long_messages_at_once(chart_of, until):
    chart = chart_of("value", by="room")
    long = "x" * 16_384
    publish({"value": 1, "room": "a", "other": long}, json.dumps({"value": 2, "room": "a"}))
    until(lambda: here(lambda: len(chart.source._unread)) == 2)
    assert long not in repr(here(lambda: list(chart.source._unread)))
    publish(json.dumps({"value": 3, "room": "a", "other": long}))
    until(lambda: here(lambda: [point.y for point in chart.points.copy().read()]) == [1.0, 2.0, 3.0])
    assert here(lambda: list(chart.source._unread)) == []


def test_a_hidden_chart_counts_what_it_cannot_draw(chart_of, view_of):
    chart = chart_of("value")
    mixed = [{"value": 1}, {"value": math.nan}, {"value": 1e200}, {"value": True}, 5, {"valeu": 1}, "{", {"value": 2.5}]
    publish(*mixed * 100)
    view = view_of(chart)
    view.until(lambda: len(view.ys) == 300)
    assert [y for y in view.ys if y == y] == [1.0, 2.5] * 100
    view.until(lambda: len(view.notes) == 6)
    assert all(note.startswith(("value: 100 × ", "message: 100 × ", "100 messages have no")) for note in view.notes)


def test_the_sender_may_change_its_message_before_a_hidden_chart_reads_it(chart_of):
    chart = chart_of("value", by="room")
    message = {"value": 1, "room": "a"}

    def publish_and_change():
        default_runtime().service(Hub).publish(FEED, message)
        message["value"] = 2

    here(publish_and_change)
    assert [point.y for point in all_points(chart)] == [1.0]


def test_a_message_that_is_read_later_has_the_time_of_its_arrival(chart_of, until):
    chart = chart_of("value")
    publish({"value": 1})
    until(lambda: here(lambda: len(chart.source._unread)) == 1)
    arrived = time.time()
    publish({"value": 2})
    first, second = all_points(chart)
    assert first.x <= arrived <= second.x


def test_a_picture_has_the_messages_that_are_yet_to_be_read(chart_of):
    chart = chart_of("value", by="sensor")
    publish({"value": 1, "sensor": "north"})
    picture = here(lambda: Picture.of(chart))
    assert ([point.y for point in picture.points.read()], picture.series[0].label) == ([1.0], "north")


def test_a_change_is_reported_while_no_view_is_visible(chart_of, until):
    chart, changes = chart_of("value"), []
    chart.on_change = lambda: changes.append(1)
    publish({"value": 1}, {"value": 2})
    until(lambda: here(lambda: len(chart.source._unread)) == 2)
    assert len(changes) == 1
    all_points(chart)
    publish({"value": 3})
    until(lambda: len(changes) == 3)


def test_without_a_view_and_without_points_nothing_is_sent(chart_of, view_of, until):
    chart = chart_of()
    publish(1)
    until(lambda: here(lambda: len(chart.source._unread)) == 1)
    assert (chart.pushes, chart.is_sending) == (0, False)
    view = view_of(chart)
    view.until(lambda: view.points)
    until(lambda: not chart.is_sending)
    pushes = chart.pushes
    view.listen(0.5)
    assert (chart.pushes, the_control().is_ticking) == (pushes, False)
    view.socket.close()
    until(lambda: here(lambda: not chart._views))


def test_notes_reach_a_view_though_nothing_is_drawn(chart_of, view_of):
    chart = chart_of("valeu")
    view = view_of(chart)
    publish(*[{"value": 1}] * 3)
    view.until(lambda: view.notes == ["3 messages have no field 'valeu'. Did you mean 'value'? Fields: value"])
    assert view.points == []


def test_the_notes_are_sent_at_most_twice_a_second(chart_of, view_of):
    chart = chart_of("value")
    view = view_of(chart)
    publish({"value": "x"})
    view.until(lambda: view.notes)
    before, began = view.messages, time.monotonic()
    for _ in range(300):
        publish({"value": "x"})
        time.sleep(0.003)
    view.until(lambda: view.notes == ["value: 301 × text instead of a number, such as 'x'"])
    assert view.messages - before <= 2 * (time.monotonic() - began) + 2


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "look", "chart": "x", "after": 5},
        {"do": "look", "after": -1},
        {"do": "pause", "paused": "x"},
        {"do": "look", "chart": [1]},
    ],
)
def test_a_strange_request_does_no_harm(chart_of, view_of, request_):
    chart = chart_of()
    publish(1)
    view = view_of(chart)
    assert view.ask(**request_)["ok"]
    view.send("pause", paused=False)
    view.until(lambda: 1.0 in view.ys)


@pytest.mark.parametrize("after", [-1, 1 << 60, "3", 2.5, None, True])
def test_a_number_that_no_point_can_have_is_refused(chart_of, view_of, after):
    chart = chart_of()
    view = view_of(chart)
    view.until(lambda: view.chart)
    answer = view.ask("look", chart=view.chart, after=after)
    assert not answer["ok"]
    assert "after" in answer["text"]
    assert not view.ask("dance")["ok"]


def test_a_view_through_the_kernel_gets_points_at_most_five_times_a_second(chart_of, view_of, monkeypatch, until):
    # Seconds in which it gets updates after a request. A page sends one each second, and this test only one.
    monkeypatch.setattr(control_module, "_LEASE", 120.0)
    chart = chart_of()
    view_of(chart)
    control, told = the_control(), []
    token = next(iter(control._tokens.values()))
    ask = default_runtime().call_queue.put
    ask(control.handle_request, token, "v", json.dumps({"do": "look"}), told.append)
    until(lambda: told)
    before, began = len(told), time.monotonic()
    for n in range(500):
        publish(n)
        time.sleep(0.002)
    until(lambda: any(json.loads(text).get("next") == 500 for text in told))
    assert len(told) - before <= 5.6 * (time.monotonic() - began) + 2


def test_a_closed_chart_leaves_no_subscription(chart_of):
    chart = chart_of()
    hub = default_runtime().service(Hub)
    assert here(lambda: len(hub.subscribers(FEED))) == 1
    here(chart.close)
    assert here(hub.topics) == []


def test_queries_do_not_list_a_chart(chart_of):
    chart_of()
    assert here(lambda: default_runtime().service(Hub).bindings()) == []
