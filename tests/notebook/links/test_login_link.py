"""The widget with the link to log in: one view gets the link, and nothing that a notebook saves contains it."""

from __future__ import annotations

from typing import Any

import pytest
from ipywidgets import Widget

from tests.net.auth.conftest import auth_of
from zefnb import FX, run
from zefnb.engine.private_link import PrivateLink
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.widgets.login_link import LoginLink


def test_the_first_view_gets_the_link_and_no_saved_state_contains_it(clean: None, monkeypatch: pytest.MonkeyPatch):
    server = FX.StartHTTPServer(routes={"/": "for us"}, port=0, auth="token") | run
    path = auth_of(server).link_path
    link = PrivateLink(server, path, is_secure=False)
    widget: Any = LoginLink(default_runtime(), link)
    sent: list[Any] = []
    monkeypatch.setattr(widget, "send", sent.append)
    saved = f"{widget.get_state()} {widget._repr_mimebundle_()} {Widget.get_manager_state()} {widget!r} {link!r}"
    for _ in range(2):
        widget._on_message(widget, {"host": f"localhost:{server.port}", "origin": "http://localhost:8888"}, [])
    assert sent == [{"link": f"http://localhost:{server.port}{path}"}, {"link": None}]
    saved += f"{widget.get_state()} {widget._repr_mimebundle_()} {Widget.get_manager_state()} {vars(widget)}"
    widget.close()
    token = path.partition("=")[2]
    assert len(token) == 43
    assert token not in saved
    assert "A page of this notebook shows here the link to log in" in saved
