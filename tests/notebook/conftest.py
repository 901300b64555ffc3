"""A token of the control channel, and views that connect with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.notebook.viewer import Viewer, here, the_control
from zefnb import ET, FX, run, zef_function
from zefnb import Any as Anything
from zefnb.notebook.watch.access_token import AccessToken
from zefnb.notebook.watch.control import Control

View = Callable[[], Viewer]


@pytest.fixture
def control(clean: None) -> Iterator[Control]:
    control = the_control()
    yield control
    here(control.close)


@pytest.fixture
def token(control: Control) -> AccessToken:
    opened: AccessToken = here(control.open)
    return opened


@pytest.fixture
def view(control: Control, token: AccessToken) -> Iterator[View]:
    """`view()`: a live view; closed when the test ends."""
    views: list[Viewer] = []

    def open_() -> Viewer:
        views.append(Viewer(control, token))
        return views[-1]

    yield open_
    for opened in views:
        opened.close()


@zef_function
def _connected(message: Any, state: Any) -> Any:
    return [[], {"name": "Ada", "said": [], "out": message.topic_out}]


@zef_function
def _said(message: Any, state: Any) -> Any:
    answer = FX.Publish(target=state["out"], content=f"you said: {message}")
    return [[answer], {**state, "said": [*state["said"], message]}]


@pytest.fixture
def server() -> Any:
    """A chatroom at /ws, an actor for each client at /echo."""
    chat = ET.Topic("chat")
    rules = {(ET.WSClientConnected, Anything): _connected, (str, Anything): _said}
    routes = {
        "/ws": ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
        "/echo": ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules)),
    }
    return FX.StartHTTPServer(routes=routes, port=0) | run
