"""zefnb, by its public names only, as its users write it: a chatroom and three polite echoes.

The echo answers in more words than the peers' (`welcome!`, `you said: ...`): it is the one of the
specification, with rules, a state and effects, and nothing of the product is switched off.
"""

# ruff: noqa: F403, F405, F841 - the star import and the handlers are written as in the specification

from __future__ import annotations

from bench.servers.control import Control, clocked, publish_all, publish_for, timed
from zefnb import *


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


@zef_function(inline=True)
def on_message_inline(input: Any) -> Any:
    msg, state = input[0], input[1]
    return [[FX.Publish(target=state.topic_out, content=f"you said: {msg}")], state]


@zef_function
async def on_message_async(input: Any) -> Any:
    msg, state = input[0], input[1]
    return [[FX.Publish(target=state.topic_out, content=f"you said: {msg}")], state]


@zef_function
def on_disconnect(input: Any) -> Any:
    msg, state = input[0], input[1]
    print(f"client {msg.client_ip} left")
    return [[], ET.Done()]


def echo(handler: Any) -> Any:
    return ET.WebSocket(
        actor=FX.StartActor(
            initial_state=ET.Guest(),
            rules={
                (ET.WSClientConnected, Any): on_connect,
                (String, ET.Connected): handler,
                (ET.WSClientDisconnected, Any): on_disconnect,
            },
        )
    )


chat = ET.Topic("chat")
inbox = ET.Topic("inbox")


def start() -> Any:
    return (
        FX.StartHTTPServer(
            routes={
                "/ws": ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
                "/echo": echo(on_message),
                "/echo-inline": echo(on_message_inline),
                "/echo-async": echo(on_message_async),
            },
            port=0,
        )
        | run
    )


def query() -> Any:
    return FX.QueryAllActiveHTTPServers() | run


if __name__ == "__main__":
    control = Control()
    server, started = clocked(start)
    # One subscriber in this process, by an op that the library runs on the loop itself.
    FX.SubscribeFX(topic=inbox, op=length) | run

    control.serve(
        server.port,
        {
            "started": lambda: {"seconds": started},
            "start_another": lambda: {"seconds": clocked(start)[1]},
            "run": lambda count: timed(query, count),
            "publish": lambda seconds: publish_for(lambda m: FX.Publish(target=inbox, content=m) | run, query, seconds),
            "publish_to_sockets": lambda count, size: publish_all(
                lambda m: FX.Publish(target=chat, content=m) | run, count, size
            ),
        },
    )
