"""zefnb under attack by requests without a login: routes of every kind, and a provider on this machine."""

# ruff: noqa: F403, F405 - the star import and the handlers are written as in the specification

from __future__ import annotations

import time
from typing import Any

from attacks.servers.leftovers import leave_out_own_objects, loop_thread, of_this_process
from bench.servers.control import Control
from tests.net.auth.providers.issuer import Issuer
from zefnb import *
from zefnb.engine.runtime import default_runtime
from zefnb.net.auth.throttle import Attempt
from zefnb.net.http.servers import Servers

PASSWORD = "correct horse"
room, ran = ET.Topic("room"), []


@zef_function
def handler(request: Any) -> Any:
    """Count the calls, and return the name of the user."""
    ran.append(request.path)
    return request.user["name"]


@zef_function
def on_message(message: Any, state: Any) -> Any:
    ran.append(type(message).__name__)
    return [[], state]


@zef_function(inline=True)
def on_echo(message: Any, state: Any) -> Any:
    if isinstance(message, str):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


def actor(reply: Any, **options: Any) -> Any:
    return ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=reply), **options)


def is_ada(user: Any) -> bool:
    return bool(user["name"] == "ada")


SOCKET = {"clients_subscribe_to": [room], "clients_push_into_": [room]}
ROUTES = {
    "/": handler,
    "/page": handler,
    ("POST", "/page"): handler,
    ("DELETE", "/page"): handler,
    "/text": "for users",
    "/file": ET.FromFile(path=__file__),
    "/rooms/{name}": handler,
    "/ada": ET.Route(handler=handler, allow=is_ada),
    "/room": ET.WebSocket(**SOCKET),
    "/actor": actor(on_message),
    # For the probe, which has no login.
    "/ws": ET.WebSocket(**SOCKET, public=True),
    "/echo": actor(on_echo, public=True),
}


class Commands:
    """The attacker's commands to the process, and facts about it."""

    def __init__(self, server: Any, issuer: Issuer) -> None:
        self.server, self.issuer = server, issuer
        self.auth: Any = default_runtime().service(Servers).get(server).auth

    def add(self) -> dict[str, Any]:
        """Add routes to the running server."""
        routes = {"/later": handler, "/later/room": ET.WebSocket(**SOCKET), "/later/actor": actor(on_message)}
        delta = [ET.InsertIn(path=["routes", path], value=route) for path, route in routes.items()]
        FX.UpdateRunningHTTPServer(server=self.server, delta=delta) | run
        return {}

    def ran(self) -> dict[str, Any]:
        """Return how often handlers have been called."""
        return {"count": len(ran)}

    def loop(self) -> dict[str, Any]:
        return loop_thread()

    def link(self) -> dict[str, Any]:
        return {"path": self.auth.link_path}

    def sessions(self) -> dict[str, Any]:
        return {"count": len(FX.QuerySessions(http_server=self.server) | run)}

    def sign(self, nonce: str) -> dict[str, Any]:
        """Let the provider issue a token for this login."""
        self.issuer.token = {"access_token": "a", "id_token": self.issuer.signed(nonce=nonce, email="ada@example.com")}
        return {}

    def wait(self, seconds: float) -> dict[str, Any]:
        """Let tickets become older."""
        self.auth.tickets._holders._clock = lambda: time.monotonic() + seconds
        return {}

    def tickets(self) -> dict[str, Any]:
        """Return how many tickets are held."""
        return {"count": len(self.auth.tickets._holders)}

    def admit(self) -> dict[str, Any]:
        """Count no failed logins: the time of each one is measured."""
        self.auth.logins.throttle.begin = lambda address, name: Attempt(self.auth.logins.throttle, (), 0.0)
        return {}

    def processor_time(self) -> dict[str, Any]:
        """Return the processor time of all threads of this process."""
        return {"seconds": time.process_time()}

    def left(self) -> dict[str, Any]:
        return of_this_process()


if __name__ == "__main__":
    control = Control()
    issuer = Issuer()
    oidc = ET.OIDC(issuer=issuer.url, client_id="app", client_secret="s3cret")
    auth = ET.Auth(providers=[{"ada": PASSWORD, "bob": PASSWORD}, "token", oidc])
    server = FX.StartHTTPServer(routes=ROUTES, port=0, auth=auth, trusted_proxies=["127.0.0.1"]) | run
    commands = Commands(server, issuer)
    names = ("add", "ran", "loop", "link", "sessions", "sign", "wait", "tickets", "admit", "processor_time", "left")
    leave_out_own_objects()
    control.serve(server.port, {name: getattr(commands, name) for name in names})
    issuer.stop()
