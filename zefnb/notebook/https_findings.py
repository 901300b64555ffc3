"""Findings about logins and HTTPS: the packages, ports, keys and networks of this machine."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator

from zefnb.net.https.key_files import data_directory
from zefnb.notebook.finding import Finding, extra_finding

_EXTRAS = {
    "auth": "logins at other servers (OAuth, OIDC, JupyterHub); passwords and auth='token' need no package",
    "https": "certificates, and QR codes for %zef share",
}


def for_https() -> Iterator[Finding]:
    """Check the extras, the ports of the web, the data directory, and the networks."""
    for extra, purpose in _EXTRAS.items():
        yield from extra_finding(extra, purpose)
    for port, purpose in ((80, "Let's Encrypt checks names there"), (443, "the port of https://")):
        yield _port(port, purpose)
    yield _directory()
    yield _networks()


def _port(port: int, purpose: str) -> Finding:
    try:
        with socket.socket() as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
        return Finding("ok", f"port {port}", f"free; {purpose}")
    except OSError as error:
        if error.errno == errno.EACCES:
            way = "sudo sysctl net.ipv4.ip_unprivileged_port_start=80 permits it on Linux"
            return Finding("note", f"port {port}", f"needs permission ({purpose}); {way}")
        return Finding("note", f"port {port}", f"busy ({error.strerror}); {purpose}")


def _directory() -> Finding:
    folder = data_directory()
    if not folder.exists():
        return Finding("ok", "keys", f"none yet; they will be in {folder}")
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return Finding("note", "keys", f"other users can enter {folder}, so keys are refused; run: chmod 700 {folder}")
    return Finding("ok", "keys", f"in {folder}, for this user alone")


def _networks() -> Finding:
    from zefnb.errors import NotInstalled
    from zefnb.net.interfaces import interfaces

    try:
        found = interfaces()
    except NotInstalled:
        return Finding("note", "networks", "not listed, since a package of zefnb[https] is missing")
    listed = ", ".join(f"{interface.name} {interface.addresses[0]}" for interface in found)
    return Finding("ok", "networks", listed or "none: no other machine can reach this one")
