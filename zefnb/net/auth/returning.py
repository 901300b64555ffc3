"""Where a login returns to: only paths of this server (CWE-601)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

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
        if path.startswith(("//", "/\\")) or "\\" in path or not path.isprintable() or "/../" in f"{path}/":
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
