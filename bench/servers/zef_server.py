"""Zef 0.1.90, the Rust system whose chapter zefnb implements: the same chatroom, and its echo through an actor.

The shapes are those of `zefnb_server.py`, as far as they exist there.
"""

# ruff: noqa: F403, F405, F841 - the star import and the handlers are written as in the specification

from __future__ import annotations

import socket

from zef import *

from bench.servers.control import Control, clocked, compute, publish_all, publish_for, timed

enable_dynamic()  # plain names, as in its documentation; without this call each first use warns


@zef_function
def on_connect(input: Any) -> Any:
    msg, state = input[0], input[1]
    return [
        [FX.Publish(target=msg.topic_out, content="welcome!")],
        ET.Connected(topic_out=msg.topic_out),
    ]


@zef_function
def on_message(input: Any) -> Any:
    msg, state = input[0], input[1]
    return [[FX.Publish(target=state.topic_out, content=f"you said: {msg}")], state]


@zef_function
def on_disconnect(input: Any) -> Any:
    msg, state = input[0], input[1]
    return [[], ET.Done()]


def free_port() -> int:
    """Return a free port, since Zef cannot choose one and report it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def start(port: int) -> Any:
    return (
        FX.StartHTTPServer(
            routes={
                "/ws": ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
                "/echo": ET.WebSocket(
                    actor=FX.StartActor(
                        initial_state=ET.Guest(),
                        rules={
                            (ET.WSClientConnected, ET.Guest): on_connect,
                            (String, ET.Connected): on_message,
                            (ET.WSClientDisconnected, Any): on_disconnect,
                        },
                    )
                ),
            },
            port=port,
        )
        | run
    )


def query() -> Any:
    return FX.QueryAllActiveHTTPServers() | run


if __name__ == "__main__":
    control = Control()
    chat = ET.Topic(generate_uid())
    inbox = ET.Topic(generate_uid())
    port = free_port()
    server, started = clocked(lambda: start(port))
    FX.SubscribeFX(topic=inbox, op=length) | run

    control.serve(
        port,
        {
            "started": lambda: {"seconds": started},
            "start_another": lambda: {"seconds": clocked(lambda: start(free_port()))[1]},
            "run": lambda count: timed(query, count),
            "compute": compute,
            "publish": lambda seconds: publish_for(lambda m: FX.Publish(target=inbox, content=m) | run, query, seconds),
            "publish_to_sockets": lambda count, size: publish_all(
                lambda m: FX.Publish(target=chat, content=m) | run, count, size
            ),
        },
    )
