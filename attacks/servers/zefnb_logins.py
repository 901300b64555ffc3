"""zefnb under attack, with logins: passwords, an access link and a provider that cannot be reached."""

# ruff: noqa: F403, F405 - the star import and the handlers are written as in the specification

from __future__ import annotations

import logging
import pickle
import time
import traceback
from collections.abc import Callable
from typing import Any

from IPython.core.ultratb import VerboseTB
from IPython.lib.pretty import pretty

from attacks.servers.leftovers import leave_out_own_objects, loop_thread, of_this_process
from attacks.servers.zefnb_options import actor, on_echo
from bench.servers.control import Control
from zefnb import *
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers
from zefnb.notebook.display import display

PASSWORD, CLIENT_SECRET = "hush5f3a-password", "hush5f3a-client-secret"
room = ET.Topic("room")


@zef_function
def complain(request: Any) -> Any:
    """Raises, and quotes everything that a handler sees of a request."""
    raise ValueError(f"{request!r} {request.user!r} {request.headers} {request.query}")


ROUTES = {
    "/": "for users",
    "/complain": complain,
    "/private": actor(on_echo),
    "/echo": actor(on_echo, public=True),
    "/ws": ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room], public=True),
}
PASSWORDS = {"ada": PASSWORD, "bob": PASSWORD}
AUTH = ET.Auth(
    providers=[PASSWORDS, "token", ET.OIDC(issuer="http://127.0.0.1:1", client_id="me", client_secret=CLIENT_SECRET)]
)


def failed(attempt: Callable[[], object]) -> str:
    """Return all that a user sees of a failure, also where a notebook shows the variables of each frame."""
    try:
        attempt()
    except Exception as error:
        # The first frame is this one, whose variables are those of the program.
        inner = error.__traceback__.tb_next if error.__traceback__ else None
        inner = inner.tb_next if inner else None
        verbose = VerboseTB(theme_name="nocolor").text(type(error), error, inner)
        return f"{error} {error!r} {error.args} {traceback.format_exc()} {verbose}"
    return ""


class Commands:
    """The attacker's commands to the process, as its user would run them in a cell."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def link(self) -> dict[str, Any]:
        """Return the path of the access link, as the cell shows it."""
        auth: Any = default_runtime().service(Servers).get(self.server).auth
        return {"path": auth.link_path}

    def loop(self) -> dict[str, Any]:
        return loop_thread()

    def wait(self, seconds: float) -> dict[str, Any]:
        """Let failed logins become older."""
        auth: Any = default_runtime().service(Servers).get(self.server).auth
        auth.logins.throttle._clock = lambda: time.monotonic() + seconds
        return {}

    def sessions(self) -> dict[str, Any]:
        return {"count": len(FX.QuerySessions(http_server=self.server) | run)}

    def shown(self) -> dict[str, Any]:
        """Return everything that zefnb shows about its users, as texts."""
        start = FX.StartHTTPServer(routes=ROUTES, port=0, auth=AUTH)
        change = ET.InsertIn(path=["auth"], value=PASSWORDS)
        values = {
            "journal": FX.QueryLog(level="debug", limit=10_000) | run,
            "sessions": FX.QuerySessions(http_server=self.server) | run,
            "clients": FX.QueryAllConnectedWebsocketClients(http_server=self.server) | run,
            "server": FX.QueryHTTPServer(server=self.server) | run,
            "servers": FX.QueryAllActiveHTTPServers() | run,
            "handle": self.server,
            "auth": AUTH,
            "effect": start,
            "effects": [start],
            "change": change,
            "update": FX.UpdateRunningHTTPServer(server=self.server, delta=[change]),
            "mistyped": ET.OIDC(issuer="http://127.0.0.1:1", client_id="me", clientsecret=CLIENT_SECRET),
            "chain": start | insert("auth", PASSWORDS),
            "client": FX.StartWebSocketClient(
                url=f"ws://ada:{PASSWORD}@127.0.0.1:1/", headers={"authorization": f"Bearer {PASSWORD}"}
            ),
        }
        texts = {name: f"{value!r} {value} {pretty(value)}" for name, value in values.items()}  # type: ignore[no-untyped-call]
        for name, value in values.items():
            texts[f"{name} in a notebook"] = (
                f"{display.as_html(value)}{display.plain_text(value, colour=False, width=400)}"
            )
        running: Any = default_runtime().service(Servers).get(self.server)
        texts["objects"] = f"{vars(running)!r} {running.auth!r}"
        return texts

    def failures(self) -> dict[str, Any]:
        """Return what a user sees when effects with passwords fail."""

        def start(**fields: Any) -> Callable[[], object]:
            return lambda: FX.StartHTTPServer(**{"routes": {"/": "x"}, "port": 0, "auth": AUTH, **fields}) | run

        def update(path: list[str], value: object) -> Callable[[], object]:
            change = ET.InsertIn(path=path, value=value)
            return lambda: FX.UpdateRunningHTTPServer(server=self.server, delta=[change]) | run

        attempts = {
            "an unknown field": start(prt=1),
            "a wrong port": start(port=99_999),
            "a port in use": start(port=self.server.port),
            "passwords and a port in use": start(port=self.server.port, auth=PASSWORDS),
            "a wrong password": start(auth={**PASSWORDS, "eve": 3}),
            "a list": start(auth=[PASSWORDS, PASSWORD]),
            "auth of a running server": update(["auth"], PASSWORDS),
            "a password of a running server": update(["auth", "ada"], PASSWORD),
            "a change in the place of a list": lambda: FX.UpdateRunningHTTPServer(
                server=self.server, delta=ET.InsertIn(path=["auth"], value=PASSWORDS)
            ),
            "an unknown field of an update": lambda: FX.UpdateRunningHTTPServer(server=self.server, auth=PASSWORDS),
            "a client secret by position": lambda: ET.GoogleOAuth(CLIENT_SECRET),
            "two values by position": lambda: ET.GitHubOAuth("me", CLIENT_SECRET),
            "a pickled change": lambda: pickle.dumps(ET.InsertIn(path=["auth"], value=PASSWORDS)),
            "pickled auth": lambda: pickle.dumps(AUTH),
            "a pickled effect": lambda: pickle.dumps(FX.StartHTTPServer(routes={"/": "x"}, port=0, auth=PASSWORDS)),
        }
        return {name: failed(attempt) for name, attempt in attempts.items()}

    def left(self) -> dict[str, Any]:
        return of_this_process()


if __name__ == "__main__":
    control = Control()
    # As a user who turns on debugging for all loggers.
    logging.basicConfig(level=logging.DEBUG)
    server = FX.StartHTTPServer(routes=ROUTES, port=0, logging=True, auth=AUTH, trusted_proxies=["127.0.0.1"]) | run
    commands = Commands(server)
    names = ("link", "loop", "wait", "sessions", "shown", "failures", "left")
    leave_out_own_objects()
    control.serve(server.port, {name: getattr(commands, name) for name in names})
