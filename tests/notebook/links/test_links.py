"""Links: the right one for each platform, by its documented variables."""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace

import pytest

from zefnb import ET, FX, run
from zefnb.errors import InvalidValue
from zefnb.notebook.links import links
from zefnb.notebook.links.links import public_url, reached_by, set_public_url

SERVER = ET.HTTPServer("a server", port=8000)
HUB = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}
CODESPACE = {"CODESPACE_NAME": "fluffy", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"}
VSCODE = {"VSCODE_PROXY_URI": "https://code.example/proxy/{{port}}/"}


@pytest.fixture(autouse=True)
def plain_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZEFNB_PUBLIC_URL", "JPY_PARENT_PID", *HUB, *CODESPACE, *VSCODE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(links, "_explicit", None)
    monkeypatch.setattr(links, "_colab", {})


def test_in_plain_jupyter_and_in_a_terminal_links_lead_to_this_machine():
    assert public_url(SERVER) == "http://localhost:8000/"
    assert public_url(SERVER, "/ws", websocket=True) == "ws://localhost:8000/ws"


def test_control_characters_and_markup_are_escaped_in_a_link():
    assert public_url(SERVER, "/p\x1b[31m\n<b>\u202e é/{room}") == (
        "http://localhost:8000/p%1B[31m%0A%3Cb%3E%E2%80%AE%20é/{room}"
    )


@pytest.mark.parametrize(
    ("env", "page", "socket"),
    [
        (HUB, "/user/ada/proxy/8000/x", "/user/ada/proxy/8000/ws"),
        (CODESPACE, "https://fluffy-8000.app.github.dev/x", "wss://fluffy-8000.app.github.dev/ws"),
        (VSCODE, "https://code.example/proxy/8000/x", "wss://code.example/proxy/8000/ws"),
        (
            {"VSCODE_PROXY_URI": "https://{{port}}.code.example"},
            "https://8000.code.example/x",
            "wss://8000.code.example/ws",
        ),
        ({"VSCODE_PROXY_URI": "//{{port}}.code.example"}, "//8000.code.example/x", "//8000.code.example/ws"),
        # Only the page itself knows the host that is meant: better a link that works on this machine.
        (
            {"VSCODE_PROXY_URI": "https://{{port}}-{{host}}"},
            "http://localhost:8000/x",
            "ws://localhost:8000/ws",
        ),
        (
            {"CODESPACE_NAME": "fluffy"},
            "https://fluffy-8000.app.github.dev/x",
            "wss://fluffy-8000.app.github.dev/ws",
        ),
        ({"ZEFNB_PUBLIC_URL": "https://me.example/{port}"}, "https://me.example/8000/x", "wss://me.example/8000/ws"),
        ({"ZEFNB_PUBLIC_URL": "http://me.example", **HUB}, "http://me.example/x", "ws://me.example/ws"),
        ({**HUB, **CODESPACE}, "/user/ada/proxy/8000/x", "/user/ada/proxy/8000/ws"),
    ],
    ids=[
        "hub",
        "Codespaces",
        "VS Code",
        "VS Code by subdomain",
        "VS Code without a scheme",
        "VS Code by an unknown host",
        "Codespaces without a domain",
        "set",
        "set goes before the hub",
        "the hub goes before Codespaces",
    ],
)
def test_on_known_platforms_links_use_their_environment_variables(monkeypatch, env, page, socket):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert public_url(SERVER, "/x") == page
    assert public_url(SERVER, "/ws", websocket=True) == socket


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"base_url": "/", "hostname": "localhost"}, "http://localhost:8000/ws"),
        ({"base_url": "/lab7/", "hostname": "localhost"}, "/lab7/proxy/8000/ws"),
        ({"base_url": "/", "hostname": "0.0.0.0"}, "/proxy/8000/ws"),
    ],
    ids=["plain", "base url", "reached from elsewhere"],
)
def test_the_jupyter_server_that_started_the_kernel_gives_the_address(monkeypatch, tmp_path, facts, expected):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "4711")
    (tmp_path / "jpserver-4711.json").write_text(json.dumps({**facts, "token": "secret"}))
    assert public_url(SERVER, "/ws") == expected
    assert "secret" not in reached_by(8000)


def test_a_jupyter_server_without_a_runtime_file_causes_no_error(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    assert public_url(SERVER) == "http://localhost:8000/"


def test_in_colab_the_page_is_asked_once_for_each_port(monkeypatch):
    asked: list[str] = []

    def answer(script: str) -> str:
        asked.append(script)
        return "https://8000-colab.example/"

    monkeypatch.setitem(sys.modules, "google.colab.output", SimpleNamespace(eval_js=answer))
    assert public_url(SERVER, "/x") == "https://8000-colab.example/x"
    assert public_url(SERVER, "/ws", websocket=True) == "wss://8000-colab.example/ws"
    assert len(asked) == 1


def test_a_url_set_by_the_user_overrides_all_others_and_can_be_removed(monkeypatch):
    monkeypatch.setenv("ZEFNB_PUBLIC_URL", "https://env.example")
    set_public_url("https://mine.example/{port}/")
    assert public_url(SERVER, "/x") == "https://mine.example/8000/x"
    set_public_url(None)
    assert public_url(SERVER, "/x") == "https://env.example/x"
    with pytest.raises(InvalidValue, match="got 'example'"):
        set_public_url("example")


def test_a_link_is_text_and_is_displayed_as_a_link():
    link = public_url(SERVER, '/"><script>')
    assert isinstance(link, str)
    assert "<script>" not in link._repr_html_()
    assert 'target="_blank"' in link._repr_html_()


def test_the_link_leads_to_the_server(until):
    server = FX.StartHTTPServer(routes={"/": "hello"}, port=0) | run
    from urllib.request import ProxyHandler, build_opener

    assert build_opener(ProxyHandler({})).open(public_url(server)).read() == b"hello"
