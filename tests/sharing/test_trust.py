"""HTTPS of a local authority in a real browser: one that trusts its root, and one that does not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import chromium
from zefnb import ET, FX, run

PAGE = """<p id="heard"></p><script>
const socket = new WebSocket(`wss://${location.host}/ws`);
socket.onopen = () => socket.send('hello over TLS');
socket.onmessage = message => { document.getElementById('heard').textContent = message.data };
</script>"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: None) -> Any:
    monkeypatch.setenv("ZEFNB_DATA_DIR", str(tmp_path / "data"))
    topic = ET.Topic("over tls")
    route = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    return FX.StartHTTPServer(routes={"/": ET.HTML(content=PAGE), "/ws": route}, port=0, certificates="local") | run


@pytest.fixture
def trusts(server: Any, tmp_path: Path) -> Iterator[Any]:
    """A browser whose user has added the root, as the how-to page says."""
    if shutil.which("certutil") is None:
        pytest.skip("needs certutil, of libnss3-tools")
    store = tmp_path / "home" / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for command in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "zefnb", "-i", server.root_certificate]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *command], check=True, timeout=30)
    with chromium(HOME=str(tmp_path / "home")) as browser:
        yield browser


def test_a_browser_that_trusts_the_root_accepts_the_page_and_its_socket(server: Any, trusts: Any):
    page = trusts.new_page()
    for host in ("localhost", "127.0.0.1"):
        page.goto(f"https://{host}:{server.port}/")
        page.wait_for_function("() => document.getElementById('heard').textContent == 'hello over TLS'")
        assert page.evaluate("isSecureContext")


def test_a_browser_that_trusts_the_root_accepts_no_certificate_of_another_name(server: Any, trusts: Any):
    page = trusts.new_context().new_page()
    with pytest.raises(Exception, match="ERR_CERT_COMMON_NAME_INVALID"):
        page.goto(f"https://other.localhost:{server.port}/")


def test_a_browser_that_does_not_trust_the_root_refuses_the_page(server: Any, tmp_path: Path):
    with chromium(HOME=str(tmp_path)) as browser, pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
        browser.new_page().goto(f"https://localhost:{server.port}/")
