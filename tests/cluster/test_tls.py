"""`rediss://`: brokers with TLS, whose certificates are verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.brokers import Broker
from tests.cluster.test_contract import collected, publish
from tests.cluster.tls_broker import HOST, KINDS, TLSBroker
from tests.ports import free_port
from zefnb import FX
from zefnb.cluster.cluster import Cluster
from zefnb.cluster.connection import Connection
from zefnb.engine.perform import run_on
from zefnb.errors import ClusterUnavailable


class Given:
    name = "zefnb"

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="module", params=KINDS)
def tls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TLSBroker]:
    broker = TLSBroker(request.param, tmp_path_factory.mktemp("tls"))
    yield broker
    broker.close()


def test_nodes_join_through_tls_and_nothing_is_dangerous(tls, join, until, leads_here):
    leads_here(HOST)
    node, other = join(Given(tls.url())), join(Given(tls.url(HOST)))
    found = collected(other)
    publish(node, "hello")
    until(lambda: found == ["hello"])
    assert run_on(other, FX.QueryLog(level="warning")) == []


def refused(join: Any, url: str) -> str:
    with pytest.raises(ClusterUnavailable) as raised:
        join(Given(url))
    assert "secret" not in str(raised.value)
    return str(raised.value)


def test_a_certificate_of_an_unknown_authority_is_refused(tls, join):
    assert "certificate verify failed" in refused(join, tls.url(trusted=False))


def test_a_certificate_for_another_name_is_refused(tls, join):
    assert "certificate verify failed" in refused(join, tls.url("127.0.0.1"))


def test_a_broker_without_tls_is_not_sent_the_password(join):
    port = free_port()
    plain = Broker("valkey", "--port", str(port), "--bind", "127.0.0.1")
    try:
        assert "cannot be used" in refused(join, f"rediss://zefnb:secret@localhost:{port}/0")
        assert b"cmdstat_auth" not in plain.call("INFO commandstats")
    finally:
        plain.close()


def test_a_missing_file_of_certificates_is_named(tls, join, tmp_path):
    missing = tmp_path / "none.pem"
    text = refused(join, f"{tls.url(trusted=False)}?ssl_ca_certs={missing}")
    assert "a file of its certificates cannot be read" in text


def test_connections_share_what_they_have_read_of_certificates(tls, join):
    node = join(Given(tls.url())).service(Cluster).node
    assert node.url.tls is not None
    assert Connection(node.url)._connection.ssl_context.get() is node.url.tls
