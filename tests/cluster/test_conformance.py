"""The Autobahn cases against a server that has joined: each message passes another node and comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from attacks.cases.conformance import drive, is_there, verdict
from zefnb import ET, FX, zef_function
from zefnb.engine.perform import run_on

# Frames, pings, fragments, UTF-8 in fragments, closing, and fragments that the case counts itself.
CASES = ("1.*", "2.*", "5.*", "6.1.*", "6.2.*", "6.3.*", "6.4.*", "7.*", "10.*")
PASSED_ON = ET.Topic("passed on")


@zef_function(inline=True)
def pass_on(message: Any, reply: Any) -> Any:
    """The actor of a connection: messages go through the log, with the handle of the connection."""
    if type(message).__name__ == "WSClientConnected":
        return [[], message.topic_out]
    if type(message).__name__ == "WSClientDisconnected":
        return [[], reply]
    return [[FX.Publish(target=PASSED_ON, content=ET.Echo(to=reply, content=message))], reply]


@zef_function(inline=True)
def send_back(message: Any) -> Any:
    """The subscriber on the other node, which publishes to the handle: through the log again."""
    return FX.Publish(target=message.to, content=message.content)


@pytest.mark.on_one_python
def test_the_autobahn_cases_pass_when_another_node_sends_each_message_back(broker, default_node, join):
    if not is_there():
        pytest.skip("LEFT OUT: kosoku is not installed")
    run_on(join(broker), FX.SubscribeFX(topic=PASSED_ON, op=send_back))
    actor = FX.StartActor(initial_state=None, handler=pass_on)
    server = run_on(default_node, FX.StartHTTPServer(routes={"/": ET.WebSocket(actor=actor)}, port=0))
    outcome = verdict(asyncio.run(drive(f"ws://127.0.0.1:{server.port}/", CASES)))
    assert outcome.ok, f"{outcome.figure} {outcome.details}"
    print(outcome.figure)
