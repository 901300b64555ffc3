"""Membership: which nodes count as dead, by the time of the broker, and what rows of strangers cannot do."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.cluster.conftest import local_node, on_loop
from zefnb import FX
from zefnb.cluster.membership import LEASE, Membership
from zefnb.engine.perform import run_on


class Rows:
    """A broker without a socket, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.rows: dict[str, str] = {}
        self.leader: bytes | None = None

    async def call(self, *command: Any) -> Any:
        match command:
            case ("TIME",):
                return [b"%d" % int(self.now), b"0"]
            case ("HSET", _, name, row):
                is_new, self.rows[name] = name not in self.rows, row
                return int(is_new)
            case ("HDEL", _, name):
                return int(self.rows.pop(name, None) is not None)
            case ("HGETALL", _):
                return [part.encode() for row in self.rows.items() for part in row]
            case ("SET", _, name, *_):
                self.leader = self.leader or name.encode()
            case ("GET", _):
                return self.leader
            case ("XINFO", *_):
                return [[b"name", b"epoch"]]
            case ("MEMORY", *_):
                return 0
        return None


class Member:
    """A node that leads, beside one whose row the test writes."""

    def __init__(self) -> None:
        self.broker = Rows()
        self.dead: list[str] = []
        self.can_announce = True
        commands: Any = self.broker
        self.membership = Membership(commands, "zefnb:test", "own", dict)
        self.membership.on_dead = lambda incarnation, row: self.can_announce and not self.dead.append(incarnation)
        self.write_other()
        asyncio.run(self.membership.begin())

    def write_other(self) -> None:
        self.broker.rows["other"] = json.dumps({"seen": self.broker.now})

    def beat(self, after: float) -> None:
        """Write the own row again, this many seconds after the last time."""
        self.broker.now += after
        asyncio.run(self.membership._beat())


@pytest.fixture
def member() -> Member:
    return Member()


def test_a_node_that_does_not_write_its_row_is_dead_after_the_lease(member):
    for _ in range(int(LEASE) // 2):
        member.beat(2)
    assert member.dead == []
    member.beat(2)
    assert member.dead == ["other"]
    assert member.broker.rows.keys() == {"own"}


def test_after_a_broker_that_was_away_the_other_nodes_have_the_lease_to_write_their_rows(member):
    member.beat(60)
    member.beat(2)
    assert member.dead == []
    member.write_other()
    for _ in range(4):
        member.beat(2)
    assert member.dead == []
    member.beat(2)
    assert member.dead == ["other"]


def test_a_death_that_cannot_be_announced_is_announced_later(member):
    member.can_announce = False
    for _ in range(6):
        member.beat(2)
    assert member.broker.rows.keys() == {"own", "other"}
    member.can_announce = True
    member.beat(2)
    assert member.dead == ["other"]


ROWS = (
    '{"seen": %s}' % ("9" * 400),
    '{"seen": 1e999}',
    '{"seen": NaN}',
    '{"seen": 99999999999}',
    "[]",
    "x",
    "[" * 4_000,
)


def test_rows_that_are_not_valid_stop_no_heartbeat_and_no_query(broker, join, until, quick_beats):
    node = join(broker)
    local = local_node(node)
    for number, row in enumerate(ROWS):
        key = f"{local.prefix}:nodes"
        on_loop(node, lambda row=row, number=number, key=key: local.commands.call("HSET", key, f"x{number}", row))
    on_loop(node, lambda: local.commands.call("XGROUP", "CREATE", f"{local.prefix}:log", b"\xff", "0"))
    until(lambda: r"\xff" in local.membership.epochs)
    written = local.membership._written
    until(lambda: local.membership._written > written)
    assert [row["name"] for row in run_on(node, FX.QueryCluster())] == [local.name]
    run_on(join(broker), FX.LeaveCluster())
