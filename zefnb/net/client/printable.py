"""Urls without secrets, to show them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from zefnb.text.controls import strip_controls
from zefnb.text.secrets import hide_secrets


def printable_url(url: str) -> str:
    """A url without secrets: in one line, without user, password, query and fragment.

    >>> printable_url('wss://ada:secret@example.com:8443/feed?token=abc')
    'wss://example.com:8443/feed'
    """
    try:
        # Before parsing, by pattern: an unescaped slash would make the rest of a password part of the path.
        parts = urlsplit(hide_secrets(url))
    except ValueError:
        return "a malformed url"
    return strip_controls(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")), 200)
