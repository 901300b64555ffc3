"""The outcome: the result of the handler of one message in a recording."""

from __future__ import annotations

from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """The result of a handler for one message.

    - `effects`: the effects of its result, in order.
    - `state`: the state after the message. After an exception, or when no rule matched, it is the state before.
    - `error`: the type and the text of the exception, such as 'ValueError: no such room', or `None`.
    """

    effects: tuple[Any, ...]
    state: Any
    error: str | None


class Step(NamedTuple):
    """One message that the actor of a connection handled, in the order in which it handled them.

    An actor also receives messages that others publish to its `topic_in`. These are not rows of the recording, since
    no client sent them, but the state depends on them.

    - `connection`: the number of the connection; see `Recording.connections`.
    - `row`: the index of the row in the recording, or `None` for a message that no client sent.
    - `message`: an `ET.WSClientConnected`, a message, or an `ET.WSClientDisconnected`, as the actor received it.
    - `outcome`: the result of the handler, or `None` if it was not recorded.
    """

    connection: int
    row: int | None
    message: Any
    outcome: Outcome | None


class Connection(NamedTuple):
    """A connection of a recording whose route has an actor.

    - `number`: identifies it in this recording. A recording can continue after its server has been started again, so
      that several connections can have the same channel id.
    - `channel_id`, `path`, `user`: as in its rows.
    - `state`: the state of its actor before its first step.
    """

    number: int
    channel_id: int
    path: str
    user: Any
    state: Any
