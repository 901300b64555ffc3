"""Passwords: the names and passwords of `auth={...}`, checked by scrypt (RFC 7914)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

# 16 MiB and about 60 ms for each check.
_SCRYPT = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}
# Keys that are derived at once: each takes a processor, and a notebook needs one, too.
CHECKS_LIMIT = 1
LONGEST_PASSWORD = 1_024


class Passwords:
    """Checks names and passwords. A check takes as long for an unknown name as for a known one."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._salt = secrets.token_bytes(16)
        # Until their keys have been derived.
        self._given: dict[str, str] | None = dict(given)
        self._fingerprints = {name: _fingerprint(password) for name, password in given.items()}
        self._derived: dict[str, bytes] = {}
        self._unknown = secrets.token_bytes(32)
        self._slots = asyncio.Semaphore(CHECKS_LIMIT)
        self._prepared: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Begin to derive the keys of all passwords, in threads. Called on the loop."""
        self._prepared = asyncio.get_running_loop().create_task(self._derive())

    def close(self) -> None:
        """Derive no more keys."""
        if self._prepared is not None:
            self._prepared.cancel()

    async def _derive(self) -> None:
        # Hundreds of keys take a minute. A login waits for one of them at most.
        for name, password in (self._given or {}).items():
            async with self._slots:
                self._derived[name] = await asyncio.to_thread(self._key, password)
        self._given = None

    def _key(self, password: str) -> bytes:
        return hashlib.scrypt(_encoded(password), salt=self._salt, **_SCRYPT)

    async def admits(self, name: str, password: str) -> bool:
        """Whether this is the password of `name`."""
        if len(password) > LONGEST_PASSWORD:
            return False
        async with self._slots:
            return await asyncio.to_thread(self._is_right, name, password)

    def _is_right(self, name: str, password: str) -> bool:
        given, key = self._given, self._key(password)
        if given is None:
            expected = self._derived.get(name, self._unknown)
        else:
            # Once more for every name, known or not, so that all take the same time.
            derived = self._key(given.get(name, ""))
            expected = derived if name in given else self._unknown
        return hmac.compare_digest(key, expected)

    def credential(self, name: str) -> Any:
        """A value that changes when the password of `name` does; `None` for an unknown name."""
        return self._fingerprints.get(name)

    def proof(self, name: str, secret: str) -> bytes | None:
        """A value that changes when the password of `name` does, and is random without `secret`."""
        fingerprint = self._fingerprints.get(name)
        return hmac.digest(_encoded(secret), fingerprint, "sha256") if fingerprint is not None else None


def _fingerprint(password: str) -> bytes:
    return hashlib.sha256(_encoded(password)).digest()


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
