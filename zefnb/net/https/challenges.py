"""Challenges of an authority by HTTP (RFC 8555, section 8.3): the responses, in files.

The responses are in the user's data directory, so that each server of this user sends them, in any process: the server
at port 80 need not be in the process that requests the certificate. They are not secret.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from zefnb.net.https.key_files import UnsafeFile, data_directory, private_directory, read_private, write_private

CHALLENGE_PATH = "/.well-known/acme-challenge/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")


def _folder() -> Path:
    return data_directory() / "challenges"


def publish_response(token: str, response: str) -> None:
    """Send this response to the authority, until `withdraw_response`."""
    write_private(private_directory(_folder()) / token, response.encode())


def withdraw_response(token: str) -> None:
    """Remove the response. May be repeated."""
    with contextlib.suppress(OSError):
        (_folder() / token).unlink()


def find_response(path: str) -> bytes | None:
    """The response for the path of a request, if there is one now."""
    if not path.startswith(CHALLENGE_PATH):
        return None
    token = path.removeprefix(CHALLENGE_PATH)
    if _TOKEN.fullmatch(token) is None:
        return None
    try:
        return read_private(_folder() / token)
    except (OSError, UnsafeFile):
        return None
