"""The absolute form of a request's target: `GET http://host/path HTTP/1.1` (RFC 9112, section 3.2.2)."""

from __future__ import annotations

import re

import h11

_ABSOLUTE = rb"(?i:https?)://([^/?#]*)([^#]*)"


def in_origin_form(request: h11.Request) -> h11.Request:
    """The request with a path as its target, and the Host that the target names; the Host that came is ignored.

    Raises `ValueError` for a target that names no host, or a user.
    """
    found = re.fullmatch(_ABSOLUTE, bytes(request.target))
    if found is None:
        return request
    authority, rest = found.groups()
    if not authority or b"@" in authority:
        raise ValueError("an absolute target names a host, without a user")
    headers = [(name, value) for name, value in request.headers if name != b"host"]
    return h11.Request(
        method=request.method,
        target=rest if rest.startswith(b"/") else b"/" + rest,
        headers=[(b"host", authority), *headers],
        http_version=request.http_version,
    )
