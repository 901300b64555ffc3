"""The keys with which a provider signs, kept until a token names another one (RFC 7517)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import import_key

# Seconds after which the keys are fetched again for a token whose key is unknown.
REFETCH_INTERVAL = 60.0
_KEYS_LIMIT = 64


class Keys:
    """The public keys of a provider. `fetch` returns its JWK set."""

    def __init__(self, fetch: Callable[[], Awaitable[Any]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: list[tuple[Mapping[str, Any], Any]] | None = None
        self._refetched = float("-inf")

    async def candidates(self, header: Mapping[str, Any]) -> list[Any]:
        """The keys that may have signed a token with this header. If there is none, they are fetched once more."""
        if self._keys is None:
            self._keys = _signing_keys(await self._fetch())
        found = self._matching(header)
        if not found and self._clock() - self._refetched >= REFETCH_INTERVAL:
            self._refetched = self._clock()
            self._keys = _signing_keys(await self._fetch())
            found = self._matching(header)
        return found

    def _matching(self, header: Mapping[str, Any]) -> list[Any]:
        kid, algorithm = header.get("kid"), header.get("alg")
        return [
            key
            for fields, key in self._keys or ()
            if (kid is None or fields.get("kid") == kid) and fields.get("alg") in (None, algorithm)
        ]


def _signing_keys(given: Any) -> list[tuple[Mapping[str, Any], Any]]:
    keys = given.get("keys") if isinstance(given, Mapping) else None
    return list(_usable(keys[:_KEYS_LIMIT])) if isinstance(keys, list) else []


def _usable(given: list[Any]) -> Iterator[tuple[Mapping[str, Any], Any]]:
    for fields in given:
        if not isinstance(fields, dict) or not _is_for_signatures(fields):
            continue
        try:
            yield fields, import_key(fields)
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # of a kind that this version does not support


def _is_for_signatures(key: Mapping[str, Any]) -> bool:
    # A symmetric key is a secret, and a public list of keys contains none.
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use") in (None, "sig")
