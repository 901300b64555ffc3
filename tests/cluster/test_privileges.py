"""The least privileges: a Valkey whose user has exactly those, and the commands that it has received."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import zefnb.cluster
from tests.cluster.brokers import Broker
from tests.cluster.test_contract import collected, publish
from zefnb import FX, DictDatabase
from zefnb.cluster import membership
from zefnb.cluster.cluster import Cluster
from zefnb.cluster.privileges import COMMANDS, least_privileges
from zefnb.engine.perform import run_on
from zefnb.errors import ClusterUnavailable

# The test's own commands, and those that every user may send.
NOT_OURS = {"ping", "acl|setuser", "acl|log", "config|resetstat", "auth"}


class LeastPrivileges:
    """A broker, through the url of a user with only the least privileges."""

    def __init__(self, broker: Broker, granted: str) -> None:
        self.broker = broker
        assert broker.call(granted.replace("PASSWORD", "hunter22")) == b"+OK\r\n"
        assert broker.call("CONFIG RESETSTAT") == b"+OK\r\n"
        self.name = "zefnb"
        self.url = broker.url.replace("unix://", "unix://zefnb:hunter22@") + "?db=1"

    def commands(self) -> set[str]:
        found = re.findall(r"cmdstat_([\w|]+):", self.broker.call("INFO commandstats").decode())
        return set(found)


@pytest.fixture
def limited(own_broker: Broker) -> LeastPrivileges:
    return LeastPrivileges(own_broker, least_privileges())


def test_a_node_needs_all_of_them_and_no_other(limited, join, until, monkeypatch):
    monkeypatch.setattr(membership, "INTERVAL", 0.02)
    node, other = join(limited), join(limited)
    found = collected(other)
    publish(node, "hello")
    until(lambda: found == ["hello"])
    assert len(run_on(node, FX.QueryCluster())) == 2
    run_on(node, FX.QueryClusterClients())
    db = run_on(node, FX.CreateDB(type=DictDatabase, persistence="cluster", path="scores"))
    db["a"] = 1
    assert (db.pop("a"), len(db), dict(db)) == (1, 0, {})
    # As after a trouble: the numbers are compared, and the topics of a lost message are asked for.
    mine, theirs = (runtime.service(Cluster).node for runtime in (node, other))
    node.call_queue.put(mine._losses.check_soon)
    node.call_queue.put(lambda: mine._losses.found(theirs.incarnation, 1, 1))
    until(lambda: limited.commands() >= set(COMMANDS) - {"hdel", "xlen"})  # also those of the other node's replies
    # From now on each message is too much for the log, so that it may be trimmed before it is read.
    monkeypatch.setattr(membership, "RETENTION_BYTES", 1)
    until(lambda: "xlen" in limited.commands())
    run_on(other, FX.LeaveCluster())
    assert limited.broker.call("ACL LOG") == b"*0\r\n"
    assert limited.commands() - NOT_OURS == set(COMMANDS)


def test_another_cluster_and_a_command_less_are_refused_with_the_place_of_the_privileges(limited, join):
    limited.name = "other"
    with pytest.raises(ClusterUnavailable, match=r"does not allow its user what a cluster needs.*zefnb doctor"):
        join(limited)
    limited.name = "zefnb"
    limited.broker.call("ACL SETUSER zefnb -xadd")
    with pytest.raises(ClusterUnavailable, match=r"does not allow its user what a cluster needs.*xadd.*zefnb doctor"):
        join(limited)


def commands_in_the_source() -> set[str]:
    """Every command that a file of the cluster sends: `call("XADD", ...)`, `send(...)`, `call_all((...), ...)`."""
    found = set()
    for path in Path(zefnb.cluster.__file__).parent.glob("*.py"):
        found.update(re.findall(r"redis\.call\('([A-Z]+)'", path.read_text()))  # in scripts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                sent = {"call": [node.args], "send": [node.args]}.get(name, [])
                if name == "call_all":
                    sent = [each.elts for each in node.args if isinstance(each, ast.Tuple)]
                words = [[w.value for w in args if isinstance(w, ast.Constant)] for args in sent if args]
                found.update("|".join(w[:2]) if w[0] in CONTAINERS else w[0] for w in words if w)
    return {command.lower() for command in found if isinstance(command, str) and command.isupper()}


CONTAINERS = {command.partition("|")[0].upper() for command in COMMANDS if "|" in command}


def test_the_privileges_name_every_command_of_the_source():
    # redis-py sends SELECT for a url with a database.
    assert commands_in_the_source() == set(COMMANDS) - {"select"}


def test_the_privileges_are_for_one_user_and_one_cluster():
    assert least_privileges("lab", "ada").startswith("ACL SETUSER ada reset on >PASSWORD ~zefnb:lab:* +xadd ")
