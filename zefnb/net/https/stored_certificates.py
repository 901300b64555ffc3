"""Stored certificates: those that an authority has issued, on disk, so that a restart requests nothing."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from zefnb.net.https.credentials import BadCredentials, Credentials, PrivateKey
from zefnb.net.https.file_lock import file_lock
from zefnb.net.https.key_files import data_directory, private_directory, read_private, write_private

_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\n?", re.DOTALL)


class StoredCertificate:
    """The certificate of one authority for one set of domains.

    Chain and key are in one file, so that one rename replaces both.
    """

    def __init__(self, directory_url: str, domains: Sequence[str]) -> None:
        place = directory_url.partition("://")[2].rstrip("/")
        self._folder = data_directory() / "acme" / re.sub(r"[^a-z0-9.]+", "-", place.lower())
        marks = hashlib.sha256(" ".join(sorted(domains)).encode()).hexdigest()[:8]
        self._name = domains[0] if len(domains) == 1 else f"{domains[0]}-{marks}"
        self._domains = tuple(domains)

    def load(self) -> Credentials | None:
        """The stored certificate, if there is one that can be used. Raises `UnsafeFile`."""
        try:
            content = read_private(self._path)
        except FileNotFoundError:
            return None
        found = _KEY.search(content)
        if found is None:
            return None
        try:
            return Credentials(_KEY.sub(b"", content), PrivateKey(found[0]), self._domains)
        except BadCredentials:
            return None  # expired, or made by hand

    def save(self, chain: bytes, key: PrivateKey) -> Credentials:
        """Check the certificate, store it, and return it. Raises `BadCredentials`."""
        made = Credentials(chain, key, self._domains)
        write_private(self._path, chain.rstrip() + b"\n" + key.pem)
        return made

    def account_key(self, make: Callable[[], PrivateKey]) -> PrivateKey:
        """The key of the account at this authority; `make` makes it, the first time."""
        path = self._made_folder() / "account.pem"
        with file_lock(self._made_folder() / "account.lock", threading.Event()):
            try:
                return PrivateKey(read_private(path))
            except FileNotFoundError:
                key = make()
                write_private(path, key.pem)
                return key

    def lock(self, cancelled: threading.Event) -> AbstractContextManager[None]:
        """The lock that the process holds which requests the certificate."""
        return file_lock(self._made_folder() / f"{self._name}.lock", cancelled)

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._name}.pem"

    def _made_folder(self) -> Path:
        private_directory(private_directory(data_directory()) / "acme")
        return private_directory(self._folder)
