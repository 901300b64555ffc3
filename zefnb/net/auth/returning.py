"""Where a login returns to: only paths of this server (CWE-601)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

# Segments that change which path is meant (RFC 3986, section 5.2.4).
_DOTS = re.compile(r"/\.{1,2}(?:/|\Z)")
_LONGEST = 2_000


def safe_path(given: str, otherwise: str = "/") -> str:
    """`given` if it is a path of this server, else `otherwise`.

    >>> [safe_path(path) for path in ('/rooms?x=1', '//evil.example', '/%2Fevil.example', 'https:evil', '/a\\\\b')]
    ['/rooms?x=1', '/', '/', '/', '/']
    """
    return given if _is_path(given) else otherwise


def _is_path(given: str) -> bool:
    if not given.startswith("/") or len(given) > _LONGEST or not given.isascii():
        return False
    path = given.partition("?")[0].partition("#")[0]
    # Decoded until nothing changes: a proxy between may decode it, too.
    while True:
        # A character such as the fullwidth slash becomes an ordinary one when it is normalized.
        plain = unicodedata.normalize("NFKC", path)
        if plain.startswith("//") or "\\" in plain or not path.isprintable() or _DOTS.search(plain):
            return False
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    if any(character <= " " or character == "\x7f" or character == "\\" for character in given):
        return False
    try:
        parts = urlsplit(given)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc
