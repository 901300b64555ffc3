"""Events: a message as the lines of a server-sent event (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from zefnb.core.wire import TEXT, Nan, encode_content

# A comment, which keeps a quiet connection open.
COMMENT = b":\n\n"
_LINE_END = re.compile(rb"\r\n|\r|\n")


def event(identity: str, content: Any, nan: Nan = "null") -> bytes:
    """The event for a message. Content as in `encode_content`, which raises `InvalidValue`.

    Binary content is base64, in an event of the type `bytes`. Without `identity`, the event has no id.

    >>> event('1', 'two\\nlines'), event('2', {'a': 1})
    (b'id: 1\\ndata: two\\ndata: lines\\n\\n', b'id: 2\\ndata: {"a": 1}\\n\\n')
    >>> event('3', b'abc')
    b'id: 3\\nevent: bytes\\ndata: YWJj\\n\\n'
    """
    kind, payload = encode_content(content, nan)
    id_line = b"id: %s\n" % identity.encode() if identity else b""
    if kind != TEXT:
        return b"%sevent: bytes\ndata: %s\n\n" % (id_line, base64.b64encode(payload))
    lines = b"\ndata: ".join(_LINE_END.split(payload))
    return b"%sdata: %s\n\n" % (id_line, lines)


def gap(missing: int | None, identity: str) -> bytes:
    """The event for messages that a client has missed and that are no longer there; `None` for an unknown number.

    Its id is that of the last missing message, so that a client that reconnects does not get the gap again.

    >>> gap(3, 'a-4')
    b'id: a-4\\nevent: gap\\ndata: {"missing": 3}\\n\\n'
    """
    id_line = b"id: %s\n" % identity.encode() if identity else b""
    return b"%sevent: gap\ndata: %s\n\n" % (id_line, json.dumps({"missing": missing}).encode())


def last_identity(events: bytes) -> str:
    """The id of the last event in whole events; empty if none has an id.

    >>> last_identity(event('a-1', 'x') + event('a-2', '\\n\\nid: 7') + event('', 'y'))
    'a-2'
    """
    # A line of content never begins with `id`: each begins with `data`.
    _, found, last = (b"\n\n" + events).rpartition(b"\n\nid: ")
    return last.partition(b"\n")[0].decode() if found else ""


def retry(seconds: float) -> bytes:
    """The time after which a client that has lost its connection connects again.

    >>> retry(2.5)
    b'retry: 2500\\n\\n'
    """
    return b"retry: %d\n\n" % round(seconds * 1_000)
