"""`certificates='local'`: a private authority, whose certificates clients accept once they trust its root."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside, journal, said
from tests.net.https.clocks import MovedClock, moved_clock
from tests.spec.sessions import environment
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect, NotInstalled
from zefnb.net.https import local
from zefnb.net.https.local_authority import LocalAuthority, local_names

DAY = 86_400.0


@pytest.fixture
def clock(clean: None) -> Iterator[MovedClock]:
    with moved_clock() as clock:
        yield clock


def trusting(server: Any) -> ssl.SSLContext:
    """The context of a client that trusts the root which the handle names, and no other."""
    return ssl.create_default_context(cafile=server.root_certificate)


def certificate_at(server: Any, name: str = "localhost") -> dict[str, Any]:
    plain = socket.create_connection(("127.0.0.1", server.port), 10)
    with plain, trusting(server).wrap_socket(plain, server_hostname=name) as secured:
        return dict(secured.getpeercert() or {})


def test_a_client_that_trusts_the_root_accepts_every_name_and_address_of_this_machine(serve: Any):
    server = serve({"/": "hello"}, certificates="local")
    for host in ("localhost", "127.0.0.1"):
        assert httpx.get(f"https://{host}:{server.port}/", verify=trusting(server)).text == "hello"
    with pytest.raises(httpx.ConnectError, match="self-signed certificate"):
        httpx.get(f"https://localhost:{server.port}/")
    for name in local_names():
        assert certificate_at(server, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        certificate_at(server, "other.example")
    folder = Path(server.root_certificate).parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {folder.name: 0o700, **dict.fromkeys(["authority.pem", "zefnb-root.pem", "lock"], 0o600)}
    assert "PRIVATE" not in Path(server.root_certificate).read_text()


def test_all_servers_and_restarts_use_the_same_root(serve: Any):
    servers = [serve({"/": "x"}, certificates="local") for _ in range(2)]
    assert servers[0].root_certificate == servers[1].root_certificate
    first = Path(servers[0].root_certificate).read_bytes()
    code = (
        "from zefnb import *; import ssl\n"
        "server = FX.StartHTTPServer(routes={'/': 'x'}, port=0, certificates='local') | run\n"
        "print(open(server.root_certificate).read(), end='')"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE) for _ in range(3)
    ]
    assert [other.communicate(timeout=60)[0] for other in others] == [first] * 3


def test_kernels_that_start_at_once_make_one_authority(data_directory: Path):
    made: list[bytes] = []

    def make() -> None:
        made.append(LocalAuthority.load(time.time()).root_path.read_bytes())

    threads = [threading.Thread(target=make) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 5
    assert len(set(made)) == 1


@pytest.mark.parametrize("name", ["www.example.com", "8.8.8.8", "localhost.example", "2001:4860:4860::8888"])
def test_the_authority_makes_no_certificate_for_a_public_name(name: str):
    assert LocalAuthority.load(time.time()).issue(["localhost", name], time.time()).names == ("localhost",)


@pytest.mark.parametrize("name", ["www.example.com", "8.8.8.8"])
def test_a_stolen_root_key_makes_no_certificate_for_a_public_name_that_a_client_accepts(
    serve: Any, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(LocalAuthority, "permits", lambda self, name: True)
    monkeypatch.setattr("zefnb.net.https.credentials.check_context", lambda context, chain, domains: _FACTS)
    monkeypatch.setattr(local, "local_names", lambda: frozenset({name}))
    server = serve({"/": "x"}, certificates="local")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        certificate_at(server, name)


_FACTS = {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Jan  1 00:00:00 2036 GMT", "subjectAltName": ()}


def test_when_the_addresses_change_new_clients_get_a_new_certificate_and_old_ones_notice_nothing(
    serve: Any, topic: Any, connect: Any, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
):
    route = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    server = serve({"/": "x", "/ws": route}, certificates="local", allow_external_requests=True)
    client = connect(f"wss://localhost:{server.port}/ws", ssl=trusting(server))
    with pytest.raises(ssl.SSLCertVerificationError):
        certificate_at(server, "10.1.2.3")
    monkeypatch.setattr(local, "local_names", lambda: frozenset({"localhost", "10.1.2.3"}))
    clock.let_pass(60)
    assert said("renewed the certificate for this machine")()
    assert certificate_at(server, "10.1.2.3")
    client.send("still here")
    assert client.recv(20) == "still here"
    headers = {"Host": f"10.1.2.3:{server.port}"}
    assert httpx.get(f"https://localhost:{server.port}/", verify=trusting(server), headers=headers).status_code == 200


def test_a_certificate_is_renewed_at_two_thirds_of_its_life(serve: Any):
    with moved_clock(ago=61 * DAY) as clock:
        server = serve({"/": "x"}, certificates="local")
        before = certificate_at(server)["serialNumber"]
        passed = 0
        while certificate_at(server)["serialNumber"] == before:
            clock.let_pass(DAY)
            passed += 1
            assert passed <= 60
    assert passed == 60, "two thirds of 90 days"
    assert said("renewed the certificate for this machine")()


def test_a_name_that_the_root_does_not_permit_is_left_out_and_the_journal_says_so(
    serve: Any, monkeypatch: pytest.MonkeyPatch
):
    LocalAuthority.load(time.time())
    monkeypatch.setattr(local, "local_names", lambda: frozenset({"localhost", "8.8.8.8"}))
    server = serve({"/": "x"}, certificates="local")
    [entry] = journal("warning")
    assert "does not permit 8.8.8.8" in entry["message"]
    assert str(Path(server.root_certificate).parent) in entry["message"]
    assert certificate_at(server)


def test_an_authority_whose_key_others_can_read_is_refused(serve: Any):
    folder = LocalAuthority.load(time.time()).root_path.parent
    (folder / "authority.pem").chmod(0o644)
    with pytest.raises(InvalidEffect, match=r"chmod 600 .*authority\.pem"):
        serve({"/": "x"}, certificates="local")
    assert (FX.QueryAllActiveHTTPServers() | run) == []


@pytest.mark.parametrize("missing", ["cryptography", "ifaddr"])
def test_without_the_extra_the_error_names_the_command_that_installs_it(
    serve: Any, missing: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(NotInstalled, match=r"pip install 'zefnb\[https\]'"):
        serve({"/": "x"}, certificates="local")


def test_the_key_of_the_authority_is_shown_nowhere(serve: Any):
    server = serve({"/": "x"}, certificates="local")
    both = Path(server.root_certificate).with_name("authority.pem").read_text()
    lines = both.partition("PRIVATE KEY")[2].splitlines()
    shown = [repr(server), str(journal()), repr(FX.QueryHTTPServer(server=server) | run), repr(vars(inside(server)))]
    assert not [line for line in lines if len(line) > 20 and any(line in text for text in shown)]


def test_the_display_of_the_handle_names_the_root_certificate(serve: Any):
    from zefnb.notebook.display.handles import described

    server = serve({"/": "x"}, certificates="local")
    found = described(server)
    assert found is not None
    assert f"root certificate {server.root_certificate}" in found.facts
