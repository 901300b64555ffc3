"""The body of a page, requested without a proxy."""

from __future__ import annotations

from urllib.request import ProxyHandler, build_opener


def fetched(url: str) -> str:
    with build_opener(ProxyHandler({})).open(url) as response:
        return response.read().decode()
