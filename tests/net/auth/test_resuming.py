"""Clients of the subprotocol that can come back, on a server with logins."""

from __future__ import annotations

from typing import Any

from tests.net.websocket.peer import Peer, all_sessions, is_away
from zefnb import ET, FX, run


def connected(raw: Any, server: Any, browser: Any) -> Peer:
    headers = {"Cookie": browser.cookie, "Origin": browser.origin, "Host": f"localhost:{server.port}"}
    return Peer(raw(server, "/ws", Sec_WebSocket_Protocol="zefnb.1", **headers))


def test_a_client_whose_login_ends_cannot_come_back(serve: Any, raw: Any, topic: Any, until: Any, browse: Any) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, auth={"ada": "correct horse", "bob": "battery"})
    ada, bob = browse(server), browse(server)
    ada.login("ada", "correct horse")
    bob.login("bob", "battery")
    first = connected(raw, server, ada)
    sid = first.hello()["session"]
    foreign = connected(raw, server, bob)
    assert foreign.resume(sid, received=0)["resumed"] is False
    again = connected(raw, server, ada)
    assert again.resume(sid, received=0)["resumed"] is True
    FX.RevokeSession(http_server=server, user="ada") | run
    assert again.read_control("end")["code"] == 4401
    assert again.wire.read_close().code == 4401
    until(lambda: len(all_sessions()) == 1)


def test_a_client_that_is_away_leaves_when_its_login_ends(
    serve: Any, raw: Any, topic: Any, until: Any, browse: Any
) -> None:
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, auth={"ada": "correct horse"})
    ada = browse(server)
    ada.login("ada", "correct horse")
    first = connected(raw, server, ada)
    first.hello()
    first.wire.reset()
    is_away(until)
    FX.RevokeSession(http_server=server, user="ada") | run
    assert not all_sessions()
