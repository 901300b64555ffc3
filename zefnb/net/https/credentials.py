"""Credentials: a certificate chain with its private key, checked as a client would check it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any, NoReturn

from zefnb.net.https.key_files import passing_file

_LONGEST = 1 << 20


class BadCredentials(Exception):
    """The certificate cannot be used. `field` is the part of `ET.TLSCredentials` that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field, self.problem = field, problem


class PrivateKey:
    """A private key in PEM form. It has no text form and cannot be pickled, so that it stays out of logs and files."""

    __slots__ = ("_pem",)

    def __init__(self, pem: bytes) -> None:
        self._pem = pem

    @property
    def pem(self) -> bytes:
        """The key. A caller keeps it in no variable, since tracebacks can show variables."""
        return self._pem

    def __repr__(self) -> str:
        return "<private key>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


class Credentials:
    """A certificate chain, its key, and the domains for which a server presents it.

    Raises `BadCredentials` if the key does not match, if the certificate has expired, or if it is not for a domain.
    """

    def __init__(self, chain: bytes, key: PrivateKey, domains: Sequence[str] = ()) -> None:
        self.chain, self.key = chain, key
        self.context = _loaded(chain, key)
        facts = check_context(self.context, chain, domains)
        self.not_before = ssl.cert_time_to_seconds(facts["notBefore"])
        self.not_after = ssl.cert_time_to_seconds(facts["notAfter"])
        self.names = tuple(name.lower() for _, name in facts.get("subjectAltName", ()))
        self.domains = tuple(domain.lower() for domain in domains) or self.names

    @property
    def two_thirds(self) -> float:
        """The time at two thirds of the certificate's life."""
        return self.not_before + (self.not_after - self.not_before) * 2 / 3


def text_of(value: Any, field: str) -> bytes:
    """The PEM text of a field as bytes. Raises `BadCredentials`."""
    content = (
        value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, bytes | bytearray) else b""
    )
    if b"-----BEGIN " not in content or len(content) > _LONGEST:
        raise BadCredentials(field, "this is not text in PEM format, which begins with '-----BEGIN ...-----'")
    return content


def server_context() -> ssl.SSLContext:
    """A context without a certificate, for TLS 1.2 and newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _loaded(chain: bytes, key: PrivateKey) -> ssl.SSLContext:
    context = server_context()
    try:
        with passing_file(chain) as certificates, passing_file(key.pem) as private:
            # With an empty password, an encrypted key raises an error instead of a prompt for its password.
            context.load_cert_chain(certificates, private, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise BadCredentials("private_key", "it is the key of another certificate") from None
        raise BadCredentials("", f"no certificate chain and its key: {error.reason or 'not readable'}") from None
    return context


def check_context(context: ssl.SSLContext, chain: bytes, domains: Sequence[str] = ()) -> dict[str, Any]:
    """Do a handshake in memory for each domain, as a client that trusts the chain. Returns the certificate's facts."""
    facts = _handshake(context, chain, None)
    for domain in domains:
        _handshake(context, chain, domain)
    return facts


def _handshake(context: ssl.SSLContext, chain: bytes, domain: str | None) -> dict[str, Any]:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The chain itself is trusted: whether a browser trusts its authority cannot be known here.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.check_hostname = domain is not None
    client.load_verify_locations(cadata=chain.decode("latin-1"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    host = f"any{domain[1:]}" if domain is not None and domain.startswith("*.") else domain
    asking = client.wrap_bio(to_client, to_server, server_hostname=host)
    serving = context.wrap_bio(to_server, to_client, server_side=True)
    try:
        for _ in range(4):
            for side in (asking, serving):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        return dict(asking.getpeercert() or {})
    except ssl.SSLCertVerificationError as error:
        if domain is not None and "match" in error.verify_message:
            raise BadCredentials("domains", f"the certificate is not for {domain!r}") from None
        raise BadCredentials("certificates", error.verify_message) from None
    except ssl.SSLError as error:
        raise BadCredentials("certificates", f"no handshake succeeds with it: {error.reason}") from None
