"""zefnb, by its public names only, as its users write it: a chatroom and three polite echoes.

Its echo sends more than that of the peers (`welcome!`, `you said: ...`): it is the echo of the specification,
with rules, a state and effects. Nothing of the product is switched off.
"""

# ruff: noqa: F403, F405, F841 - the star import and the handlers are written as in the specification

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
from functools import partial

from bench.servers import without, zefnb_displays
from bench.servers.control import Control, clocked, compute, publish_all, publish_for, timed
from bench.servers.replaying import publish_many, replay, replay_pauses, sleep_pauses
from bench.servers.zefnb_rehearsal import rehearse
from zefnb import *
from zefnb.engine.runtime import default_runtime
from zefnb.topics.hub import Hub


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
numbers = ET.Topic("numbers")  # of a page's chart
recent = ET.Topic("recent")  # with a history
# Rules before the matching one. No client sends the types of these.
unused = {(getattr(ET, f"Order{number}"), ET.Connected): on_message for number in range(297)}


def start() -> Any:
    return (
        FX.StartHTTPServer(
            routes={
                "/ws": ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
                "/events": ET.EventStream(clients_subscribe_to=[chat]),
                "/history": ET.WebSocket(clients_subscribe_to=[recent], clients_push_into_=[recent], history=50),
                "/echo": echo(on_message),
                "/echo-inline": echo(on_message_inline),
                "/echo-async": echo(on_message_async),
                "/echo-300": echo(on_message_inline, unused),
            },
            port=0,
        )
        | run
    )


def serve_page() -> dict[str, int]:
    """Serve a page with a chart of 100 numbers, and return its port."""
    page = ET.Page(title="Sensors", parts=[ET.Markdown("# Sensors"), ET.Chart(topic=numbers, y="y", x="x")])
    page_server = FX.StartHTTPServer(routes={"/": page}, port=0) | run
    for number in range(100):
        FX.Publish(target=numbers, content={"x": number, "y": number % 7}) | run
    return {"port": page_server.port}


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


class Recorded:
    """The recording of all clients of the server."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def start(self, where: str) -> dict[str, str]:
        """Record in memory, or with `where` "disk" to a file in a directory that is removed with the recording."""
        self._place = tempfile.TemporaryDirectory()
        given = {"path": f"{self._place.name}/clients.zeft"} if where == "disk" else {}
        self._recording = FX.StartRecording(server=self._server, **given) | run
        return {"recording": where}

    def stop(self) -> dict[str, int]:
        """Return how many rows were recorded, with those that were dropped since."""
        FX.StopRecording(recording=self._recording) | run
        rows = len(self._recording) + self._recording.dropped
        self._place.cleanup()
        return {"rows": rows}


def loop_thread() -> dict[str, Any]:
    """Return the id of the loop's thread."""

    async def current() -> int:
        return threading.get_native_id()

    loop = default_runtime().loop
    return {"thread": asyncio.run_coroutine_threadsafe(current(), loop).result(10)}


def published() -> dict[str, int]:
    """Return how many messages have been published to the chat."""
    state = default_runtime().service(Hub).state("chat")
    return {"messages": 0 if state is None else state.published}


if __name__ == "__main__":
    without.apply()
    control = Control()
    server, started = clocked(start)
    # One subscriber in this process, with an op that the library runs on the loop itself.
    FX.SubscribeFX(topic=inbox, op=length) | run
    # A topic without a subscriber delivers nothing, which would make any display of it look expensive.
    FX.SubscribeFX(topic=numbers, op=length) | run

    recorded = Recorded(server)
    control.serve(
        server.port,
        {
            "started": lambda: {"seconds": started},
            "start_another": lambda: {"seconds": clocked(start)[1]},
            "serve_page": serve_page,
            "run": lambda count: timed(query, count),
            "compute": compute,
            "publish_around": publish_around,
            "fill_journal": fill_journal,
            "rehearse": rehearse,
            "watch": zefnb_displays.watch,
            "chart": lambda: zefnb_displays.chart(numbers),
            "feed": lambda seconds, rate: zefnb_displays.feed(numbers, seconds, rate),
            "loop_thread": loop_thread,
            "published": published,
            "record": recorded.start,
            "stop_recording": recorded.stop,
            "publish_many": partial(publish_many, inbox),
            "replay": replay,
            "replay_pauses": replay_pauses,
            "sleep_pauses": sleep_pauses,
            "publish": lambda seconds: publish_for(lambda m: FX.Publish(target=inbox, content=m) | run, query, seconds),
            "publish_to_sockets": lambda count, size, pause=0.0: publish_all(
                lambda m: FX.Publish(target=chat, content=m) | run, count, size, pause
            ),
        },
    )
