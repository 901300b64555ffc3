"""The limits of logins, each at the limit and one beyond it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from authlib.common.errors import AuthlibBaseError
from joserfc.jwk import ECKey

from tests.clock import Clock
from zefnb.net.auth.endpoints import LOGIN_BODY_LIMIT
from zefnb.net.auth.expiring import Expiring
from zefnb.net.auth.flows import FLOW_TIMEOUT, Flows
from zefnb.net.auth.passwords import LONGEST_PASSWORD, Passwords
from zefnb.net.auth.providers import outgoing
from zefnb.net.auth.providers.id_token import verify
from zefnb.net.auth.providers.keys import Keys
from zefnb.net.auth.providers.outgoing import Outgoing
from zefnb.net.auth.providers.provider import LoginFailed
from zefnb.net.auth.returning import safe_path
from zefnb.net.auth.sessions import Sessions, is_same_user
from zefnb.net.auth.throttle import (
    ADDRESS_FAILURES_LIMIT,
    ALL_FAILURES_LIMIT,
    NAME_FAILURES_LIMIT,
    THROTTLE_WINDOW,
    Throttle,
)
from zefnb.net.auth.tickets import TICKET_TIMEOUT, Tickets

MOMENT = 0.001


# Failed logins


@pytest.mark.parametrize(
    ("limit", "address", "name"),
    [
        (ADDRESS_FAILURES_LIMIT, "10.0.0.1", "name-%d"),
        (NAME_FAILURES_LIMIT, "10.0.0.%d", "ada"),
        (ALL_FAILURES_LIMIT, "10.0.0.%d", "name-%d"),
        (ADDRESS_FAILURES_LIMIT, "2001:db8:0:1::%d", ""),
        (ALL_FAILURES_LIMIT, "2001:db8:0:%d::1", ""),
    ],
)
def test_as_many_logins_may_fail_as_the_limit_and_one_more_after_a_minute(
    clock: Clock, limit: int, address: str, name: str
):
    throttle = Throttle(clock)

    def begin(number: int) -> Any:
        return throttle.begin(*(text % number if "%" in text else text for text in (address, name)))

    begin(0)
    clock.now += 10
    attempts = [begin(number) for number in range(1, limit)]
    assert not [attempt for attempt in attempts if isinstance(attempt, float)]
    assert begin(limit) == THROTTLE_WINDOW - 10
    clock.now += THROTTLE_WINDOW - 10 - MOMENT
    assert begin(limit) == pytest.approx(MOMENT)
    clock.now += MOMENT
    assert not isinstance(begin(limit), float)
    assert isinstance(begin(limit + 1), float)


def test_a_login_that_succeeds_leaves_room_for_one_more(clock: Clock):
    throttle = Throttle(clock)
    attempts = [throttle.begin("10.0.0.1", "ada") for _ in range(NAME_FAILURES_LIMIT)]
    assert isinstance(throttle.begin("10.0.0.1", "ada"), float)
    attempts[3].succeeded()  # type: ignore[union-attr]
    assert not isinstance(throttle.begin("10.0.0.1", "ada"), float)
    assert isinstance(throttle.begin("10.0.0.1", "ada"), float)


def test_the_longest_wait_of_an_address_and_a_name_is_reported(clock: Clock):
    throttle = Throttle(clock)
    for number in range(ADDRESS_FAILURES_LIMIT):
        throttle.begin("10.0.0.1", f"name-{number}")
    clock.now += 10
    for number in range(NAME_FAILURES_LIMIT):
        throttle.begin(f"10.0.0.{number + 2}", "ada")
    assert throttle.begin("10.0.0.1", "") == THROTTLE_WINDOW - 10
    assert throttle.begin("10.0.0.1", "ada") == THROTTLE_WINDOW


def test_failures_are_forgotten_with_their_addresses_and_names(clock: Clock):
    throttle = Throttle(clock)
    for number in range(ALL_FAILURES_LIMIT):
        throttle.begin(f"10.0.0.{number}", f"name-{number}")
    assert len(throttle._failures) == 2 * ALL_FAILURES_LIMIT + 1
    clock.now += THROTTLE_WINDOW
    throttle.begin("10.1.0.1", "")
    assert len(throttle._failures) == 2


# Passwords


@pytest.mark.parametrize(("length", "is_computed"), [(LONGEST_PASSWORD, True), (LONGEST_PASSWORD + 1, False)])
def test_a_password_has_1024_characters_at_most(length: int, is_computed: bool, monkeypatch: pytest.MonkeyPatch):
    computed: list[str] = []
    password = "p" * length

    async def there() -> bool:
        checked = Passwords({"ada": password})
        await checked._derive()
        key = Passwords._key
        monkeypatch.setattr(Passwords, "_key", lambda self, given: computed.append(given) or key(self, given))
        return await checked.admits("ada", password)

    assert asyncio.run(there()) is is_computed
    assert computed == [password] * is_computed


@pytest.mark.parametrize(("size", "statuses"), [(LOGIN_BODY_LIMIT, {401}), (LOGIN_BODY_LIMIT + 1, {413})])
def test_a_login_of_16_kib_is_read_and_one_more_byte_is_refused(serve: Any, raw: Any, size: int, statuses: set[int]):
    wire = raw(serve({"/": "x"}, auth={"ada": "a password"}), None)
    body = b"name=ada&password=wrong&x=".ljust(size, b"y")
    kind = "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json"
    wire.send(
        f"POST /auth/login HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: {size}\r\n\r\n".encode(), body
    )
    assert {wire.read_head()[0]} == statuses


# Sessions, tickets and flows


def test_a_session_that_is_used_all_the_time_ends_after_30_days(clock: Clock):
    sessions = Sessions(60, True, clock)
    session, secret = sessions.begin({"id": 1, "provider": "x"})
    clock.now += 30 * 86_400 - 1
    session.seen = clock.now
    assert sessions.find(secret) is session
    clock.now += 1
    session.seen = clock.now
    assert sessions.find(secret) is None


def test_a_session_has_ended_at_its_end_and_not_before(clock: Clock):
    sessions = Sessions(60, False, clock)
    session, secret = sessions.begin({"id": 1, "provider": "x"})
    clock.now += 60 - MOMENT
    sessions.end_late()
    assert sessions.find(secret) is session
    clock.now += MOMENT
    assert sessions.find(secret) is None
    assert list(sessions) == [session]
    sessions.end_late()
    assert list(sessions) == []


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"id": 1, "provider": "x", "name": "other"}, True),
        ({"id": 2, "provider": "x"}, False),
        ({"id": 1, "provider": "y"}, False),
        ({"id": 2, "provider": "y"}, False),
    ],
)
def test_users_are_the_same_with_the_same_id_at_the_same_provider(one: dict[str, Any], same: bool):
    assert is_same_user(one, {"id": 1, "provider": "x"}) is same


def test_values_that_expire_at_once_are_not_valid_and_are_forgotten_in_steps(clock: Clock):
    values: Expiring[int, str] = Expiring(timeout=60, limit=1_000, owner_limit=1_000, clock=clock)
    for number in range(250):
        values.add(number, "valid", owner="ada")
    clock.now += 60
    assert [(values.get(249), len(values)) for _ in range(3)] == [(None, 150), (None, 50), (None, 0)]
    assert not values._owned


@pytest.mark.parametrize(("seconds", "is_valid"), [(TICKET_TIMEOUT - MOMENT, True), (TICKET_TIMEOUT, False)])
def test_a_ticket_is_valid_until_its_time_is_over(clock: Clock, seconds: float, is_valid: bool):
    tickets = Tickets(clock)
    ticket = tickets.issue("ada")
    clock.now += seconds
    assert tickets.use(ticket) == ("ada" if is_valid else None)


@pytest.mark.parametrize(("seconds", "is_valid"), [(FLOW_TIMEOUT - MOMENT, True), (FLOW_TIMEOUT, False)])
def test_a_flow_can_be_finished_until_its_time_is_over(clock: Clock, seconds: float, is_valid: bool):
    flows = Flows(clock)
    flow, cookie = flows.start("google", "http://a/cb", "/")
    clock.now += seconds
    assert flows.finish(flow.state, cookie) is (flow if is_valid else None)


@pytest.mark.parametrize(("length", "is_kept"), [(2_000, True), (2_001, False)])
def test_a_login_returns_to_a_path_of_2000_characters_at_most(length: int, is_kept: bool):
    path = "/" + "p" * (length - 1)
    assert safe_path(path) == (path if is_kept else "/")


# Providers


@pytest.mark.parametrize(("length", "reason"), [(65_536, "malformed"), (65_537, "sent no ID token")])
def test_an_id_token_has_64_ki_characters_at_most(length: int, reason: str):
    async def fetch() -> Any:
        return {"keys": []}

    with pytest.raises(LoginFailed, match=reason):
        asyncio.run(verify("x" * length, Keys(fetch), issuer="i", client_id="c", nonce="n"))


def test_the_first_64_keys_of_a_provider_are_used():
    key = ECKey.generate_key("P-256").as_dict(private=False)
    published = [{**key, "kid": str(number)} for number in range(65)]

    async def fetch() -> Any:
        return {"keys": published}

    async def found() -> list[int]:
        keys = Keys(fetch)
        return [len(await keys.candidates({"kid": kid, "alg": "ES256"})) for kid in ("0", "63", "64")]

    assert asyncio.run(found()) == [1, 1, 0]


@pytest.mark.parametrize(("code", "shown"), [("x" * 63, "x" * 63), ("x" * 64, "?"), ("a b", "?"), ("ü", "?")])
def test_an_error_code_of_a_provider_is_shown_when_it_is_a_word_of_63_characters_at_most(code: str, shown: str):
    assert outgoing._code_of(AuthlibBaseError(error=code)) == shown


def test_a_provider_that_sends_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outgoing, "REQUEST_TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(LoginFailed, match=r"reached \(ReadTimeout\)"):
        asyncio.run(Outgoing().get_json(f"http://127.0.0.1:{silent.getsockname()[1]}/"))
