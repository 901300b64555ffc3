"""Secrets: what proves who somebody is, taken out of text before it is shown."""

from __future__ import annotations

import re

from zefnb.text.controls import plain, shorten

# Text is cut this far behind the place where it will end, so that a secret at its end is still known for one.
MARGIN = 512
# Names of secrets, as the end of a longer name: in queries, forms, JSON, settings and reprs.
_NAMED = r"""token | (?: api | access | private | secret ) [_-]? key | passw(?:or)?d | pwd | passphrase | passcode
    | secret | credentials? | session[_-]?id | jwt | \bauth"""
# Each pattern takes time that grows with the text alone, whatever the text is: what repeats is of other characters
# than what follows it, and a match begins only where a word does.
_PATTERNS = (
    # Headers of which every part is a secret: to the closing quote, or to the end of the line.
    (
        r"""(?ix) \b ( (?:set-)?cookie2? | (?:proxy-)?authorization )
        ( (?: ["']\s{0,9}, | ["']?\s{0,9}[:=] ) \s{0,9} (?: b(?=["']) )? ["']? ) [^"'\n]+""",
        r"\1\2…",
    ),
    # Whatever has the name of a secret.
    (
        rf"""(?ix) (?<![\w-])
        ( [\w-]*? (?: {_NAMED} ) \b \\*["']? \s{{0,9}} (?: [=:] | , (?=\s{{0,9}}b?\\*["']) ) \s{{0,9}}
          b? (?P<quote> \\*["'] )? )
        (?(quote) [^"'\\\n]+ | (?: bearer\s+ | basic\s+ )? [^\s"'\\&;,)}}\]]+ )""",
        r"\1…",
    ),
    # Parameters of a query, whose names mean a secret there alone.
    (r"""(?i)([?&](?:key|sig|signature|code|sid|session|pw|pass)=)[^\s&#"'<>]+""", r"\1…"),
    # User and password of a url, also where the text ends in the middle of them (the third).
    (r"""(://)[^\s/?#"'<>@]*(?:@[^\s/?#"'<>@]*)*@""", r"\1…@"),
    # ... and where a / or the like in the password was not escaped; a port is no password.
    (r"""(://)[^\s/?#"'<>@:]*:(?!\d+(?:[/?#]|\Z))[^\s"'<>@]{0,128}@""", r"\1…@"),
    (r"""(://)(?!\[)[^\s/?#"'<>@:]*:(?!\d*(?:[^\w@:.-]|\Z))[^\s/?#"'<>@]+""", r"\1…"),
    # The query of a WebSocket, which is where tokens are, by whatever name.
    (r"""(?i)(\bwss?://(?:(?!://)[^\s?#"'<>])*)\?[^\s"'<>]+""", r"\1?…"),
    # Schemes of authorization, but not a word behind "basic" or "bearer".
    (r"""\b((?i:bearer|basic)\s{1,9})(?![A-Z]?[a-z]{0,15}(?![\w.~+/=-]))[\w.~+/=-]+""", r"\1…"),
)
_COMPILED = tuple((re.compile(pattern), replacement) for pattern, replacement in _PATTERNS)
# Without any of these there is no secret: most texts are done with one look.
_TRACES = (
    *("token", "key", "pass", "pwd", "secret", "credential", "session", "jwt", "auth", "cookie", "bearer", "basic"),
    *("://", "?", "&"),
)


def hide_secrets(text: str) -> str:
    """Return `text` without the values of tokens, cookies and passwords.

    Hidden are the values of names such as `token`, `api_key` and `password`, headers such as `Cookie` and
    `Authorization`, the user and the password of a url, and what follows `Bearer` and `Basic`.

    >>> hide_secrets('GET /ws?token=abc&x=1')
    'GET /ws?token=…&x=1'
    >>> hide_secrets('redis://ada:pw@localhost')
    'redis://…@localhost'
    """
    lowered = text.lower()
    if not any(trace in lowered for trace in _TRACES):
        return text
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    return text


def cut_without_secrets(text: str, longest: int) -> str:
    """Return the beginning of `text`, `longest` characters, without secrets; in time that does not grow with `text`.

    The text is read a little farther than it is returned: what is a secret by what follows it, such as
    `user:password` before `@host`, is known for one although the cut falls into it.
    """
    return shorten(hide_secrets(plain(text, longest + MARGIN)), longest)
