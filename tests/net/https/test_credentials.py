"""`ET.TLSCredentials`: several certificates on one port, and certificates that a server refuses to start with."""

from __future__ import annotations

import datetime
import pickle
import socket
import ssl
from typing import Any

import httpx
import pytest
import trustme

from tests.net.conftest import journal
from tests.net.https.conftest import credentials
from zefnb import ET, FX, collect, run, to_json
from zefnb.errors import InvalidEffect, InvalidValue
from zefnb.net.https.credentials import PrivateKey


def names_at(port: int, trusting: ssl.SSLContext, name: str | None) -> set[str]:
    """Return the names in the certificate that the server presents to a client that asks for `name`."""
    trusting.check_hostname = False
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with plain, trusting.wrap_socket(plain, server_hostname=name) as secured:
        found: Any = secured.getpeercert()
        return {str(value) for _, value in found["subjectAltName"]}


def test_a_server_presents_the_certificate_of_the_name_that_the_client_asks_for(
    serve: Any, authority: trustme.CA, trusting: ssl.SSLContext
):
    one, other = authority.issue_cert("a.example", "localhost"), authority.issue_cert("b.example", "*.c.example")
    pair = [credentials(one, domains=["a.example"]), credentials(other, domains=["b.example", "*.c.example"])]
    server = serve({"/": "hello"}, certificates=pair)
    assert httpx.get(f"https://localhost:{server.port}/", verify=trusting).text == "hello"
    seen = {name: names_at(server.port, trusting, name) for name in ("A.example", "b.example", "x.c.example", None)}
    assert seen == {
        "A.example": {"a.example", "localhost"},
        "b.example": {"b.example", "*.c.example"},
        "x.c.example": {"b.example", "*.c.example"},
        None: {"a.example", "localhost"},
    }
    assert "a.example" in names_at(server.port, trusting, "other.example"), "which that client refuses"


def test_clients_address_the_server_by_the_names_of_its_certificates(
    serve: Any, authority: trustme.CA, trusting: ssl.SSLContext
):
    certificate = authority.issue_cert("localhost", "a.example")
    server = serve({"/": "hello"}, certificates=credentials(certificate))
    url = f"https://localhost:{server.port}/"
    statuses = [
        httpx.get(url, verify=trusting, headers={"Host": name}).status_code for name in ("a.example", "b.example")
    ]
    assert statuses == [200, 403]


def old(authority: trustme.CA) -> Any:
    return credentials(authority.issue_cert("a.example", not_after=datetime.datetime(2020, 1, 1)))


UNUSABLE = {
    "it is the key of another certificate": lambda ca: credentials(
        ca.issue_cert("a.example"), private_key=ca.issue_cert("a.example").private_key_pem.bytes()
    ),
    "certificate has expired": old,
    "the certificate is not for 'b.example'": lambda ca: credentials(ca.issue_cert("a.example"), domains=["b.example"]),
    r"certificates\[0\].certificates: this is not text in PEM format": lambda ca: credentials(
        ca.issue_cert("a.example"), certificates="chain.pem"
    ),
    r"certificates\[0\].private_key: this is not text": lambda ca: credentials(
        ca.issue_cert("a.example"), private_key=5
    ),
    "no certificate chain and its key": lambda ca: credentials(
        ca.issue_cert("a.example"), certificates="-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n"
    ),
    "unknown field": lambda ca: credentials(ca.issue_cert("a.example"), domain="a.example"),
    r"certificates\[0\].private_key: missing": lambda ca: ET.TLSCredentials(certificates="-----BEGIN "),
    "domains: got 'a.example'": lambda ca: credentials(ca.issue_cert("a.example"), domains="a.example"),
}


@pytest.mark.parametrize("problem", UNUSABLE)
def test_with_a_certificate_that_cannot_be_used_no_server_starts(serve: Any, authority: trustme.CA, problem: str):
    with pytest.raises(InvalidEffect, match=problem) as raised:
        serve({"/": "x"}, certificates=[UNUSABLE[problem](authority)])
    assert (FX.QueryAllActiveHTTPServers() | run) == []
    assert "PRIVATE KEY" not in str(raised.value)


def test_the_errors_of_all_certificates_are_reported_together(serve: Any, authority: trustme.CA):
    with pytest.raises(InvalidEffect) as raised:
        serve({"/": "x"}, certificates=[old(authority), ET.TLSCredentials(), old(authority)])
    assert [fault.field for fault in raised.value.faults] == [
        "certificates[0].certificates",
        "certificates[1].certificates",
        "certificates[1].private_key",
        "certificates[2].certificates",
    ]


def test_a_private_key_is_in_no_text_and_no_pickle(serve: Any, authority: trustme.CA):
    given = credentials(authority.issue_cert("localhost"))
    key = given.private_key.splitlines()[1]
    effect = FX.StartHTTPServer(routes={"/": "x"}, port=0, certificates=[given])
    server = effect | run
    shown = [
        repr(given),
        str([given]),
        repr(effect),
        f"{ {'key': given} }",
        repr(journal()),
        repr(PrivateKey(key.encode())),
    ]
    shown += [repr(FX.QueryHTTPServer(server=server) | run), repr(server)]
    assert not [text for text in shown if key in text]
    for value in (given, [given], effect):
        with pytest.raises(InvalidValue, match="private_key, which no pickle holds"):
            pickle.dumps(value)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(PrivateKey(key.encode()))


def test_credentials_are_not_sent_to_clients(serve: Any, authority: trustme.CA, topic: Any):
    given = credentials(authority.issue_cert("localhost"))
    for content in (given, [given], {"x": given}):
        with pytest.raises(InvalidValue, match="a secret, which is not sent"):
            content | to_json | collect
    server = serve({"/": lambda request: ET.JSON(content=given)})
    assert httpx.get(f"http://127.0.0.1:{server.port}/").status_code == 500
