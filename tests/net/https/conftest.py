"""Fixtures of the tests of certificates: an authority of their own, and a data directory for each test."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from zefnb import ET


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which zefnb keeps keys during the test."""
    monkeypatch.setenv("ZEFNB_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts the test's authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def credentials(certificate: trustme.LeafCert, **fields: Any) -> Any:
    """`ET.TLSCredentials` of a certificate."""
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems).decode()
    key = certificate.private_key_pem.bytes().decode()
    return ET.TLSCredentials(**{"certificates": chain, "private_key": key, **fields})
