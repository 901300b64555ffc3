"""The shapes of the handles and results that effects return."""

from __future__ import annotations

from zefnb.core.shapes.shape import MAY_BE_MISSING, Field, Shape

_HANDLE = "The identity of the handle; two with the same `uid` are equal."

HANDLES = (
    Shape(
        "Topic",
        "handle",
        "A named stream of messages.",
        {},
        """
>>> from zefnb import *
>>> FX.Publish(target=ET.Topic('news'), content='breaking news!') | run
ET.Success()
""",
        uid="The name of the topic, or `generate_uid()` for a topic that no other code can name.",
    ),
    Shape(
        "HTTPServer",
        "handle",
        "A handle on a running server, made by `FX.StartHTTPServer`.",
        {
            "port": Field("int", "The port at which the server listens."),
            "root_certificate": Field(
                "str", "With `certificates='local'`, the file of the certificate for devices to trust.", MAY_BE_MISSING
            ),
        },
        """
>>> from zefnb import *
>>> server = FX.StartHTTPServer(routes={'/': 'hello'}, port=0) | run
>>> server.port > 0
True
>>> FX.StopHTTPServer(server=server) | run
ET.Success()
""",
        uid=_HANDLE,
    ),
    Shape(
        "Actor",
        "handle",
        "A handle on an actor, made by `FX.StartActor`.",
        {"input": Field("ET.Topic | list[ET.Topic]", "The actor receives the messages of these topics.")},
        """
>>> from zefnb import *
>>> actor = FX.StartActor(initial_state=0, handler=lambda message, count: [[], count + 1]) | run
>>> FX.Publish(target=actor.input, content='hello') | run
ET.Success()
>>> FX.StopActor(actor=actor) | run
ET.Success()
""",
        uid=_HANDLE,
    ),
    Shape(
        "WebSocketClient",
        "handle",
        "A handle on an outward connection, made by `FX.StartWebSocketClient`.",
        {},
        """
>>> from zefnb import *
>>> [FX.StopWebSocketClient(client=client) | run for client in FX.ListWebSocketClients() | run]
[]
""",
        uid=_HANDLE,
    ),
    Shape(
        "Timer",
        "handle",
        "A handle on a timer, made by `FX.StartTimer`.",
        {},
        """
>>> from zefnb import *
>>> timer = FX.StartTimer(interval=60, target=ET.Topic('tick'), content='now') | run
>>> FX.StopTimer(timer=timer) | run
ET.Success()
""",
        uid=_HANDLE,
    ),
    Shape(
        "Replay",
        "handle",
        "A handle on a replay, made by `FX.StartReplay`.",
        {},
        """
>>> from zefnb import *
>>> replay = FX.StartReplay(source=['tea', 'cake'], target=ET.Topic('till'), speed='max', wait=True) | run
>>> FX.StopReplay(replay=replay) | run
ET.Success(published=2)
""",
        uid=_HANDLE,
    ),
    Shape(
        "Subscription",
        "handle",
        "A handle on a subscription, made by `FX.SubscribeFX` or `FX.MapTopic`.",
        {},
        """
>>> from zefnb import *
>>> done = FX.MapTopic(source=ET.Topic('raw'), target=ET.Topic('loud'), op=to_upper_case) | run
>>> FX.Unsubscribe(subscription=done.subscription) | run
ET.Success()
""",
        uid=_HANDLE,
    ),
    Shape(
        "Success",
        "handle",
        "The result of an effect without another result.",
        {},
        """
>>> from zefnb import *
>>> FX.Publish(target=ET.Topic('news'), content='breaking news!') | run
ET.Success()
""",
        more="Some effects add fields, such as the `subscription` of `FX.SubscribeFX`; their help names them.",
    ),
)
