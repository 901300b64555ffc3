"""Let's Encrypt, with pebble in its place, which refuses a fifth of all nonces."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.net.conftest import journal, said
from tests.net.https.clocks import moved_clock
from tests.net.https.pebble import Pebble, pebble
from tests.ports import free_port
from tests.spec.sessions import environment
from zefnb import ET, FX, run
from zefnb.errors import CertificateUnavailable, InvalidEffect, NotInstalled
from zefnb.net.https.stored_certificates import StoredCertificate

DOMAIN = "demo.example.com"
YEAR = 365 * 86_400.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble")) as authority:
        yield authority


def certificates(authority: Pebble, **fields: Any) -> Any:
    return ET.LetsEncrypt(DOMAIN, email="ada@example.com", **{**authority.fields, **fields})


def certificate_at(port: int, authority: Pebble, name: str = DOMAIN) -> dict[str, Any]:
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with plain, authority.trusting().wrap_socket(plain, server_hostname=name) as secured:
        return dict(secured.getpeercert() or {})


def plain_get(port: int, path: str, host: str = DOMAIN, method: str = "GET") -> httpx.Response:
    return httpx.request(method, f"http://127.0.0.1:{port}{path}", headers={"host": host}, follow_redirects=False)


def test_a_certificate_is_requested_stored_and_used_again(serve: Any, authority: Pebble, capfd: Any):
    before = authority.issued()
    server = serve({"/": "hello"}, certificates=certificates(authority, domains=["www.example.com"]))
    first = certificate_at(server.port, authority)
    assert {name for _, name in first["subjectAltName"]} == {DOMAIN, "www.example.com"}
    assert f"requesting a certificate for {DOMAIN}, www.example.com from 127.0.0.1" in capfd.readouterr().out
    FX.StopHTTPServer(server=server) | run
    again = serve({"/": "hello"}, certificates=certificates(authority, domains=["www.example.com"]))
    assert certificate_at(again.port, authority) == first
    assert authority.issued() == before + 1
    assert capfd.readouterr().out == ""


def test_plain_http_is_redirected_to_https_for_names_of_the_certificate_alone(serve: Any, authority: Pebble):
    server = serve({"/": "hello"}, certificates=certificates(authority))
    port = authority.http_port
    found = plain_get(port, "/a%20page?x=1")
    assert (found.status_code, found.headers["location"]) == (301, f"https://{DOMAIN}:{server.port}/a%20page?x=1")
    assert plain_get(port, "/", host="evil.example").status_code == 404
    assert plain_get(port, "/", method="POST").status_code == 403
    assert plain_get(port, "/.well-known/acme-challenge/none").status_code == 301
    FX.StopHTTPServer(server=server) | run
    with pytest.raises(httpx.ConnectError):
        plain_get(port, "/")


def test_a_server_of_the_program_shares_the_port_of_the_check(serve: Any, authority: Pebble):
    mine = serve({"/": "mine", "/{any}": "mine"}, port=authority.http_port, auth="token")
    server = serve({"/": "hello"}, certificates=certificates(authority))
    assert certificate_at(server.port, authority)
    assert plain_get(mine.port, "/", host="localhost").status_code in (401, 303)
    FX.StopHTTPServer(server=mine) | run
    # And the other way round: it takes the port that is already open for the check.
    other = serve({"/": "hello"}, certificates=certificates(authority))
    assert plain_get(authority.http_port, "/").status_code == 301
    mine = serve({"/": "mine"}, port=authority.http_port)
    assert plain_get(mine.port, "/", host="localhost").text == "mine"
    assert certificate_at(other.port, authority)


def test_a_certificate_is_renewed_at_two_thirds_of_its_life_and_no_connection_notices(
    serve: Any, topic: Any, connect: Any, authority: Pebble
):
    with moved_clock() as clock:
        route = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
        server = serve({"/ws": route}, certificates=certificates(authority), allowed_hosts=["localhost"])
        before = certificate_at(server.port, authority)
        client = connect(f"wss://127.0.0.1:{server.port}/ws", ssl=authority.trusting(), server_hostname=DOMAIN)
        clock.let_pass(5 * YEAR * 0.6)
        assert certificate_at(server.port, authority) == before
        clock.let_pass(5 * YEAR * 0.1)
        assert certificate_at(server.port, authority)["serialNumber"] != before["serialNumber"]
        assert said(f"renewed the certificate for {DOMAIN}")()
        client.send("still here")
        assert client.recv(20) == "still here"


def test_while_the_authority_is_down_the_old_certificate_stays_and_the_journal_has_one_line(
    serve: Any, tmp_path: Path, until: Any
):
    authority = Pebble(tmp_path)
    authority.start()
    trusting = authority.trusting()
    pauses: list[float] = []
    with moved_clock() as clock:
        server = serve({"/": "hello"}, certificates=certificates(authority))
        # A TLS handshake that the authority resets would leave a socket unclosed in Python's `wrap_socket`.
        until(lambda: clock.sleeping is not None)
        authority.stop()
        clock.let_pass(5 * YEAR * 0.7)
        for _ in range(5):
            assert clock.sleeping is not None
            pauses.append(clock.sleeping)
            clock.let_pass(clock.sleeping + 1)
        plain = socket.create_connection(("127.0.0.1", server.port), 10)
        with plain, trusting.wrap_socket(plain, server_hostname=DOMAIN) as secured:
            assert secured.getpeercert()
    [entry] = journal("warning")
    assert "could not be renewed, and the old one stays" in entry["message"]
    assert "cannot be reached" in entry["message"]
    assert entry["count"] == 6
    assert all(later > 1.5 * earlier for earlier, later in itertools.pairwise(pauses)), pauses
    assert 299 <= pauses[0] <= 375


def test_the_hint_of_the_authority_decides_when_to_renew(
    serve: Any, authority: Pebble, monkeypatch: pytest.MonkeyPatch
):
    """Debian's pebble gives no hints, so that the request for one is replaced; what follows from it is real."""
    from zefnb.net.https import lets_encrypt

    asked: list[bytes] = []

    with moved_clock() as clock:
        due = clock.now() + 3 * 86_400

        def hint(authority: Any, chain: bytes) -> tuple[float, float]:
            asked.append(chain)
            return (due if chain == asked[0] else due + YEAR), 6 * 3_600.0

        monkeypatch.setattr(lets_encrypt, "renewal_hint", hint)
        server = serve({"/": "hello"}, certificates=certificates(authority))
        before = certificate_at(server.port, authority)["serialNumber"]
        clock.let_pass(2.9 * 86_400)
        assert certificate_at(server.port, authority)["serialNumber"] == before
        clock.let_pass(0.2 * 86_400)
        assert certificate_at(server.port, authority)["serialNumber"] != before


def test_when_the_authority_cannot_be_reached_the_server_does_not_start(serve: Any, tmp_path: Path):
    authority = Pebble(tmp_path)
    with pytest.raises(CertificateUnavailable, match=r"127.0.0.1:\d+ cannot be reached"):
        serve({"/": "x"}, certificates=certificates(authority))
    assert (FX.QueryAllActiveHTTPServers() | run) == []
    with pytest.raises(httpx.ConnectError):
        plain_get(authority.http_port, "/")


def test_a_failed_certificate_leaves_the_server_that_the_cell_started_before(serve: Any, tmp_path: Path):
    server = serve({"/": "before"})
    with pytest.raises(CertificateUnavailable):
        serve({"/": "x"}, port=server.port, allow_restart=True, certificates=certificates(Pebble(tmp_path)))
    assert httpx.get(f"http://127.0.0.1:{server.port}/").text == "before"


def test_when_another_program_has_the_port_the_error_says_so(serve: Any, authority: Pebble):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CertificateUnavailable, match=r"would not find a response: port .* is in use by"):
            serve({"/": "x"}, certificates=certificates(authority, http_port=other.getsockname()[1]))


def test_a_check_that_fails_says_which_domain_and_port(serve: Any, authority: Pebble):
    with pytest.raises(CertificateUnavailable, match=f"could not check {DOMAIN} over port"):
        serve({"/": "x"}, certificates=certificates(authority, http_port=free_port()))


SCRIPT = """
import sys
from zefnb import *
given = ET.LetsEncrypt(sys.argv[1], directory_url=sys.argv[2], directory_root=sys.argv[3], http_port=int(sys.argv[4]))
server = FX.StartHTTPServer(routes={'/': 'x'}, port=0, certificates=given) | run
print('port', server.port, flush=True)
sys.stdin.read()
"""


def kernel(authority: Pebble, domain: str) -> subprocess.Popen[str]:
    arguments = [domain, authority.directory_url, str(authority.directory_root), str(authority.http_port)]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("port "):
            return int(line.split()[1])
    raise AssertionError(lines)


def test_kernels_that_start_at_once_request_one_certificate(authority: Pebble):
    before, domain = authority.issued(), "shared.example.com"
    kernels = [kernel(authority, domain) for _ in range(2)]
    try:
        seen = [certificate_at(port_of(each), authority, domain) for each in kernels]
    finally:
        for each in kernels:
            each.communicate("", timeout=30)
    assert seen[0] == seen[1]
    assert authority.issued() == before + 1


def test_a_kernel_killed_during_its_request_does_not_block_the_next_one(authority: Pebble):
    domain = "killed.example.com"
    killed = kernel(authority, domain)
    assert killed.stdout is not None
    assert killed.stdout.readline().startswith("requesting a certificate")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=20)
    following = kernel(authority, domain)
    try:
        assert certificate_at(port_of(following), authority, domain)
    finally:
        following.communicate("", timeout=30)


def test_an_interrupt_ends_the_wait_and_frees_the_port(serve: Any, authority: Pebble, until: Any):
    def is_free() -> bool:
        try:
            plain_get(authority.http_port, "/")
        except httpx.ConnectError:
            return True
        return False

    stored = StoredCertificate(authority.directory_url, (DOMAIN,))
    held = threading.Event()
    with stored.lock(held):  # another kernel requests it, for ever
        timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            serve({"/": "x"}, certificates=certificates(authority))
        timer.join()
        until(is_free)
    assert serve({"/": "x"}, certificates=certificates(authority))


def test_credentials_for_the_form_of_the_original(serve: Any, authority: Pebble):
    domains = ["a.example.com", "b.example.com"]
    effect = FX.GetLetsEncryptCreds(
        domains=domains, email_address="ada@example.com", allow_external_requests=False, **authority.fields
    )
    before = authority.issued()
    credentials = effect | run
    assert credentials == (effect | run), "the stored one"
    assert authority.issued() == before + 1
    assert type(credentials) is ET.TLSCredentials
    assert "PRIVATE KEY" not in repr(credentials)
    server = serve({"/": "x"}, certificates=[credentials])
    for domain in domains:
        assert certificate_at(server.port, authority, domain)
    with pytest.raises(httpx.ConnectError):
        plain_get(authority.http_port, "/")


def test_all_wrong_fields_are_reported_at_once(serve: Any):
    with pytest.raises(InvalidEffect) as raised:
        serve(
            {"/": "x"},
            certificates=ET.LetsEncrypt(
                "*.a.example", email="ada", staging=1, http_port=0, directory_root="none", emial=1
            ),
        )
    assert {fault.field for fault in raised.value.faults} == {
        f"certificates.{name}" for name in ("emial", "domains", "email", "staging", "http_port", "directory_root")
    }
    assert "a wildcard needs a check by DNS" in str(raised.value)
    with pytest.raises(InvalidEffect, match="domains"):
        FX.GetLetsEncryptCreds(domains=[]) | run


@pytest.mark.parametrize("missing", ["acme", "cryptography"])
def test_without_the_extra_the_error_names_the_command_that_installs_it(
    serve: Any, missing: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(NotInstalled, match=r"pip install 'zefnb\[https\]'"):
        serve({"/": "x"}, certificates=ET.LetsEncrypt(DOMAIN))
