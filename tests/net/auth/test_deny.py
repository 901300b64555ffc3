"""Deny by default: without a login, no request runs a handler, whatever its path, its method and its kind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.auth.conftest import PASSWORDS
from tests.net.conftest import journal
from tests.net.http.test_gate import HANDSHAKE, WAYS, request
from zefnb import ET, FX, run, zef_function

ran: list[str] = []


@zef_function
def handler(message: Any) -> Any:
    ran.append(message.path)
    return "ran"


@zef_function
def on_message(message: Any, state: Any) -> Any:
    ran.append(type(message).__name__)
    return [[], state]


async def is_ada(user: Any) -> bool:
    return bool(user["name"] == "ada")


def fails(user: Any) -> bool:
    raise ValueError("broken by the test")


@pytest.fixture
def server(serve: Any, topic: Any, tmp_path: Any) -> Any:
    ran.clear()
    (tmp_path / "file.txt").write_text("secret")
    socket = {"clients_subscribe_to": [topic], "clients_push_into_": [topic]}
    routes = {
        "/page": handler,
        ("POST", "/page"): handler,
        ("DELETE", "/page"): handler,
        ("POST", "/hook"): ET.PushInto(topics=[topic]),
        "/events": ET.EventStream(clients_subscribe_to=[topic], history=1),
        "/files/{path...}": ET.FromDirectory(path=tmp_path),
        "/text": "text",
        "/file": ET.FromFile(path=tmp_path / "file.txt"),
        "/rooms/{name}": handler,
        "/ws": ET.WebSocket(**socket),
        "/actor": ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=on_message)),
        "/open": ET.Route(handler=handler, public=True),
        "/open/ws": ET.WebSocket(**socket, public=True),
        "/listed/page": handler,
        "/ada": ET.Route(handler=handler, allow=is_ada),
        "/ada/ws": ET.WebSocket(**socket, allow=lambda user: user["name"] == "ada"),
        "/nobody": ET.HTML(content="x", allow=fails),
        "/listed/ada": ET.HTML(content="x", allow=is_ada),
    }
    started = serve(routes, auth=ET.Auth(providers=[PASSWORDS], public=["/listed/*"]))
    change = [ET.InsertIn(path=["routes", "/later"], value=handler)]
    FX.UpdateRunningHTTPServer(server=started, delta=change) | run
    return started


def answer(raw: Any, server: Any, said: bytes) -> tuple[int, dict[str, str], bytes]:
    wire = raw(server, None)
    wire.send(said)
    found: tuple[int, dict[str, str], bytes] = wire.read_response()
    wire.close()
    return found


PATHS = [
    *(
        "/page",
        "/hook",
        "/files/file.txt",
        "/files",
        "/files/../page",
        "/text",
        "/file",
        "/rooms/red",
        "/later",
        "/nowhere",
        "/ws",
        "/actor",
        "/",
        "/page/",
        "//page",
    ),
    *("/ada", "/ada/ws", "/nobody", "/listed/../page", "/open/../page", "/auth", "/auth/nowhere"),
    *("/%70age", "/auth/", "/page?token=x", "/ws?ticket=x", "/page?" + "a&" * 2_000),
]
CREDENTIALS = {
    "none": (),
    "a wrong cookie": ("Cookie: zefnb-session-PORT=x",),
    "an empty cookie": ("Cookie: zefnb-session-PORT=",),
    "a wrong bearer token": ("Authorization: Bearer x",),
    "an empty bearer token": ("Authorization: Bearer ",),
    "basic credentials": ("Authorization: Basic YWRhOmNvcnJlY3QgaG9yc2U=",),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_every_path_without_a_login_is_401_and_runs_no_handler(server: Any, raw: Any, way: str, kind: str):
    lines = ("Host: localhost", *(line.replace("PORT", str(server.port)) for line in CREDENTIALS[kind]))
    for path in PATHS:
        code, headers, body = answer(raw, server, request(way, path, *lines))
        assert (code, headers.get("www-authenticate")) == (401, 'Bearer realm="zefnb"'), path
        assert body == b"401 log in first\n"
    assert ran == []
    assert journal("error") == []


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "PROPFIND"])
def test_every_method_without_a_login_is_401(server: Any, raw: Any, method: str):
    for path in ("/page", "/hook", "/nowhere", "/ws"):
        said = request("http", path, "Host: localhost", "Connection: close", method=method)
        wire = raw(server, None)
        wire.send(said)
        assert wire.read_head()[0] == 401
    assert ran == []


@pytest.mark.parametrize("way", WAYS)
def test_the_host_and_the_origin_are_checked_before_the_login(server: Any, raw: Any, way: str):
    for line in ("Host: evil.example", "Host: localhost\r\nOrigin: http://evil.example"):
        assert answer(raw, server, request(way, "/page", line))[0] == 403


def test_only_a_page_is_redirected_to_the_login(server: Any, raw: Any, browse: Any):
    eve = browse(server)
    for path in ("/page?a=1", "/nowhere", "/file", "/nobody"):
        reply = eve.page(path)
        assert reply.status_code == 303
        assert reply.headers["location"] == f"/auth/login?next={path.replace('?', '%3F').replace('=', '%3D')}"
        assert reply.headers["cache-control"] == "no-store"
    html = {"accept": "text/html"}
    assert eve.get("/page", headers={**html, "sec-fetch-mode": "cors"}).status_code == 401
    assert eve.get("/page", headers={**html, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}).status_code == 401
    assert eve.post("/page", headers=html).status_code == 401
    assert eve.get("/page", headers={"accept": "*/*"}).status_code == 401
    for way in ("plain", "upgrade"):
        assert answer(raw, server, request(way, "/ws", "Host: localhost", "Accept: text/html"))[0] == 401


@pytest.mark.parametrize("way", WAYS)
def test_a_public_route_needs_no_login(server: Any, raw: Any, way: str):
    paths = ["/open", "/listed/page", "/listed/nowhere"] if way == "http" else ["/open/ws"]
    codes = [answer(raw, server, request(way, path, "Host: localhost"))[0] for path in paths]
    assert codes == ([200, 200, 404] if way == "http" else [101])
    # Wrong credentials do not close it.
    wrong = ("Host: localhost", f"Cookie: zefnb-session-{server.port}=x", "Authorization: Bearer x")
    assert answer(raw, server, request(way, paths[0], *wrong))[0] == codes[0]


@pytest.mark.parametrize(("name", "allowed"), [("ada", True), ("bob", False)])
def test_a_route_with_allow_serves_only_its_users(server: Any, raw: Any, browse: Any, name: str, allowed: bool):
    user = browse(server)
    user.login(name)
    assert user.get("/page").text == "ran"
    assert user.get("/ada").status_code == (200 if allowed else 403)
    assert user.get("/listed/ada").status_code == (200 if allowed else 403)
    lines = (f"Host: localhost:{server.port}", f"Origin: {user.origin}", f"Cookie: {user.cookie}")
    for way in ("plain", "upgrade"):
        assert answer(raw, server, request(way, "/ada/ws", *lines))[0] == (101 if allowed else 403)
        assert answer(raw, server, request(way, "/ws", *lines))[0] == 101
    assert ran.count("/ada") == allowed


def test_allow_narrows_a_path_that_is_public(server: Any, browse: Any):
    assert browse(server).get("/listed/ada").status_code == 401


def test_a_failing_allow_denies(server: Any, browse: Any):
    ada = browse(server)
    ada.login()
    assert ada.get("/nobody").status_code == 500
    (entry,) = journal("error")
    assert "broken by the test" in entry["message"]


def test_a_user_sees_which_paths_exist(server: Any, browse: Any):
    ada = browse(server)
    ada.login()
    assert [ada.get(path).status_code for path in ("/nowhere", "/ws", "/text")] == [404, 426, 200]
    assert ada.put("/page", headers={"origin": ada.origin}).status_code == 405


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        (ET.HTML(content="x", public=3), "routes['/x'].public: got 3"),
        (ET.HTML(content="x", allow="ada"), "routes['/x'].allow: got 'ada'"),
        (
            ET.WebSocket(clients_subscribe_to=[ET.Topic("t")], public=True, allow=is_ada),
            "routes['/x'].allow: the route",
        ),
    ],
)
def test_a_wrong_field_of_a_route_is_named(serve: Any, route: Any, problem: str):
    with pytest.raises(TypeError) as caught:
        serve({"/x": route}, auth=PASSWORDS)
    assert problem in str(caught.value)


def test_allow_without_auth_is_an_error_and_not_an_open_door(serve: Any):
    with pytest.raises(TypeError, match=r"routes\['/x'\].allow: the server has no auth="):
        serve({"/x": ET.HTML(content="x", allow=is_ada)})
    server = serve({"/x": ET.HTML(content="x", public=True)})
    change = [ET.InsertIn(path=["routes", "/y"], value=ET.HTML(content="y", allow=is_ada))]
    with pytest.raises(TypeError, match="the server has no auth="):
        FX.UpdateRunningHTTPServer(server=server, delta=change) | run


@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout/", "/auth/callback", "/auth/ticket"])
def test_the_paths_of_logins_are_taken(serve: Any, path: str):
    with pytest.raises(TypeError, match="zefnb serves this path"):
        serve({path: "mine"}, auth=PASSWORDS)


def test_a_handshake_to_the_login_is_404(server: Any, raw: Any):
    for way in ("plain", "upgrade"):
        assert answer(raw, server, request(way, "/auth/login", "Host: localhost"))[0] == 404
    assert HANDSHAKE
