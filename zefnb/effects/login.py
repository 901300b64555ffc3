"""Effects on the sessions of a server with `auth=`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import effect
from zefnb.core.entity import HTTPServer, Success
from zefnb.core.rows import Rows
from zefnb.core.time import Time
from zefnb.errors import FieldError, InvalidEffect, shown

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime
    from zefnb.net.auth.auth import Auth


@effect("QuerySessions")
def query_sessions(runtime: Runtime, *, http_server: HTTPServer) -> Rows:
    """List the sessions of a server with `auth=`: the users who are logged in.

    Args:
        http_server: The handle of the server.

    Returns:
        A list of dicts with the keys session (a name for `FX.RevokeSession`, which is no secret), user (a dict), since,
        last_seen and expires (each a `Time`) and sockets (the number of connected WebSocket clients).

    Raises:
        InvalidEffect: The server has no `auth=`.
        NotRunning: The server has stopped, or belongs to another process.

    >>> from zefnb import *
    >>> server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0, auth={'ada': 'correct horse'}) | run
    >>> FX.QuerySessions(http_server=server) | run
    []
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    sessions = _auth_of(runtime, http_server, "FX.QuerySessions").sessions
    rows = [
        {
            "session": session.number,
            "user": dict(session.user),
            "since": Time(session.since),
            "last_seen": Time(session.seen),
            "expires": Time(session.end),
            "sockets": len(session.sockets),
        }
        for session in sessions
    ]
    return Rows("sessions", rows)


@effect("RevokeSession")
async def revoke_session(
    runtime: Runtime,
    *,
    http_server: HTTPServer,
    user: str | Mapping[str, Any] | None = None,
    session: str | None = None,
) -> Success:
    """End sessions of a server with `auth=`: their WebSocket clients are closed with code 4401.

    Give either `user` or `session`. The user can log in again, as long as `auth` allows it.

    Args:
        http_server: The handle of the server.
        user: The `id`, `name` or `email` of a user, or the dict of the user, for all sessions of this user.
        session: The name of one session, as in `FX.QuerySessions`.

    Returns:
        `ET.Success(revoked=…)`, with the number of sessions.

    Raises:
        InvalidEffect: Both or neither of `user` and `session` are given, or the server has no `auth=`.
        NotRunning: The server has stopped, or belongs to another process.

    >>> from zefnb import *
    >>> server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0, auth={'ada': 'correct horse'}) | run
    >>> FX.RevokeSession(http_server=server, user='ada') | run
    ET.Success(revoked=0)
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    if (user is None) == (session is None):
        given = "both `user` and `session`" if user is not None else "neither `user` nor `session`"
        raise InvalidEffect("FX.RevokeSession", [FieldError("user", f"got {given}", "one of the two")])
    auth = _auth_of(runtime, http_server, "FX.RevokeSession")
    return Success(revoked=await auth.revoke(user, session))


def _auth_of(runtime: Runtime, http_server: HTTPServer, subject: str) -> Auth:
    from zefnb.net.http.servers import Servers

    server: Any = runtime.service(Servers).get(http_server)
    if server.auth is None:
        problem = f"{shown(http_server)} has no auth="
        raise InvalidEffect(subject, [FieldError("http_server", problem, "a server that was started with auth=")])
    auth: Auth = server.auth
    return auth
