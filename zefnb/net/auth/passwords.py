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
# Checks at once: each takes a processor, and a notebook needs one, too.
CHECKS_LIMIT = 1
LONGEST_PASSWORD = 1_024
# With it, two servers of this process can compare passwords without storing them.
_PROCESS_KEY = secrets.token_bytes(32)


class Passwords:
    """Checks names and passwords. A check takes as long for an unknown name as for a known one."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._salt = secrets.token_bytes(16)
        self._given: dict[str, str] | None = dict(given)
        self._fingerprints = {name: _fingerprint(password) for name, password in given.items()}
        self._derived: dict[str, bytes] = {}
        self._unknown = secrets.token_bytes(32)
        self._slots = asyncio.Semaphore(CHECKS_LIMIT)
        self._prepared: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Begin to derive the keys of all passwords, in a thread. Called on the loop."""
        self._prepared = asyncio.get_running_loop().create_task(asyncio.to_thread(self._derive))

    def _derive(self) -> None:
        given, self._given = self._given or {}, None
        self._derived = {name: self._key(password) for name, password in given.items()}

    def _key(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(errors="surrogatepass"), salt=self._salt, **_SCRYPT)

    async def admits(self, name: str, password: str) -> bool:
        """Whether this is the password of `name`."""
        if len(password) > LONGEST_PASSWORD:
            return False
        async with self._slots:
            if self._prepared is not None:
                await asyncio.shield(self._prepared)
            key = await asyncio.to_thread(self._key, password)
        return hmac.compare_digest(key, self._derived.get(name, self._unknown))

    def credential(self, name: str) -> Any:
        """A value that changes when the password of `name` does; `None` for an unknown name."""
        return self._fingerprints.get(name)


def _fingerprint(password: str) -> bytes:
    return hmac.digest(_PROCESS_KEY, password.encode(errors="surrogatepass"), "sha256")
