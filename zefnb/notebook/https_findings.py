"""Findings about logins and HTTPS: the packages, ports, keys and networks of this machine."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from zefnb.net.https.key_files import data_directory
from zefnb.notebook.finding import Finding

_EXTRAS = {"auth": "logins with OAuth", "https": "certificates, and QR codes for %zef share"}


def for_https() -> Iterator[Finding]:
    """Check the extras, the ports of the web, the data directory, and the networks."""
    for extra, purpose in _EXTRAS.items():
        yield from _extra(extra, purpose)
    for port, purpose in ((80, "Let's Encrypt checks names there"), (443, "the port of https://")):
        yield _port(port, purpose)
    yield _directory()
    yield _networks()


def _extra(extra: str, purpose: str) -> Iterator[Finding]:
    try:
        lines = [line for line in requires("zefnb") or () if f"extra == '{extra}'" in line.replace('"', "'")]
    except PackageNotFoundError:
        lines = []
    if not lines:
        return
    names = [line.partition(";")[0] for line in lines]
    missing = [name for name in (re.split(r"[^\w.-]", each)[0] for each in names) if _lacks(name)]
    if missing:
        text = f"missing for {purpose}: {', '.join(missing)}; pip install 'zefnb[{extra}]'"
        yield Finding("note", f"zefnb[{extra}]", text)
    else:
        yield Finding("ok", f"zefnb[{extra}]", f"installed: {purpose}")


def _lacks(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return True
    return False


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
    except NotInstalled as error:
        return Finding("note", "networks", str(error))
    listed = ", ".join(f"{interface.name} {interface.addresses[0]}" for interface in found)
    return Finding("ok", "networks", listed or "none: no other machine can reach this one")
