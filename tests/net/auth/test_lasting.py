"""Sessions that last: while the server is replaced, and in a database; and users who may no longer log in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.auth.conftest import PASSWORDS, auth_of, sessions_of
from tests.net.conftest import journal, on_loop
from tests.ports import free_port
from zefnb import ET, FX, DictDatabase, run
from zefnb.errors import ZefError


@pytest.fixture
def again(serve: Any) -> Any:
    """`again(server, auth)`: what running the cell again with another `auth` does."""
    return lambda server, auth: serve({"/": "here"}, auth=auth, port=server.port, allow_restart=True)


@pytest.fixture
def server(serve: Any) -> Any:
    return serve({"/": "here"}, auth=PASSWORDS, allow_restart=True)


def codes(*browsers: Any) -> list[int]:
    return [browser.get("/").status_code for browser in browsers]


@pytest.fixture
def users(server: Any, browse: Any) -> Any:
    ada, bob = browse(server), browse(server)
    ada.login("ada")
    bob.login("bob")
    return ada, bob


def test_sessions_survive_when_the_server_is_replaced(server: Any, users: Any, again: Any):
    before = [(row["user"], row["since"], row["session"]) for row in FX.QuerySessions(http_server=server) | run]
    server = again(server, dict(PASSWORDS))
    assert codes(*users) == [200, 200]
    assert [(row["user"], row["since"], row["session"]) for row in FX.QuerySessions(http_server=server) | run] == before


@pytest.mark.parametrize(
    "auth",
    [
        {"ada": PASSWORDS["ada"]},
        {**PASSWORDS, "bob": "another password"},
        ET.Auth(providers=[{"ada": PASSWORDS["ada"], "eve": "x"}]),
    ],
    ids=["removed", "another password", "ET.Auth"],
)
def test_a_user_that_may_no_longer_log_in_loses_the_session(server: Any, users: Any, again: Any, auth: Any):
    again(server, auth)
    assert codes(*users) == [200, 401]


@pytest.mark.parametrize(
    "auth", ["token", lambda name, password: True, ET.Auth(providers=[PASSWORDS], allowed_emails=[])]
)
def test_another_kind_of_auth_ends_the_sessions(server: Any, users: Any, again: Any, auth: Any):
    again(server, auth)
    assert codes(*users) == [401, 401]


def test_a_shorter_duration_counts_from_the_login(server: Any, users: Any, again: Any):
    def age() -> None:
        for session in auth_of(server).sessions.of("ada"):
            session.since -= 100

    on_loop(age)
    again(server, ET.Auth(providers=[PASSWORDS], session_duration=60))
    assert codes(*users) == [401, 200]


def test_a_server_without_auth_keeps_no_session(serve: Any, server: Any, users: Any, again: Any):
    again(server, None)
    again(server, PASSWORDS)
    assert codes(*users) == [401, 401]


# A database


@pytest.mark.parametrize("persistence", ["in_memory", "local_disk"])
def test_a_database_keeps_sessions_when_the_program_starts_again(
    serve: Any, browse: Any, persistence: str, tmp_path: Any
):
    path = {"path": tmp_path / "sessions.db"} if persistence == "local_disk" else {}
    db = FX.CreateDB(type=DictDatabase, persistence=persistence, **path) | run
    auth = ET.Auth(providers=[PASSWORDS], session_db=db)
    server = serve({"/": "here"}, auth=auth, port=free_port())
    ada, bob, eve = browse(server), browse(server), browse(server)
    ada.login("ada")
    bob.login("bob")
    eve.login("ada")
    eve.post("/auth/logout", headers={"origin": eve.origin})
    stored = repr(dict(db))
    assert ada.secret not in stored
    assert PASSWORDS["ada"] not in stored
    assert len(db) == 2
    FX.StopHTTPServer(server=server) | run
    if persistence == "local_disk":
        FX.CloseDB(db=db) | run
        db = FX.CreateDB(type=DictDatabase, persistence=persistence, **path) | run
    less = ET.Auth(providers=[{"ada": PASSWORDS["ada"]}], session_db=db)
    server = serve({"/": "here"}, auth=less, port=server.port)
    assert codes(ada, bob, eve) == [200, 401, 401]
    FX.RevokeSession(http_server=server, user="ada") | run
    assert dict(db) == {}


@pytest.mark.parametrize("after", ["restart", "restart and the cell again"])
def test_a_session_of_a_database_ends_when_its_password_has_changed(
    serve: Any, browse: Any, again: Any, until: Any, after: str
):
    db = FX.CreateDB(type=DictDatabase) | run
    server = serve({"/": "here"}, auth=ET.Auth(providers=[PASSWORDS], session_db=db), port=free_port())
    ada, bob = browse(server), browse(server)
    ada.login("ada")
    bob.login("bob")
    FX.StopHTTPServer(server=server) | run
    changed = ET.Auth(providers=[{**PASSWORDS, "ada": "another password"}], session_db=db)
    server = serve({"/": "here"}, auth=changed, port=server.port, allow_restart=True)
    if after != "restart":
        server = again(server, changed)
    assert codes(ada, bob, ada, bob) == [401, 200, 401, 200]
    assert [session.user["name"] for session in sessions_of(server)] == ["bob"]
    until(lambda: len(db) == 1)  # the database is changed in another thread


def test_a_changed_record_in_the_database_is_no_session(serve: Any, browse: Any):
    db = FX.CreateDB(type=DictDatabase) | run
    server = serve({"/": "here"}, auth=ET.Auth(providers=[PASSWORDS], session_db=db), port=free_port())
    ada = browse(server)
    ada.login()
    FX.StopHTTPServer(server=server) | run
    [key] = db
    db.update({key: "x", key[:-2] + "zz": {"user": {"id": "ada"}}, "mine": 1})
    server = serve({"/": "here"}, auth=ET.Auth(providers=[PASSWORDS], session_db=db), port=server.port)
    assert ada.get("/").status_code == 401
    assert sessions_of(server) == []
    FX.StopHTTPServer(server=server) | run
    assert dict(db) == {"mine": 1}


def test_a_database_that_fails_is_in_the_journal_and_logins_continue(serve: Any, browse: Any, until: Any):
    db = FX.CreateDB(type=DictDatabase) | run
    server = serve({"/": "here"}, auth=ET.Auth(providers=[PASSWORDS], session_db=db))
    FX.CloseDB(db=db) | run
    ada = browse(server)
    assert ada.login().status_code == 303
    assert ada.get("/").status_code == 200
    assert "a session could not be stored" in repr(journal("error"))


def test_a_server_whose_sessions_cannot_be_read_does_not_start_and_leaves_its_port_free(serve: Any, browse: Any):
    port, db = free_port(), FX.CreateDB(type=DictDatabase) | run
    FX.CloseDB(db=db) | run
    with pytest.raises(ZefError):
        serve({"/": "here"}, auth=ET.Auth(providers=[PASSWORDS], session_db=db), port=port)
    assert browse(serve({"/": "here"}, port=port)).get("/").text == "here"
