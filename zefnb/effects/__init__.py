"""The effects: one function each, with the schema as its signature and the help as its docstring.

Importing this package declares all effects. It imports no service; a service is imported when one of its effects is
first performed.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from zefnb.core.effect import Effect, set_awaiter
from zefnb.effects import (
    actor,
    certificates,
    cluster,
    database,
    http,
    journal,
    login,
    presence,
    recording,
    rehearsal,
    replay,
    timer,
    topic,
    websocket,
)

__all__ = [
    "actor",
    "certificates",
    "cluster",
    "database",
    "http",
    "journal",
    "login",
    "presence",
    "recording",
    "rehearsal",
    "replay",
    "timer",
    "topic",
    "websocket",
]


def _await(effect: Effect) -> Awaitable[Any]:
    from zefnb.engine.perform import await_effect

    set_awaiter(await_effect)  # from now on without this function
    return await_effect(effect)


set_awaiter(_await)
