"""The parts of logins by themselves: sessions, tickets, flows, the throttle, cookies, paths to return to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clock import Clock
from zefnb.net.auth.cookies import Cookies
from zefnb.net.auth.flows import ADDRESS_FLOWS_LIMIT, FLOW_TIMEOUT, FLOWS_LIMIT, Flows
from zefnb.net.auth.passwords import CHECKS_LIMIT, Passwords
from zefnb.net.auth.returning import safe_path
from zefnb.net.auth.sessions import ABSOLUTE_DURATION, SESSIONS_LIMIT, USER_SESSIONS_LIMIT, Sessions
from zefnb.net.auth.throttle import (
    ADDRESS_FAILURES_LIMIT,
    ALL_FAILURES_LIMIT,
    NAME_FAILURES_LIMIT,
    THROTTLE_WINDOW,
    Attempt,
    Throttle,
)
from zefnb.net.auth.tickets import SESSION_TICKETS_LIMIT, TICKET_TIMEOUT, TICKETS_LIMIT, Tickets
from zefnb.net.http.request_head import RequestHead

ADA, BOB = ({"id": name, "name": name, "provider": "password"} for name in ("ada", "bob"))


# Sessions


def test_a_session_is_found_by_its_secret_only(clock: Clock):
    sessions = Sessions(60, False, clock)
    session, secret = sessions.begin(ADA)
    assert sessions.find(secret) is session
    for other in ("", secret[:-1], secret + "x", session.number, session.digest.hex()):
        assert sessions.find(other) is None
    assert len(secret) == 43  # 256 bits
    assert secret not in repr(vars(sessions)) + repr([getattr(session, name) for name in session.__slots__])


def test_a_session_ends_after_its_duration(clock: Clock):
    sessions = Sessions(60, False, clock)
    session, secret = sessions.begin(ADA)
    clock.now += 59
    sessions.touch(session)
    assert sessions.find(secret) is session
    clock.now += 1
    assert sessions.find(secret) is None


def test_a_sliding_session_lasts_while_it_is_used_but_not_for_ever(clock: Clock):
    sessions = Sessions(86_400, True, clock)
    session, secret = sessions.begin(ADA)
    while clock.now - session.since < ABSOLUTE_DURATION - 50_000:
        assert sessions.find(secret) is session
        sessions.touch(session)
        clock.now += 50_000
    clock.now += 50_000
    assert sessions.find(secret) is None


def test_a_sliding_session_that_is_not_used_ends(clock: Clock):
    sessions = Sessions(60, True, clock)
    _, secret = sessions.begin(ADA)
    clock.now += 60
    assert sessions.find(secret) is None


def test_sessions_of_a_user_are_limited(clock: Clock):
    sessions = Sessions(60, False, clock)
    secrets = []
    for _ in range(USER_SESSIONS_LIMIT + 1):
        clock.now += 0.1
        secrets.append(sessions.begin(ADA)[1])
    other = sessions.begin(BOB)[1]
    assert [sessions.find(secret) is None for secret in [*secrets, other]] == [True, *[False] * 101]


def test_all_sessions_together_are_limited(clock: Clock):
    sessions = Sessions(60, False, clock)
    for number in range(SESSIONS_LIMIT):
        session = sessions.make(number.to_bytes(32), {"id": number, "provider": "x"}, clock.now + number / 1e6)
        sessions.adopt(session)
    sessions.begin(ADA)
    assert len(list(sessions)) == SESSIONS_LIMIT
    assert sessions.of("ada")


# Tickets


def test_a_ticket_is_valid_once_and_for_a_minute(clock: Clock):
    tickets = Tickets(clock)
    ticket, late = tickets.issue("ada"), tickets.issue("bob")
    assert tickets.use(ticket + "x") is None
    assert (tickets.use(ticket), tickets.use(ticket)) == ("ada", None)
    clock.now += TICKET_TIMEOUT
    assert tickets.use(late) is None


def test_tickets_are_limited(clock: Clock):
    tickets = Tickets(clock)
    first, second = tickets.issue(0, -1), tickets.issue(1, -2)
    for number in range(TICKETS_LIMIT - 1):
        tickets.issue(number, number)
    assert (tickets.use(first), tickets.use(second)) == (None, 1)


def test_tickets_of_a_session_are_limited_and_push_out_no_others(clock: Clock):
    tickets = Tickets(clock)
    other = tickets.issue("bob", "bob's session")
    first, second = (tickets.issue("ada", "ada's session") for _ in range(2))
    for _ in range(SESSION_TICKETS_LIMIT - 1):
        tickets.issue("ada", "ada's session")
    assert [tickets.use(each) for each in (first, second, other)] == [None, "ada", "bob"]


# Flows


def test_a_flow_is_finished_once_by_the_browser_that_started_it(clock: Clock):
    flows = Flows(clock)
    (one, cookie), (two, other) = flows.start("google", "http://a/cb", "/"), flows.start("google", "http://a/cb", "/b")
    assert len({one.state, one.nonce, one.verifier, cookie, two.state, two.nonce, two.verifier, other}) == 8
    assert flows.finish(one.state, other) is None
    assert flows.finish("x", cookie) is None
    assert flows.finish(one.state, cookie) is one
    assert flows.finish(one.state, cookie) is None
    clock.now += FLOW_TIMEOUT
    assert flows.finish(two.state, other) is None
    for secret in (one.state, one.nonce, one.verifier):
        assert secret not in repr(one)


def test_flows_are_limited(clock: Clock):
    flows = Flows(clock)
    started = [flows.start("google", "http://a/cb", "/", f"10.0.{n // 250}.{n % 250}") for n in range(FLOWS_LIMIT + 1)]
    assert flows.finish(started[0][0].state, started[0][1]) is None
    assert flows.finish(started[1][0].state, started[1][1]) is not None


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::"])
def test_flows_of_an_address_are_limited_and_push_out_no_others(clock: Clock, address: str):
    flows = Flows(clock)
    other, cookie = flows.start("google", "http://a/cb", "/", "10.0.0.2")
    many = [
        flows.start("google", "http://a/cb", "/", address + (f"{number:x}" if ":" in address else ""))
        for number in range(ADDRESS_FLOWS_LIMIT + 1)
    ]
    assert flows.finish(many[0][0].state, many[0][1]) is None
    assert flows.finish(many[1][0].state, many[1][1]) is not None
    assert flows.finish(other.state, cookie) is other


def test_the_challenge_is_that_of_the_standard():
    flow = Flows().start("x", "", "/")[0]
    # RFC 7636, appendix B.
    object.__setattr__(flow, "verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert flow.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


# The throttle


def test_failed_logins_of_an_address_are_limited(clock: Clock):
    throttle = Throttle(clock)
    for number in range(ADDRESS_FAILURES_LIMIT):
        assert isinstance(throttle.begin("10.0.0.1", f"user{number}"), Attempt)
    assert throttle.begin("10.0.0.1", "ada") == THROTTLE_WINDOW
    assert isinstance(throttle.begin("10.0.0.2", "ada"), Attempt)
    clock.now += THROTTLE_WINDOW
    assert isinstance(throttle.begin("10.0.0.1", "ada"), Attempt)


def test_an_ipv6_network_is_one_address(clock: Clock):
    throttle = Throttle(clock)
    for number in range(ADDRESS_FAILURES_LIMIT):
        throttle.begin(f"2001:db8::{number:x}", "")
    assert throttle.begin("2001:db8::ffff:1", "") == THROTTLE_WINDOW
    assert isinstance(throttle.begin("2001:db8:0:1::1", ""), Attempt)


def test_failed_logins_with_a_name_are_limited(clock: Clock):
    throttle = Throttle(clock)
    for number in range(NAME_FAILURES_LIMIT):
        assert isinstance(throttle.begin(f"10.0.0.{number}", "ada"), Attempt)
    assert throttle.begin("10.0.1.1", "ada") == THROTTLE_WINDOW
    assert isinstance(throttle.begin("10.0.1.1", "bob"), Attempt)


def test_all_failed_logins_together_are_limited(clock: Clock):
    throttle = Throttle(clock)
    for number in range(ALL_FAILURES_LIMIT):
        assert isinstance(throttle.begin(f"10.0.{number}.1", f"user{number}"), Attempt)
    assert throttle.begin("10.1.0.1", "ada") == THROTTLE_WINDOW
    assert len(throttle._failures) == 2 * ALL_FAILURES_LIMIT + 1
    clock.now += THROTTLE_WINDOW
    throttle.begin("10.1.0.1", "ada")
    assert len(throttle._failures) == 3


def test_a_login_that_succeeds_does_not_count(clock: Clock):
    throttle = Throttle(clock)
    for _ in range(3 * ADDRESS_FAILURES_LIMIT):
        attempt = throttle.begin("10.0.0.1", "ada")
        assert isinstance(attempt, Attempt)
        attempt.succeeded()


# Passwords


def test_passwords_are_checked_one_after_the_other(monkeypatch: pytest.MonkeyPatch):
    running, most = 0, 0
    plain = Passwords._key

    def key(self: Passwords, password: str) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return plain(self, password)
        finally:
            running -= 1

    monkeypatch.setattr(Passwords, "_key", key)

    async def check() -> list[bool]:
        checked = Passwords({"ada": "correct horse", "bob": "é☃"})
        checked.prepare()
        given = [("ada", "correct horse"), ("ada", "x"), ("bob", "é☃"), ("bob", "correct horse"), ("eve", "x")]
        return await asyncio.gather(*(checked.admits(name, password) for name, password in given))

    assert asyncio.run(check()) == [True, False, True, False, False]
    assert most == CHECKS_LIMIT


def test_passwords_are_not_stored():
    async def check() -> Any:
        checked = Passwords({"ada": "correct horse"})
        checked.prepare()
        assert checked._prepared is not None
        await checked._prepared
        return vars(checked)

    assert "correct horse" not in repr(asyncio.run(check()))


def test_a_changed_password_is_another_credential_and_another_proof():
    one, same, other = (Passwords({"ada": password}) for password in ("a", "a", "b"))
    assert one.credential("ada") == same.credential("ada") != other.credential("ada")
    assert one.proof("ada", "secret") == same.proof("ada", "secret") != other.proof("ada", "secret")
    assert one.proof("ada", "secret") != one.proof("ada", "another secret")
    assert one.proof("eve", "secret") is None


@pytest.mark.parametrize(("is_prepared", "each"), [(False, 2), (True, 1)])
@pytest.mark.parametrize("name", ["ada", "bob", "eve", ""])
def test_a_check_derives_as_many_keys_for_an_unknown_name_as_for_a_known_one(
    monkeypatch: pytest.MonkeyPatch, name: str, is_prepared: bool, each: int
):
    derived: list[str] = []
    plain = Passwords._key
    monkeypatch.setattr(Passwords, "_key", lambda self, password: derived.append(password) or plain(self, password))

    async def check() -> bool:
        checked = Passwords({"ada": "correct horse", "bob": "x"})
        if is_prepared:
            checked.prepare()
            assert checked._prepared is not None
            await checked._prepared
            derived.clear()
        return await checked.admits(name, "guessed")

    assert asyncio.run(check()) is False
    assert len(derived) == each


def test_a_login_waits_for_one_key_of_others_at_most(monkeypatch: pytest.MonkeyPatch):
    derived: list[str] = []
    monkeypatch.setattr(Passwords, "_key", lambda self, password: derived.append(password) or password.encode())

    async def check() -> int:
        checked = Passwords({f"name-{number}": f"password-{number}" for number in range(500)})
        checked.prepare()
        await asyncio.sleep(0)
        assert await checked.admits("name-499", "password-499")
        before = len(derived)
        checked.close()
        return before

    assert asyncio.run(check()) <= 4


# Cookies and paths


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ({}, "zefnb-session-8000=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"),
        ({"prefix": "/proxy/8000"}, "zefnb-session-8000=x; Path=/proxy/8000; Max-Age=60; HttpOnly; SameSite=Lax"),
        ({"is_secure": True}, "__Host-zefnb-session-8000=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"),
        (
            {"is_secure": True, "prefix": "/p"},
            "__Secure-zefnb-session-8000=x; Path=/p; Max-Age=60; HttpOnly; SameSite=Lax; Secure",
        ),
    ],
)  # fmt: skip
def test_a_cookie_has_the_strictest_attributes_that_work(head: dict[str, Any], text: str):
    assert Cookies(8000).set(RequestHead("GET", "/", "", {}, **head), "x", 60) == ("set-cookie", text)


def test_two_different_cookies_of_the_same_name_are_no_login():
    cookies = Cookies(8000)

    def read(*values: str) -> str:
        return cookies.read(RequestHead("GET", "/", "", {"cookie": values}))

    assert read("a=b; zefnb-session-8000=x") == "x"
    assert read("zefnb-session-8000=x; zefnb-session-8000=y") == ""
    assert read("zefnb-session-8000=x", "zefnb-session-8000=y") == ""
    assert read("zefnb-session-8001=x; xzefnb-session-8000=y") == ""
    assert read("__Host-zefnb-session-8000=x") == ""


ELSEWHERE = [
    *("//evil.example", "/\\evil.example", "\\/evil.example", "https:evil.example", "https://evil.example/"),
    *("http:///evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example", "/%2fevil.example"),
    *("/%252fevil.example", "/%5Cevil.example", "/a\r\nSet-Cookie: x=y", "/a%0d%0aSet-Cookie: x", "/\tevil.example"),
    *("http://localhost:9999/", "//localhost:9999/", "http://ada@localhost/", "/.//evil.example/..", " //evil.example"),
    *("/\x00", "", "?next=x", "/é", "/" + "a" * 3_000, "/a/../../b", "/%2e%2e//evil.example"),
    *("/.//evil.example", "/%2e//evil.example", "/a/.", "/%ef%bc%8fevil.example", "/a%ef%bc%bcevil.example"),
]


@pytest.mark.parametrize("given", ELSEWHERE)
def test_a_login_never_returns_to_another_server(given: str):
    assert safe_path(given) == "/"


@pytest.mark.parametrize(
    "given", ["/", "/rooms", "/rooms?x=1&y=%2F%2Fevil", "/a%20b", "/a:b@c", "/r%C3%A4ume#top", "/a//b"]
)
def test_a_login_returns_to_a_path_of_this_server(given: str):
    assert safe_path(given) == given
