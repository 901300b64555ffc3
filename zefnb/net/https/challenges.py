"""Challenges of an authority by HTTP (RFC 8555, section 8.3): their answers, in files.

The answers are in the user's data directory, so that each server of this user answers them, in any process: the one
that holds port 80 need not be in the process that requests the certificate. They are no secrets.
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


def publish_answer(token: str, answer: str) -> None:
    """Give this answer to the authority, until `withdraw_answer`."""
    write_private(private_directory(_folder()) / token, answer.encode())


def withdraw_answer(token: str) -> None:
    """Remove the answer. May be repeated."""
    with contextlib.suppress(OSError):
        (_folder() / token).unlink()


def find_response(path: str) -> bytes | None:
    """The answer for the path of a request, if there is one now."""
    if not path.startswith(CHALLENGE_PATH):
        return None
    token = path.removeprefix(CHALLENGE_PATH)
    if _TOKEN.fullmatch(token) is None:
        return None
    try:
        return read_private(_folder() / token)
    except (OSError, UnsafeFile):
        return None
