"""The local authority: a private certificate authority of the user, for this machine and its network.

Its root certificate has name constraints (RFC 5280, section 4.2.1.10): with a stolen key, an attacker cannot make a
certificate for a public site that a browser accepts.
"""

from __future__ import annotations

import datetime
import getpass
import ipaddress
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from zefnb.net.hosts import machine_hosts
from zefnb.net.https.credentials import Credentials, PrivateKey
from zefnb.net.https.file_lock import file_lock
from zefnb.net.https.key_files import data_directory, private_directory, read_private, write_private
from zefnb.net.interfaces import interfaces

_ROOT_LIFE = datetime.timedelta(days=3_650)
_LEAF_LIFE = datetime.timedelta(days=90)
_HOUR = datetime.timedelta(hours=1)
# The top-level names that are used on local networks only (RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`).
_LOCAL_DOMAINS = ("localhost", "local", "lan", "internal", "home.arpa")
_LOCAL_NETWORKS = (
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)


class LocalAuthority:
    """The authority of this user: its root certificate, and the key that signs with it."""

    def __init__(self, root_path: Path, root: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.root_path, self._root, self._key = root_path, root, key
        constraints = root.extensions.get_extension_for_class(x509.NameConstraints).value
        self._permitted = tuple(constraints.permitted_subtrees or ())

    @classmethod
    def load(cls, now: float) -> LocalAuthority:
        """The authority in the user's data directory; made if there is none, or if it has expired."""
        folder = private_directory(private_directory(data_directory()) / "local-authority")
        # One file for both, which is replaced at once, and a copy of the certificate for people and browsers.
        both, root_path = folder / "authority.pem", folder / "zefnb-root.pem"
        with file_lock(folder / "lock", threading.Event()):
            try:
                content = read_private(both)
            except FileNotFoundError:
                content = b""
            if not content or _expires(content) < now:
                content = _new_authority(now)
                write_private(both, content)
            root = x509.load_pem_x509_certificate(content)
            if not root_path.exists() or root_path.read_bytes() != root.public_bytes(Encoding.PEM):
                write_private(root_path, root.public_bytes(Encoding.PEM))
        key = load_pem_private_key(content, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(root_path, root, key)

    def permits(self, name: str) -> bool:
        """Whether the root's constraints permit a certificate for this name or address."""
        address = _address(name)
        for each in self._permitted:
            value = each.value
            if isinstance(each, x509.IPAddress):
                if address is not None and address in value:
                    return True
            elif address is None and (name == value or name.endswith(f".{value}")):
                return True
        return False

    def issue(self, names: Iterable[str], now: float) -> Credentials:
        """A new certificate for those of the names that the constraints permit. Its key is in no file."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [_general_name(name) for name in sorted(names) if self.permits(name)]
        starts = _moment(now) - _HOUR
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named("zefnb on this machine"))
            .issuer_name(self._root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(min(starts + _LEAF_LIFE, self._root.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        leaf = builder.sign(self._key, hashes.SHA256())
        chain = leaf.public_bytes(Encoding.PEM) + self._root.public_bytes(Encoding.PEM)
        return Credentials(chain, PrivateKey(key.private_bytes(*_KEY_FORM)))


def local_names() -> frozenset[str]:
    """The names and addresses of this machine, on itself and on its networks."""
    host = socket.gethostname().lower()
    names = {"localhost", "127.0.0.1", "::1", *machine_hosts()}
    if host and "." not in host:
        names.add(f"{host}.local")
    names.update(address for interface in interfaces() for address in interface.addresses)
    return frozenset(name for name in names if name and name.isascii())


_KEY_FORM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _new_authority(now: float) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"zefnb authority of {_user()} on {socket.gethostname()}"[:64])
    starts = _moment(now) - _HOUR
    # With the addresses of now: at some universities a laptop has a public one.
    own = local_names()
    hosts = {name for name in own if _address(name) is None}
    domains = [x509.DNSName(domain) for domain in sorted({*_LOCAL_DOMAINS, *hosts})]
    networks = [x509.IPAddress(network) for network in _networks(own - hosts)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + _ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints([*domains, *networks], None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    root = builder.sign(key, hashes.SHA256())
    return root.public_bytes(Encoding.PEM) + key.private_bytes(*_KEY_FORM)


def _networks(addresses: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The local networks, and each of the addresses outside of them."""
    found = [ipaddress.ip_network(network) for network in _LOCAL_NETWORKS]
    for address in sorted(addresses):
        known = ipaddress.ip_address(address)
        if not any(known in network for network in found):
            found.append(ipaddress.ip_network(known))
    return found


def _expires(content: bytes) -> float:
    return x509.load_pem_x509_certificate(content).not_valid_after_utc.timestamp()


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _moment(now: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now, datetime.UTC)


def _general_name(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "this user"
