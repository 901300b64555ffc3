"""zefnb, by its public names only, as its users write it: a chatroom and three polite echoes.

Its echo sends more than that of the peers (`welcome!`, `you said: ...`): it is the echo of the specification,
with rules, a state and effects. Nothing of the product is switched off.
"""

# ruff: noqa: F403, F405, F841 - the star import and the handlers are written as in the specification

from __future__ import annotations

import asyncio
import itertools

from bench.servers import without
from bench.servers.control import Control, clocked, compute, publish_all, publish_for, timed
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


def echo(handler: Any, more_rules: Any = ()) -> Any:
    return ET.WebSocket(
        actor=FX.StartActor(
            initial_state=ET.Guest(),
            rules={
                **dict(more_rules),
                (ET.WSClientConnected, Any): on_connect,
                (String, ET.Connected): handler,
                (ET.WSClientDisconnected, Any): on_disconnect,
            },
        )
    )


chat = ET.Topic("chat")
inbox = ET.Topic("inbox")
# Rules before the matching one. No client sends the types of these.
unused = {(getattr(ET, f"Order{number}"), ET.Connected): on_message for number in range(297)}


def start() -> Any:
    return (
        FX.StartHTTPServer(
            routes={
                "/ws": ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
                "/echo": echo(on_message),
                "/echo-inline": echo(on_message_inline),
                "/echo-async": echo(on_message_async),
                "/echo-300": echo(on_message_inline, unused),
            },
            port=0,
        )
        | run
    )


def query() -> Any:
    return FX.QueryAllActiveHTTPServers() | run


def publish_around(seconds: float, topics: int) -> dict[str, float]:
    """Publish to `topics` topics in turn, each with its own subscriber."""
    around = [ET.Topic(f"around {number}") for number in range(topics)]
    FX.SubscribeFX(topic=inbox, op=length) | run
    for topic in around:
        FX.SubscribeFX(topic=topic, op=length) | run
    following = itertools.cycle(around).__next__
    return publish_for(lambda m: FX.Publish(target=following(), content=m) | run, query, seconds)


def fill_journal() -> dict[str, float]:
    """Fill the journal with entries of both kinds."""
    for number in range(1000):
        FX.Log(content=f"line {number}", level="info") | run
        FX.Log(content=f"line {number}", level="warning") | run
    return {"lines": len(FX.QueryLog(limit=5000) | run)}


def watch() -> dict[str, Any]:
    """Open the channel of a live table, as the notebook does, and return how to reach it."""
    from zefnb.engine.runtime import default_runtime
    from zefnb.notebook.watch.control import PATH
    from zefnb.notebook.watch.control import Control as Channel

    runtime = default_runtime()
    channel = runtime.service(Channel)
    token = asyncio.run_coroutine_threadsafe(channel.open(), runtime.loop).result(10)
    return {"url": f"ws://127.0.0.1:{channel.port}{PATH}", "token": token.name, "secret": token.reveal()}


if __name__ == "__main__":
    without.apply()
    control = Control()
    server, started = clocked(start)
    # One subscriber in this process, with an op that the library runs on the loop itself.
    FX.SubscribeFX(topic=inbox, op=length) | run

    control.serve(
        server.port,
        {
            "started": lambda: {"seconds": started},
            "start_another": lambda: {"seconds": clocked(start)[1]},
            "run": lambda count: timed(query, count),
            "compute": compute,
            "publish_around": publish_around,
            "fill_journal": fill_journal,
            "watch": watch,
            "publish": lambda seconds: publish_for(lambda m: FX.Publish(target=inbox, content=m) | run, query, seconds),
            "publish_to_sockets": lambda count, size: publish_all(
                lambda m: FX.Publish(target=chat, content=m) | run, count, size
            ),
        },
    )
