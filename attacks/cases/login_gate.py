"""Requests without a login: none is accepted, a login leads nowhere else, and no other client uses a session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server, System, running
from attacks.wire import Wire
from tests.net.wire import KEY

GATE_SERVER = System("zefnb, with a gate", module="attacks.servers.zefnb_gate", needs=("zefnb", "authlib", "joserfc"))
PASSWORD = "correct horse"
WAYS = ("http", "plain", "upgrade")
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")
_FORM = "Content-Type: application/x-www-form-urlencoded"
_PAGE = ("Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")

Response = tuple[int, dict[str, str], bytes]


def sent(
    server: Server, target: str, *lines: str, way: str = "http", method: str = "GET", body: bytes = b""
) -> Response:
    """Send a request by one of the ways in, and return the response."""
    head = [f"{method} {target} HTTP/1.1", *lines]
    if not any(line.startswith("Host:") for line in lines):
        head.append(f"Host: localhost:{server.port}")
    # A tab is valid in a header, and makes the server read the handshake with the HTTP parser.
    head += {"http": (f"Content-Length: {len(body)}",), "plain": HANDSHAKE, "upgrade": (*HANDSHAKE, "X-Way:\tx")}[way]
    with Wire(server.port) as wire:
        wire.send("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        status, headers, _ = wire.read_head()
        length = int(headers.get("content-length", "0")) if status != 101 and method != "HEAD" else 0
        return status, headers, wire._take(length)


def form(server: Server, *lines: str, **fields: str) -> Response:
    """Send the form of the login page."""
    own = lines or (f"Origin: http://localhost:{server.port}",)
    return sent(server, "/auth/login", _FORM, *own, method="POST", body=urlencode(fields).encode())


def token_of(server: Server) -> str:
    """Return the token of the access link."""
    return str(server.command("link")["path"]).rpartition("=")[2]


def logged_in(server: Server) -> str:
    """Log in, and return the cookie as name and value."""
    status, headers, _ = form(server, name="ada", password=PASSWORD)
    assert status == 303, status
    return headers["set-cookie"].partition(";")[0]


@contextmanager
def with_routes_added() -> Iterator[Server]:
    """A server whose routes have been changed since its start."""
    with running(GATE_SERVER) as server:
        server.command("add")
        yield server


_PATHS = (
    *("/", "/page", "/page/", "//page", "/%70age", "/text", "/file", "/rooms/red", "/ada", "/later", "/nowhere"),
    *("/room", "/actor", "/later/room", "/later/actor", "/ws/../page", "/echo/../page", "/./page", "/page?x=1"),
    *("/auth", "/auth/nowhere", "/AUTH/LOGIN", "/auth/login/../../page", "/page;x", "/page%00", "/favicon.ico"),
)


def deny(plain: Server, settings: Settings) -> Outcome:
    with with_routes_added() as server:
        port = server.port
        wrong = {
            "nothing": (),
            "a cookie": (f"Cookie: zefnb-session-{port}=x", f"Origin: http://localhost:{port}"),
            "a bearer token": ("Authorization: Bearer x",),
            "a password": ("Authorization: Basic YWRhOmNvcnJlY3QgaG9yc2U=",),
        }
        accepted, count = [], 0
        for way in WAYS:
            for kind, lines in wrong.items():
                for path in (*_PATHS, "/page?token=x", "/room?ticket=x", "/room?token=x"):
                    count += 1
                    if (status := sent(server, path, *lines, way=way)[0]) != 401:
                        accepted.append(f"{way} {path} with {kind}: {status}")
        for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"):
            count += 1
            if (status := sent(server, "/page", method=method)[0]) != 401:
                accepted.append(f"{method}: {status}")
        for path in ("/page", "/file", "/nowhere", "/later"):
            count += 1
            status, headers, _ = sent(server, path, *_PAGE)
            if (status, headers.get("location")) != (303, f"/auth/login?next={path}"):
                accepted.append(f"a page {path}: {status}")
        ran = server.command("ran")["count"]
        # The same paths with a login, so that it is the login that they lack.
        own = (f"Cookie: {logged_in(server)}", f"Origin: http://localhost:{port}")
        served = [sent(server, path, *own)[0] for path in ("/", "/page", "/file", "/rooms/red", "/ada", "/later")]
        opened = [
            sent(server, path, *own, way=way)[0]
            for path in ("/room", "/actor", "/later/room", "/later/actor")
            for way in WAYS[1:]
        ]
        missing = sent(server, "/nowhere", *own)[0]
    return Outcome(
        f"{len(accepted)} of {count} accepted, {ran} calls of handlers; with a login all are served",
        ok=not accepted and ran == 0 and set(served) == {200} and set(opened) == {101} and missing == 404,
        details={"accepted": accepted, "served": served, "opened": opened, "missing": missing},
    )


def sockets(plain: Server, settings: Settings) -> Outcome:
    with running(GATE_SERVER) as server:
        port, cookie = server.port, logged_in(server)
        own = f"http://localhost:{port}"
        foreign = (
            *("http://evil.example", "null", "", f"{own}.evil.example", f"http://localhost.evil.example:{port}"),
            *("http://localhost:1", "http://localhost", f"http://127.0.0.1:{port}", f"https://localhost:{port}"),
            *(f"http://[::1]:{port}", f"http://ada@localhost:{port}", f"{own}@evil.example", "file://"),
            *(f"{own}, http://evil.example", f"http://xlocalhost:{port}", f"http://app.localhost:{port}"),
        )
        wrong, bearer = [], f"Authorization: Bearer {cookie.partition('=')[2]}"

        def expect(status: int, way: str, what: str, *lines: str, path: str = "/room") -> None:
            if (given := sent(server, path, *lines, way=way)[0]) != status:
                wrong.append(f"{what}, {way}: {given}")

        for way in WAYS[1:]:
            expect(101, way, "the own page", f"Cookie: {cookie}", f"Origin: {own}")
            expect(403, way, "no Origin", f"Cookie: {cookie}")
            for origin in foreign:
                expect(403, way, f"Origin {origin!r}", f"Cookie: {cookie}", f"Origin: {origin}")
            expect(400, way, "two Origins", f"Cookie: {cookie}", f"Origin: {own}", "Origin: http://localhost:1")
            expect(101, way, "a bearer token without Origin", bearer)
            expect(401, way, "a wrong bearer token", f"{bearer}x")
            expect(401, way, "two bearer tokens", bearer, "Authorization: Bearer x")
            ticket, late = (_ticket(server, cookie) for _ in range(2))
            expect(101, way, "a ticket", path=f"/room?ticket={ticket}")
            expect(401, way, "the same ticket", path=f"/room?ticket={ticket}")
            expect(401, way, "a wrong ticket", path=f"/room?ticket={late[:-1]}")
            server.command("wait", seconds=59)
            expect(101, way, "a ticket after 59 s", path=f"/room?ticket={_ticket(server, cookie, late)}")
            late = _ticket(server, cookie)
            server.command("wait", seconds=119)
            expect(401, way, "a ticket after 60 s", path=f"/room?ticket={late}")
            server.command("wait", seconds=0)
        page = sent(server, f"/page?ticket={_ticket(server, cookie)}")[0]
    return Outcome(
        f"{2 * len(foreign)} foreign Origins; {len(wrong)} wrong responses",
        ok=not wrong and page == 401,
        details={"wrong": wrong, "page": page},
    )


def _ticket(server: Server, cookie: str, given: str = "") -> str:
    """Return a new ticket, or the `given` one."""
    if given:
        return given
    own = (f"Cookie: {cookie}", f"Origin: http://localhost:{server.port}")
    status, _, body = sent(server, "/auth/ticket", *own, method="POST")
    assert status == 200, status
    return str(json.loads(body)["ticket"])


_ELSEWHERE = (
    *(
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
    ),
    *(
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example/",
        "HTTPS://evil.example",
        "http:///evil.example",
    ),
    *("javascript:alert(1)", "data:text/html,x", "vbscript:x", "evil.example", "@evil.example", "?next=//evil.example"),
    *("/%2fevil.example", "/%2Fevil.example", "/%252fevil.example", "/%25252fevil.example", "/%5Cevil.example"),
    *(
        "%2f%2fevil.example",
        "/a\r\nSet-Cookie: x=y",
        "/a\nLocation: //evil.example",
        "/a%0d%0aSet-Cookie: x",
        "/\r/evil",
    ),
    *("/\t/evil.example", "/\tevil.example", "\t//evil.example", " //evil.example", "/\x00/evil.example", "/\x0bevil"),
    *(
        "http://ada@localhost/",
        "http://localhost@evil.example/",
        "http://localhost:1/",
        "//localhost:1/",
        "//ada:x@evil",
    ),
    *("/.//evil.example", "/..//evil.example", "/./\\evil.example", "/a/..//evil.example", "/%2e%2e//evil.example"),
    *(
        "/／evil.example",
        "/%ef%bc%8fevil.example",
        "／／evil.example",
        "/é",
        "//[::1]/",
        "//%65vil.example",
        "/" + "a" * 3_000,
    ),
)
# In the short form: a login at a provider takes longer than the others.
_BY_PROVIDER = (*_ELSEWHERE[::8], "/rooms/red")
_HERE = ("/rooms/red", "/rooms/red?x=1&y=%2F%2Fevil", "/a%20b", "/a:b@c")


def redirects(plain: Server, settings: Settings) -> Outcome:
    with running(GATE_SERVER) as server:
        token = token_of(server)
        places: dict[str, list[str]] = {}
        for given in (*_ELSEWHERE, *_HERE):
            forms = [
                form(server, token=token, next=given)[1].get("location", "none"),
                # As the form of the login page has it.
                _hidden_next(sent(server, f"/auth/login?next={quote(given, safe='')}", *_PAGE)[2]),
            ]
            is_by_provider = not settings.quick or given in _BY_PROVIDER
            places[given] = [*forms, _by_provider(server, given)] if is_by_provider else forms
        by_link = {
            target: sent(server, f"{target}?token={token}", *_PAGE)[1].get("location", "/")
            for target in ("//evil.example", "/%2fevil.example", "/\\evil.example", "/%5c%5cevil.example", "///evil")
        }
    left = [f"{given!r}: {there}" for given in _ELSEWHERE if set(there := places[given]) != {"/"}]
    left += [f"the link to {target}: {there}" for target, there in by_link.items() if there != "/"]
    lost = [given for given in _HERE if set(places[given]) != {given}]
    return Outcome(
        f"{len(left)} of {len(_ELSEWHERE) + len(by_link)} spellings lead elsewhere, {len(lost)} of {len(_HERE)} own "
        "paths are lost",
        ok=not left and not lost,
        details={"left": left, "lost": lost},
    )


def _hidden_next(page: bytes) -> str:
    text = page.decode().partition('name="next" value="')[2].partition('"')[0]
    return text.replace("&amp;", "&")


def begin_at_provider(server: Server, *lines: str, next: str = "/") -> tuple[dict[str, str], str]:
    """Begin a login at the provider: the query with which it would redirect back, and the cookie of the browser."""
    status, headers, _ = sent(server, f"/auth/login?provider=oidc&next={quote(next, safe='')}", *_PAGE, *lines)
    assert status == 303, status
    query = parse_qs(urlsplit(headers["location"]).query)
    server.command("sign", nonce=query["nonce"][0])
    return {"code": "c", "state": query["state"][0]}, headers["set-cookie"].partition(";")[0]


def return_from_provider(server: Server, params: dict[str, str], cookie: str) -> Response:
    lines = (f"Cookie: {cookie}",) if cookie else ()
    return sent(server, f"/auth/callback?{urlencode(params)}", *lines, *_PAGE, "Sec-Fetch-Site: cross-site")


def _by_provider(server: Server, next: str) -> str:
    return return_from_provider(server, *begin_at_provider(server, next=next))[1].get("location", "none")


def sessions(plain: Server, settings: Settings) -> Outcome:
    """Each attempt must begin no session, or not that of the attacker."""
    with running(GATE_SERVER) as server:
        port, own = server.port, f"http://localhost:{server.port}"
        name = f"zefnb-session-{port}"
        wrong: list[str] = []

        def expect(what: str, *allowed: int, given: Response) -> None:
            if given[0] not in allowed:
                wrong.append(f"{what}: {given[0]}")

        def with_cookie(cookie: str) -> Response:
            return sent(server, "/page", f"Cookie: {cookie}")

        user = {"name": "ada", "password": PASSWORD}
        # Login CSRF: a foreign page sends the attacker's password, or continues the attacker's login.
        pages = (
            f"Origin: {own}.evil.example",
            "Origin: null",
            "Origin: http://localhost:1",
            "Origin: http://evil.example",
        )
        sites = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site")
        for line in (*pages, *sites):
            expect(f"a login of a page with {line}", 403, given=form(server, line, **user))
        expect("a login in an address", 200, given=sent(server, f"/auth/login?{urlencode(user)}", *_PAGE))
        params, flow = begin_at_provider(server)
        expect("the reply to another browser", 400, given=return_from_provider(server, params, ""))
        _, other = begin_at_provider(server)
        expect("the reply to another login", 400, given=return_from_provider(server, params, other))
        forged = f"{flow.partition('=')[0]}={other.partition('=')[2]}"
        expect("the reply with another cookie", 400, given=return_from_provider(server, params, forged))
        expect("a state without a login", 400, given=return_from_provider(server, {"code": "c", "state": "x"}, flow))
        before = server.command("sessions")["count"]
        # Fixation: the victim's browser has the id of a session of the attacker.
        for known in (f"{name}=known-to-the-attacker", form(server, name="bob", password=PASSWORD)[1]["set-cookie"]):
            known = known.partition(";")[0]
            status, headers, _ = form(server, f"Cookie: {known}", f"Origin: {own}", **user)
            new = headers["set-cookie"].partition(";")[0]
            if status != 303 or new == known or with_cookie(known)[0] != 401 or with_cookie(new)[2] != b"ada":
                wrong.append(f"a fixed id: {status}")
            expect("two ids", 401, given=with_cookie(f"{new}; {known}"))
        # Replay
        params, flow = begin_at_provider(server)
        expect("a login at the provider", 303, given=return_from_provider(server, params, flow))
        expect("the same login again", 400, given=return_from_provider(server, params, flow))
        cookie = logged_in(server)
        for line in (*pages, "Sec-Fetch-Site: cross-site"):
            left = sent(server, "/auth/logout", f"Cookie: {cookie}", line, method="POST")
            expect(f"a logout of a page with {line}", 403, given=left)
        expect("a logout by a link", 405, given=sent(server, "/auth/logout", f"Cookie: {cookie}"))
        expect("a session", 200, given=with_cookie(cookie))
        ticket = _ticket(server, cookie)
        sent(server, "/auth/logout", f"Cookie: {cookie}", f"Origin: {own}", method="POST")
        expect("a cookie after the logout", 401, given=with_cookie(cookie))
        bearer = f"Authorization: Bearer {cookie.partition('=')[2]}"
        expect("a bearer token after the logout", 401, given=sent(server, "/page", bearer))
        expect("a ticket after the logout", 401, given=sent(server, f"/room?ticket={ticket}", way="plain"))
        count = server.command("sessions")["count"]
    return Outcome(
        f"{before} sessions of 11 foreign attempts; {len(wrong)} wrong responses",
        # Of ada: two from the attempts at fixation, and one from the provider.
        ok=not wrong and before == 0 and count == 3,
        details={"wrong": wrong, "sessions": count},
    )


ATTACKS = (
    Attack(
        "login-deny",
        "without a login every path (also a missing one, a file, a route added later, and both kinds of WebSocket) "
        "gets 401, or 303 to the login for a page, by all three ways in, and runs no handler",
        deny,
        quick=True,
        peers=False,
    ),
    Attack(
        "login-sockets",
        "a cookie with a foreign Origin, null, a similar one, another port of this machine, or none: 403; a bearer "
        "token needs no Origin; a ticket is for one handshake within 60 s",
        sockets,
        quick=True,
        peers=False,
    ),
    Attack(
        "login-redirects",
        "a login with another server as its target, in every spelling, leads to / (by password or token, by the form, "
        "by a provider, and by the access link)",
        redirects,
        quick=True,
        peers=False,
    ),
    Attack(
        "login-sessions",
        "session fixation, replay and login CSRF begin no session, and end none",
        sessions,
        quick=True,
        peers=False,
    ),
)
