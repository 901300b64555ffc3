"""A view receives the points that it does not have, and nothing while it is not visible."""

from __future__ import annotations

import json
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
    until(lambda: len(chart.points) == 200)
    view.listen(0.3)
    assert (chart.pushes, view.messages, chart.is_sending) == (pushes, messages, False)
    view.send("pause", paused=False)
    view.until(lambda: view.ys == list(range(200)))


def test_messages_are_read_together_while_no_view_is_visible(chart_of, view_of, monkeypatch, until):
    chart = chart_of("value")
    taken, take = [], chart.take
    monkeypatch.setattr(chart.source, "_take", lambda points: (taken.append(len(points)), take(points)))
    publish(*({"value": n} for n in range(100)))
    until(lambda: len(chart.points) == 100)
    assert len(taken) < 10
    publish({"value": 100}, {"value": [1]}, {"value": 101})
    view = view_of(chart)
    view.until(lambda: view.ys == list(range(102)))
    assert view.notes == ["value: 1 × a list instead of a number, such as [1]"]


def test_a_message_that_is_read_later_has_the_time_of_its_arrival(chart_of, monkeypatch, until):
    monkeypatch.setattr(sources, "READ_INTERVAL", 3600)
    chart = chart_of("value")
    publish({"value": 1})
    until(lambda: here(lambda: len(chart.source._unread)) == 1)
    arrived = time.time()
    publish(*({"value": n} for n in range(sources.MOST_UNREAD)))
    until(lambda: len(chart.points) >= sources.MOST_UNREAD)
    assert chart.points.copy().read()[0].x <= arrived


def test_a_picture_has_the_messages_that_are_yet_to_be_read(chart_of, monkeypatch, until):
    monkeypatch.setattr(sources, "READ_INTERVAL", 3600)
    chart = chart_of("value", by="sensor")
    publish({"value": 1, "sensor": "north"})
    until(lambda: here(lambda: len(chart.source._unread)) == 1)
    picture = here(lambda: Picture.of(chart))
    assert ([point.y for point in picture.points.read()], picture.series[0].label) == ([1.0], "north")


def test_without_a_view_and_without_points_nothing_is_sent(chart_of, view_of, until):
    chart = chart_of()
    publish(1)
    until(lambda: len(chart.points) == 1)
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
