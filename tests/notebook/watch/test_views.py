"""Views that are paused, idle, closed or slow, and the work that the loop does for them."""

from __future__ import annotations

import gc
import time

import pytest
from websockets.sync.client import connect as open_socket

from tests.notebook.viewer import here
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.watch import control as control_module
from zefnb.topics.hub import Hub


def test_no_timer_runs_without_a_view_and_nothing_is_left_of_one(control, view, server, connect, until):
    assert not control.is_ticking
    live = view()
    live.look()
    until(lambda: control.is_ticking)
    live.close()
    until(lambda: not control._viewers and not control.is_ticking)
    ticks = control.ticks
    time.sleep(0.5)
    assert control.ticks == ticks


def test_a_view_that_is_not_visible_is_paused(control, view, until):
    live = view()
    live.look()
    live.ask("pause", paused=True)
    until(lambda: not control.is_ticking)
    live.ask("pause", paused=False)
    until(lambda: control.is_ticking)


def test_a_table_without_changes_is_checked_once_a_second(control, view, until):
    live = view()
    live.look()
    live.listen(3)
    before, began = control.ticks, time.monotonic()
    live.listen(2)
    assert control.ticks - before <= (time.monotonic() - began) / control_module.LONGEST_PAUSE + 1


def test_a_closed_widget_closes_its_views_and_the_last_one_the_server(control, token, view, until):
    other = here(control.open)
    live = view()
    port = control.port
    here(lambda: control.revoke(token))
    assert live.close_code() == 1000
    assert control.port == port
    here(lambda: control.revoke(other))
    assert control.port == 0
    with pytest.raises(OSError, match="refused"):
        open_socket(f"ws://127.0.0.1:{port}/control", legacy=True)


def test_a_view_that_does_not_read_receives_no_more_updates(control, view, server, connect, monkeypatch):
    client = connect(server, "/ws")
    live = view()
    live.look()
    monkeypatch.setattr(control_module, "_MAX_QUEUED", 0)
    live.listen(0.5)
    client.send("x")
    live.listen(0.5)
    assert live.column("received") == [0]
    monkeypatch.setattr(control_module, "_MAX_QUEUED", 1)
    live.until(lambda: live.column("received") == [1])


def test_hundreds_of_views_leave_nothing_behind(control, token, view, until):
    for _ in range(50):
        live = view()
        live.look()
        live.ask("follow", topic="t")
        live.close()
    until(lambda: not control._viewers)
    gc.collect()
    hub = default_runtime().service(Hub)
    until(lambda: here(lambda: hub.topics() == []))
