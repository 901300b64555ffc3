"""Secrets: removes tokens, cookies and passwords from text before the text is shown."""

from __future__ import annotations

import functools
import re

from zefnb.text.controls import plain, shorten

# The text is read this many characters beyond its end, so that a secret at its end is still recognised.
MARGIN = 512
# Names of secrets, as the end of a longer name: in queries, forms, JSON, settings and reprs.
_NAMED = r"""token | (?: api | access | private | secret ) [_-]? key | passw(?:or)?d | pwd | passphrase | passcode
    | secret | credentials? | session[_-]?id | jwt | \bauth"""
# A list of quoted values, to its end; the values may contain brackets.
_LIST = r"""[\[(] (?=\s{0,9}b?\\*["']) (?: [^])"'\n] | "(?:[^"\\\n]|\\.)*"? | '(?:[^'\\\n]|\\.)*'? )*+ """
# Each pattern takes linear time for every text: a repeated part and the part after it share no characters, and a
# match begins only at the beginning of a word.
_PATTERNS = (
    # Headers whose whole value is secret: up to the closing quote, or to the end of the line.
    (
        rf"""(?ix) \b ( (?:set-)?cookie2? | (?:proxy-)?authorization )
        ( (?: ["']\s{{0,9}}, | ["']?\s{{0,9}}[:=] ) \s{{0,9}} (?: b(?=["']) )? ["']? ) (?: {_LIST} | [^"'\n]+ )""",
        r"\1\2…",
    ),
    # Values whose name is that of a secret.
    (
        rf"""(?ix) (?<![\w-])
        ( [\w-]*? (?: {_NAMED} ) \b \\*["']? \s{{0,9}} (?: [=:] | , (?=\s{{0,9}}[\[(]?b?\\*["']) ) \s{{0,9}}
          b? (?P<quote> \\*["'] )? )
        (?(quote) [^"'\\\n]+ | (?: {_LIST} | (?: bearer\s+ | basic\s+ )? [^\s"'\\&;,)}}\]]+ ) )""",
        r"\1…",
    ),
    # Query parameters whose names stand for a secret only in a query.
    (r"""(?i)([?&](?:key|sig|signature|code|sid|session|pw|pass)=)[^\s&#"'<>]+""", r"\1…"),
    # User and password in the url of a broker, which has no other @: any character of them may be unescaped.
    (r"""(?i)(\b(?:rediss?|unix)://)(?:(?!://)[^\s"'<>])*@""", r"\1…@"),
    # User and password of any url, also where the text ends in the middle of them (the third pattern).
    (r"""(://)[^\s/?#"'<>@]*(?:@[^\s/?#"'<>@]*)*@""", r"\1…@"),
    # The same where a character such as / in the password is not escaped; a port is not a password.
    (r"""(://)[^\s/?#"'<>@:]*:(?!\d+(?:[/?#]|\Z))[^\s"'<>@]{0,128}@""", r"\1…@"),
    (r"""(://)(?!\[)[^\s/?#"'<>@:]*:(?!\d*(?:[^\w@:.-]|\Z))[^\s/?#"'<>@]+""", r"\1…"),
    # The query of a WebSocket url: it usually carries a token, under any name.
    (r"""(?i)(\bwss?://(?:(?!://)[^\s?#"'<>])*)\?[^\s"'<>]+""", r"\1?…"),
    # Private keys in PEM format (RFC 7468), also where the text ends within one.
    (r"""(-----BEGIN\ [A-Z0-9\ ]{0,40}PRIVATE\ KEY-----)(?:(?!-----)[^"'<>])++""", r"\1…"),
    # Authorization schemes, but not an ordinary word after "basic" or "bearer".
    (r"""\b((?i:bearer|basic)\s{1,9})(?![A-Z]?[a-z]{0,15}(?![\w.~+/=-]))[\w.~+/=-]+""", r"\1…"),
)
# A text without any of these has no secret, so that most texts skip the patterns.
_TRACES = (
    *("token", "key", "pass", "pwd", "secret", "credential", "session", "jwt", "auth", "cookie", "bearer", "basic"),
    *("://", "?", "&", "private key"),
)


def hide_secrets(text: str) -> str:
    """Return `text` without the values of tokens, cookies and passwords.

    It hides the values of names such as `token`, `api_key` and `password`, headers such as `Cookie` and
    `Authorization`, the user and the password of a url, and the credentials after `Bearer` and `Basic`.

    >>> hide_secrets('GET /ws?token=abc&x=1')
    'GET /ws?token=…&x=1'
    >>> hide_secrets('redis://ada:pw@localhost')
    'redis://…@localhost'
    """
    lowered = text.lower()
    if not any(trace in lowered for trace in _TRACES):
        return text
    for pattern, replacement in _compiled():
        text = pattern.sub(replacement, text)
    return text


@functools.cache
def _compiled() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The patterns, compiled for the first text that needs them: this takes as long as importing all of the ops."""
    return tuple((re.compile(pattern), replacement) for pattern, replacement in _PATTERNS)


def cut_without_secrets(text: str, longest: int) -> str:
    """Return the first `longest` characters of `text` without secrets, in time that does not grow with `text`.

    It reads a little more than it returns. A secret that only the following text reveals, such as
    `user:password` before `@host`, is then recognised although the cut falls into it.
    """
    return shorten(hide_secrets(plain(text, longest + MARGIN)), longest)
