"""Handlers that change everything they can reach: their state, their context, and shared content."""

# ruff: noqa: F403, F405 - the star import and the handlers are written as in the specification

from __future__ import annotations

import contextvars
import decimal

from zefnb import *

notes = ET.Topic("notes")
mark = contextvars.ContextVar("mark", default="clean")


def found_and_left() -> str:
    """Return what this call finds in its context, and then change everything in it."""
    context = decimal.getcontext()
    found = mark.get() if context.prec == 28 else f"precision {context.prec}"
    mark.set("left by another call")
    context.prec = 3
    return found


def on_word(text: Any, state: Any) -> Any:
    """Append the message to the state, and then fail if the message requests it."""
    found = found_and_left()
    state.replied.append(text)
    if text.endswith("raise"):
        raise ValueError("as requested")
    reported = {"said": state.replied, "found": found}
    return [[FX.Publish(target=state.out[0], content=reported), FX.Publish(target=notes, content=[text])], state]


@zef_function
def on_open(msg: Any, state: Any) -> Any:
    state.out.append(msg.topic_out)
    return [[], state]


def spoil(content: Any) -> None:
    """A receiver that changes what it receives."""
    content.append("spoilt")


@zef_function
def on_spoiler(msg: Any, state: Any) -> Any:
    return [[FX.SubscribeFX(topic=notes, op=spoil) for _ in range(2)], state]


@zef_function
def on_request(request: Any) -> Any:
    return found_and_left()


def mine(handler: Any) -> Any:
    rules = {(ET.WSClientConnected, Any): on_open, (String, Any): handler}
    return ET.WebSocket(actor=FX.StartActor(initial_state=ET.Mine(replied=[], out=[]), rules=rules))


OWN_ROUTES = {
    "/own/plain": mine(zef_function(on_word)),
    "/own/inline": mine(zef_function(inline=True)(on_word)),
    "/own/spoilers": ET.WebSocket(
        actor=FX.StartActor(initial_state=ET.Fresh(), rules={(ET.WSClientConnected, Any): on_spoiler})
    ),
    "/own/notes": ET.WebSocket(clients_subscribe_to=[notes]),
    "/own/context": on_request,
}
