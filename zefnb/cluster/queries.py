"""Queries: the rows of the nodes, and questions that every node of the cluster replies to.

A question is an event in the log. Each node appends its reply to a list at the broker, which expires.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, Protocol

from zefnb.cluster.connection import BrokerLost, Commands, ResponseError
from zefnb.cluster.entry_id import EntryId
from zefnb.cluster.incoming import Incoming
from zefnb.cluster.membership import Membership
from zefnb.cluster.outgoing import Outgoing
from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.time import Time
from zefnb.errors import ClusterUnavailable

_TIMEOUT = 3.0
_POLL = 0.01
_EXPIRY = 30

Replier = Callable[[Any], list[dict[str, Any]]]


class QueryNode(Protocol):
    """The local node, as queries use it."""

    name: str
    prefix: str
    commands: Commands
    membership: Membership
    outgoing: Outgoing
    incoming: Incoming

    async def newest_entry(self) -> EntryId:
        """Return the id of the newest entry that the log still has."""


async def node_rows(node: QueryNode) -> list[dict[str, Any]]:
    """Return a row for each node."""
    try:
        rows = await node.membership.rows()
        newest = await node.newest_entry()
    except (BrokerLost, ResponseError) as error:
        raise ClusterUnavailable(f"the broker does not reply: {error}") from None
    found = []
    for row in rows.values():
        try:
            found.append(_node_row(row, str(newest)))
        except (ValueError, OverflowError) as error:  # others can write rows, too
            node.incoming.damaged(f"the row of a node: {error}")
    return found


def _node_row(row: dict[str, Any], newest: str) -> dict[str, Any]:
    return {
        "name": str(row.get("name")),
        "host": str(row.get("host")),
        "pid": row.get("pid"),
        "since": Time(str(row.get("since"))),
        "last_seen": Time(float(row["seen"])),
        "clients": row.get("clients"),
        "behind": max(_milliseconds(newest) - _milliseconds(str(row.get("cursor"))), 0) / 1_000,
    }


def _milliseconds(entry: str) -> int:
    number = entry.partition("-")[0]
    return int(number) if number.isdigit() else 0


async def ask_all(node: QueryNode, question: str, argument: Any) -> list[dict[str, Any]]:
    """Return the rows with which all nodes reply, each with the name of its node."""
    list_key = f"{node.prefix}:reply:{os.urandom(8).hex()}"
    try:
        expected = len(await node.membership.rows())
        node.outgoing.announce("ask", {"question": question, "argument": argument, "reply": list_key})
        end = asyncio.get_running_loop().time() + _TIMEOUT
        while await node.commands.call("LLEN", list_key) < expected and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(_POLL)
        replies = await node.commands.call("LRANGE", list_key, 0, -1)
        await node.commands.call("DEL", list_key)
    except (BrokerLost, ResponseError) as error:
        raise ClusterUnavailable(f"the broker does not reply: {error}") from None
    found: list[dict[str, Any]] = []
    for reply in replies:
        try:
            name, rows = decode(reply)
            found += [{"node": name, **row} for row in rows]
        except (Undecodable, TypeError, ValueError) as error:
            node.incoming.damaged(f"a reply: {error}")
    return found


async def send_reply(node: QueryNode, list_key: str, rows: list[dict[str, Any]]) -> None:
    """Reply to the question of a node."""
    if not list_key.startswith(f"{node.prefix}:reply:"):
        return
    reply = encode((node.name, rows))
    try:
        await node.commands.call_all(("RPUSH", list_key, reply), ("EXPIRE", list_key, _EXPIRY))
    except (BrokerLost, ResponseError):
        return  # the other node finds that a reply is missing
