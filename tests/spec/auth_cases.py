"""The blocks about logins of the chapter on auth and HTTPS: what each needs before it, and what is checked after it.

This is imported by the session in which a block runs.
"""

from __future__ import annotations

import http.client
import json
import os
from typing import Any, NamedTuple
from urllib.parse import urlencode

from websockets.sync.client import connect

from zefnb import FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers

PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
GIVEN: dict[str, Any] = json.loads(os.environ.get("GIVEN", "{}"))


class Reply(NamedTuple):
    status: int
    location: str
    cookie: str
    body: str


def ask(server: Any, path: str, form: dict[str, str] | None = None, cookie: str = "", **headers: str) -> Reply:
    """The reply to a GET, or to the POST of a form from a page of the server."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=20)
    sent = {**PAGE, **headers, **({"cookie": cookie} if cookie else {})}
    if form is None:
        connection.request("GET", path, headers=sent)
    else:
        own = {"origin": f"http://localhost:{server.port}", "content-type": "application/x-www-form-urlencoded"}
        connection.request("POST", path, urlencode(form), {**sent, **own, "sec-fetch-site": "same-origin"})
    response = connection.getresponse()
    given = response.headers.get("set-cookie", "").partition(";")[0]
    reply = Reply(response.status, response.headers.get("location", ""), given, response.read().decode())
    connection.close()
    return reply


def servers() -> list[Any]:
    return [row["server"] for row in FX.QueryAllActiveHTTPServers() | run]


def check_token(names: dict[str, Any]) -> None:
    [server] = servers()
    assert ask(server, "/").location == "/auth/login?next=/"
    path = default_runtime().service(Servers).get(server).auth.link_path
    entered = ask(server, path)
    assert (entered.status, entered.location) == (303, "/")
    assert ask(server, "/", cookie=entered.cookie).body == "for us only"


def check_passwords(names: dict[str, Any]) -> None:
    by_dict, by_function = servers()
    for server, name, password in ((by_dict, "grace", "battery staple"), (by_function, "ada", "of the directory")):
        assert ask(server, "/").status == 303
        assert ask(server, "/auth/login", {"name": name, "password": "wrong"}).status == 401
        entered = ask(server, "/auth/login", {"name": name, "password": password})
        assert ask(server, "/", cookie=entered.cookie).body == "the page"


def check_providers(names: dict[str, Any]) -> None:
    started = servers()
    for server, provider, begin in zip(
        started,
        ("google", "github", "oidc", "jupyterhub"),
        ("/authorize?", "/login/oauth/authorize?", "/authorize?", "/hub/api/oauth2/authorize?"),
        strict=True,
    ):
        assert ask(server, "/").status == 303
        reply = ask(server, f"/auth/login?provider={provider}")
        assert reply.location.startswith(GIVEN["issuer"] + begin), reply
        assert "state=" in reply.location


def check_long_form(names: dict[str, Any]) -> None:
    [server] = servers()
    assert [ask(server, path).status for path in ("/", "/about", "/welcome")] == [200, 200, 200]
    assert ask(server, "/rooms").location == "/welcome?next=/rooms"
    assert ask(server, "/auth/login?provider=google").location.startswith(GIVEN["issuer"])


def check_handlers(names: dict[str, Any]) -> None:
    server, cookie = _with_user(names, "ada")
    profile = json.loads(ask(server, "/profile", cookie=cookie).body)
    assert profile == {"name": "ada", "email": None}
    origin = f"http://localhost:{server.port}"
    url, headers = f"ws://localhost:{server.port}/ws", {"cookie": cookie}
    with connect(url, additional_headers=headers, origin=origin, open_timeout=30) as socket:
        assert socket.recv(timeout=20) == "hello ada"


def check_routes(names: dict[str, Any]) -> None:
    server, cookie = _with_user(names, "ada")
    _, other = _with_user(names, "grace", server)
    assert [ask(server, "/admin", cookie=each).status for each in (cookie, other, "")] == [200, 403, 303]
    origin, url = f"http://localhost:{server.port}", f"ws://localhost:{server.port}"
    headers = {"cookie": cookie}
    with connect(f"{url}/open", open_timeout=30):
        pass
    with connect(f"{url}/ws", additional_headers=headers, origin=origin, open_timeout=30):
        pass


def check_sessions(names: dict[str, Any]) -> None:
    server, cookie = names["server"], names["cookie"]
    assert FX.QuerySessions(http_server=server) | run == []
    assert ask(server, "/", cookie=cookie).status == 303


def _with_user(names: dict[str, Any], name: str, server: Any = None) -> tuple[Any, str]:
    """The server of the block, and the cookie of a user who has logged in there."""
    [server] = servers() if server is None else [server]
    return server, ask(server, "/auth/login", {"name": name, "password": "x"}).cookie


class Case(NamedTuple):
    name: str
    # A part of the block that no other block has.
    known_by: str
    before: str = ""
    after: str = ""


_START = "server = FX.StartHTTPServer(routes=routes, port=0, auth={'ada': 'x', 'grace': 'x'}) | run\n"
_BOTH = "routes = {'/profile': profile, '/ws': ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules))}\n"
CASES = {
    check_token: Case("token", "auth='token'"),
    check_passwords: Case(
        "passwords",
        "ldap.allows",
        "page = 'the page'\n"
        "class ldap:\n    allows = lambda name, password: (name, password) == ('ada', 'of the directory')\n",
    ),
    check_providers: Case("providers", "ET.JupyterHub()", "routes = {'/': 'hello'}\nID, SECRET = 'app', 's3cret'\n"),
    check_long_form: Case(
        "long form",
        "after_login='/rooms'",
        "routes = {path: 'hello' for path in ('/', '/about', '/welcome', '/rooms')}\nID, SECRET = 'app', 's3cret'\n"
        "db = FX.CreateDB(type=DictDatabase) | run\non_login = lambda user: None\n",
    ),
    check_handlers: Case(
        "handlers",
        "def profile(request)",
        after="rules = {(ET.WSClientConnected, Any): on_connect}\n" + _BOTH + _START,
    ),
    check_routes: Case(
        "routes",
        "allow=is_member",
        "room, news = ET.Topic('room'), ET.Topic('news')\nis_member = lambda user: user['name'] in ('ada', 'grace')\n",
        _START,
    ),
    check_sessions: Case(
        "sessions",
        "FX.RevokeSession(",
        "from tests.spec import auth_cases\nroutes = {'/': 'hello'}\n"
        + _START
        + "cookie = auth_cases._with_user({}, 'ada')[1]\nassert len(FX.QuerySessions(http_server=server) | run) == 1\n",
    ),
}


def check(name: str, names: dict[str, Any]) -> None:
    """Check what the block of this name promises, with the names that it has defined."""
    [verify] = [verify for verify, case in CASES.items() if case.name == name]
    verify(names)
