"""Views that use the kernel's channel, because they cannot open a socket."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tests.notebook.viewer import here
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.watch import control as control_module
from zefnb.topics.hub import Hub


def test_a_view_through_the_kernel_gets_updates_while_it_sends_requests(
    control, token, server, connect, monkeypatch, until
):
    monkeypatch.setattr(control_module, "_LEASE", 0.5)
    monkeypatch.setattr(control_module, "_IDLE_TIMEOUT", 1.5)
    client = connect(server, "/ws")
    told = []
    ask = default_runtime().call_queue.put
    ask(control.handle_request, token, "v", json.dumps({"do": "window", "id": 1}), told.append)
    until(lambda: any('"done"' in text for text in told))
    time.sleep(0.8)
    count = len(told)
    for _ in range(20):
        client.send("x")
        time.sleep(0.02)
    assert len(told) == count
    ask(control.handle_request, token, "v", json.dumps({"do": "poll"}), told.append)
    until(lambda: len(told) > count)
    until(lambda: not control._viewers and not control.is_ticking)


def ask_through_kernel(control, token, view, told, **request):
    default_runtime().call_queue.put(control.handle_request, token, view, json.dumps(request), told.append)


def test_a_hundred_views_through_the_kernel_that_are_paused_and_closed_are_removed(control, token, monkeypatch, until):
    monkeypatch.setattr(control_module, "_IDLE_TIMEOUT", 1.0)
    told = []
    for n in range(100):
        ask_through_kernel(control, token, f"v{n}", told, do="window")
        ask_through_kernel(control, token, f"v{n}", told, do="follow", topic="t")
        ask_through_kernel(control, token, f"v{n}", told, do="pause", id=n)
    until(lambda: {json.loads(text).get("id") for text in told} >= set(range(100)))
    until(lambda: not control._viewers and not control._last_requests)
    until(lambda: not control.is_ticking)
    hub = default_runtime().service(Hub)
    assert here(lambda: hub.topics() == [])


def test_a_paused_view_through_the_kernel_with_recent_requests_stays_registered(control, token, monkeypatch, until):
    monkeypatch.setattr(control_module, "_IDLE_TIMEOUT", 1.0)
    told = []
    for view in ("stays", "goes"):
        ask_through_kernel(control, token, view, told, do="window")
        ask_through_kernel(control, token, view, told, do="pause")
    until(lambda: len(control._viewers) == 2)

    def only_one():
        ask_through_kernel(control, token, "stays", told, do="poll")
        return list(control._viewers) == [f"{token.name} stays"]

    until(only_one)


def test_a_removed_view_is_welcomed_again_so_that_it_requests_its_window(control, token, until):
    told = []
    ask_through_kernel(control, token, "v", told, do="pause", paused=False)
    until(lambda: told)
    assert json.loads(told[0]) == {"t": "welcome"}
    told.clear()
    ask_through_kernel(control, token, "v", told, do="window", id=1)
    until(lambda: any('"done"' in text for text in told))
    assert not any("welcome" in text for text in told)


def test_a_view_whose_request_is_refused_is_welcomed_only_once(control, token, until):
    told = []
    for number in range(3):
        ask_through_kernel(control, token, "v", told, do="window", limit=0, id=number)
    until(lambda: sum('"done"' in text for text in told) == 3)
    assert sum("welcome" in text for text in told) == 1


def test_the_number_of_views_through_the_kernel_is_bounded(control, token, until):
    most = control_module._MAX_KERNEL_VIEWS
    for n in range(most + 20):
        ask_through_kernel(control, token, f"v{n}", [], do="window")
    until(lambda: f"{token.name} v{most + 19}" in control._viewers)
    assert list(control._viewers) == [f"{token.name} v{n}" for n in range(20, most + 20)]


@pytest.mark.parametrize("said", ["{", "[" * 100_000, '{"id": NaN}', "5", '{"do": "a", "do": "b"}'])
def test_a_message_that_is_no_request_ends_that_view_through_the_kernel_too(control, token, said, until):
    default_runtime().journal.clear()
    told = []
    ask_through_kernel(control, token, "v", told, do="window", id=1)
    until(lambda: len(control._viewers) == 1)
    default_runtime().call_queue.put(control.handle_request, token, "v", said, told.append)
    until(lambda: not control._viewers)
    [entry] = until(lambda: default_runtime().journal.entries("info"))
    assert "closed with 1007" in entry["message"]


def test_a_revoked_token_is_refused(control, token):
    told = []
    here(lambda: control.revoke(token))
    here(lambda: control.handle_request(token, "v", '{"do": "window", "id": 1}', told.append))
    assert told == []


def test_many_widgets_at_once_share_one_server(control):
    async def several():
        return await asyncio.gather(*(control.open() for _ in range(5)))

    tokens = here(several)
    assert len({token.name for token in tokens}) == len({token.reveal() for token in tokens}) == 5
