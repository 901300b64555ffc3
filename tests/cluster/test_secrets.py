"""Secrets: the password of the broker's url is in no repr, journal, traceback or error; a real broker asks for it."""

from __future__ import annotations

import itertools
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.brokers import Broker
from tests.cluster.test_contract import collected, publish
from tests.ports import free_port
from zefnb import FX
from zefnb.cluster import blocking, publishing
from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.cluster import Cluster
from zefnb.cluster.connection import ResponseError
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidEffect, ZefError

SECRET = "hunter22"


class Guarded:
    """A broker with a password, on a port of 127.0.0.1."""

    def __init__(self, *settings: str) -> None:
        self.port = free_port()
        self.broker = Broker("valkey", *settings, "--port", str(self.port), "--bind", "127.0.0.1")
        self.broker.call(f"ACL SETUSER ada on >{SECRET} ~* +@all")
        self.broker.call("ACL SETUSER default -@all +ping +acl +info +config +client")

    def url(self, password: str = SECRET, user: str = "ada", host: str = "127.0.0.1") -> str:
        return f"redis://{user}:{password}@{host}:{self.port}/0"


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    guarded = Guarded()
    yield guarded
    guarded.broker.close()


class Given:
    name = "zefnb"

    def __init__(self, url: str | None) -> None:
        self.url = url


def everything_of(error: BaseException) -> Iterator[str]:
    """Every text of an exception: its chain, and the values of all names in all frames of zefnb and below."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield f"{one!r} {one} {one.args!r} {getattr(one, '__notes__', '')}"
        captured = traceback.TracebackException.from_exception(one, capture_locals=True)
        for frame in captured.stack:
            if "/tests/" not in frame.filename:
                yield f"{frame.name}: {frame.locals}"
        waiting += filter(None, (one.__cause__, one.__context__))


def refused(join: Any, url: str) -> str:
    with pytest.raises(ZefError) as raised:
        join(Given(url))
    texts = "\n".join(everything_of(raised.value))
    assert SECRET not in texts
    assert "wr0ng" not in texts
    return str(raised.value)


def journal(runtime: Runtime) -> str:
    return repr(run_on(runtime, FX.QueryLog(level="debug", limit=1_000)))


def test_a_node_that_has_joined_shows_its_password_nowhere(guarded, join, until):
    node = join(Given(guarded.url()))
    found = collected(node)
    publish(node, "hello")
    until(lambda: found == ["hello"])
    local = node.service(Cluster).node
    shown = [repr(local.url), str(local.url), local.place, journal(node)]
    shown += [repr(run_on(node, FX.QueryCluster())), repr(FX.JoinCluster(url=guarded.url()))]
    assert SECRET not in "\n".join(shown)
    assert f"redis://…@127.0.0.1:{guarded.port}/0" in shown[0]


def test_a_failing_login_shows_no_password(guarded, join):
    text = refused(join, guarded.url("wr0ng"))
    assert "refuses the user or the password" in text
    assert f"redis://…@127.0.0.1:{guarded.port}/0" in text
    refused(join, guarded.url(user="nobody"))
    refused(join, guarded.url().replace(f"ada:{SECRET}@", f":{SECRET}@"))


def test_a_login_that_fails_later_is_in_the_journal_without_the_password(guarded, join, until, monkeypatch):
    monkeypatch.setattr(publishing, "RUN_TIMEOUT", 100)  # the message waits until the end
    node = join(Given(guarded.url()))
    guarded.broker.call("ACL SETUSER ada resetpass >other")
    guarded.broker.call("CLIENT KILL TYPE normal SKIPME yes")
    found = collected(node)
    publisher = threading.Thread(target=publish, args=(node, "again"))
    publisher.start()  # an idle writer does not notice that its connection has ended
    until(lambda: "the broker is not available" in journal(node))
    until(lambda: "invalid username-password pair" in journal(node))
    until(lambda: node.service(Cluster).node.membership.problem)
    assert SECRET not in journal(node)
    guarded.broker.call(f"ACL SETUSER ada >{SECRET}")
    until(lambda: found == ["again"])
    publisher.join()
    until(lambda: not node.service(Cluster).node.membership.problem)
    assert run_on(node, FX.QueryLog(level="error")) == []


def test_a_broker_that_repeats_the_password_in_its_error_does_not_spread_it(join):
    guarded = Guarded("--rename-command", "AUTH", "")
    try:
        assert "cannot be used" in refused(join, guarded.url())
        assert "…" in refused(join, guarded.url("hunter%32%32"))
    finally:
        guarded.broker.close()


def test_the_connections_of_databases_show_no_password(monkeypatch):
    monkeypatch.setattr(blocking, "TIMEOUT", 0.3)
    with pytest.raises(blocking.NoReply) as missing:
        blocking.BlockingCommands(BrokerUrl(f"redis://ada:{SECRET}@127.0.0.1:1")).call("PING")
    guarded = Guarded("--rename-command", "AUTH", "")
    try:
        with pytest.raises(ResponseError) as refused:
            blocking.BlockingCommands(BrokerUrl(guarded.url())).call("PING")
    finally:
        guarded.broker.close()
    for raised in (missing, refused):
        assert SECRET not in "\n".join(everything_of(raised.value))


@pytest.mark.parametrize(
    "url",
    [
        f"redis://ada:{SECRET}@127.0.0.1:99999",
        f"http://ada:{SECRET}@127.0.0.1",
        f"redis://ada:{SECRET}/x@127.0.0.1",
        f"redis://ada:{SECRET}?x@127.0.0.1",
        f"redis://ada:12#{SECRET}@127.0.0.1",
        f"redis://ada:12/{SECRET}@127.0.0.1",
        f"redis://ada:{SECRET}@127.0.0.1/zero",
        f"redis://ada:{SECRET}@127.0.0.1?db=zero",
        f"redis://ada@127.0.0.1?password={SECRET}",
        f"redis://ada:{SECRET}@127.0.0.1?ssl_ca_certs=/x",
        f"rediss://ada:{SECRET}@127.0.0.1?ssl_cert_reqs=none",
    ],
)
def test_an_invalid_url_is_an_error_without_its_password(join, monkeypatch, url):
    with pytest.raises(InvalidEffect) as raised:
        join(Given(url))
    assert SECRET not in "\n".join(everything_of(raised.value))
    assert SECRET not in f"{FX.JoinCluster(url=url)!r} {BrokerUrl(url)!r}"
    monkeypatch.setenv("ZEFNB_CLUSTER", url)
    with pytest.raises(InvalidEffect) as raised:
        join(Given(None))
    assert SECRET not in "\n".join(everything_of(raised.value))


WARNINGS = {
    "not encrypted": "the connection to the broker is not encrypted",
    "no password": "the broker has no password",
}
UNIX, NEAR = "unix:///tmp/broker", ("127.0.0.1", "127.0.0.8", "localhost", "[::1]")


@pytest.mark.parametrize(
    ("url", "dangers"),
    [
        ("redis://broker.example", {"not encrypted", "no password"}),
        ("redis://192.0.2.1:6379/0", {"not encrypted", "no password"}),
        ("redis://ada:x@broker.example", {"not encrypted"}),
        ("rediss://broker.example", {"no password"}),
        ("rediss://ada@broker.example", {"no password"}),
        ("rediss://broker.example?ssl_certfile=/own.pem", set()),
        ("rediss://ada:x@broker.example", set()),
        *((f"redis://{host}:6379", set()) for host in NEAR),
        (UNIX, set()),
    ],
)
def test_brokers_beyond_this_machine_are_dangerous_without_encryption_or_password(url, dangers):
    found = BrokerUrl(url).warnings()
    assert [danger for danger, text in WARNINGS.items() if any(text in each for each in found)] == sorted(
        dangers, key=list(WARNINGS).index
    )
    assert len(found) == len(dangers)


def test_joining_warns_of_a_broker_beyond_this_machine(guarded, join, leads_here):
    leads_here("broker.example")
    near, far = join(Given(guarded.url())), join(Given(guarded.url(host="broker.example")))
    assert "warning" not in journal(near)
    [entry] = run_on(far, FX.QueryLog(level="warning"))
    assert "the connection to the broker is not encrypted" in entry["message"]
    guarded.broker.call("ACL SETUSER default nopass ~* +@all")
    open_to_all = join(Given(f"redis://broker.example:{guarded.port}"))
    messages = [entry["message"] for entry in run_on(open_to_all, FX.QueryLog(level="warning"))]
    assert [text in "".join(messages) for text in WARNINGS.values()] == [True, True]


def test_joining_warns_of_a_broker_that_may_evict_the_log(own_broker, join):
    found = {}
    for policy in ("noeviction", "volatile-lru", "allkeys-lru", "allkeys-random"):
        own_broker.call(f"CONFIG SET maxmemory-policy {policy}")
        found[policy] = [entry["message"] for entry in run_on(join(own_broker), FX.QueryLog(level="warning"))]
    assert found.pop("noeviction") == found.pop("volatile-lru") == []
    for policy, messages in found.items():
        assert f"the broker may evict the log ({policy})" in "".join(messages)
    assert len(list(itertools.chain(*found.values()))) == 2
