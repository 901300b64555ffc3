"""The article before a name in a sentence."""

from __future__ import annotations


def with_article(name: str) -> str:
    """Return `name` with "a" or "an" before it; entity types are spelled out, so theirs is "an".

    >>> with_article('dict'), with_article('int'), with_article('ET.Guest')
    ('a dict', 'an int', 'an ET.Guest')
    """
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"
