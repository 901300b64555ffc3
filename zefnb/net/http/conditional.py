"""Conditional requests (RFC 9110, section 13): a client does not get a version again that it already has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.response import Response

# RFC 9110, section 8.8.3. Patterns that most servers never use are compiled when they are first used.
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# These headers describe content, and 304 and 412 have none.
_OF_CONTENT = (b"content-length", b"content-type", b"content-encoding", b"content-range", b"accept-ranges")
_CONDITIONS = frozenset({"if-match", "if-unmodified-since", "if-none-match", "if-modified-since"})


def conditional(response: Response, request: RequestHead) -> Response:
    """The response under the conditions of its request: the response itself, 304 or 412.

    Its headers ETag and Last-Modified identify its version.

    >>> tagged = Response(b'hello')
    >>> tagged.set_header('etag', '"1"')
    >>> conditional(tagged, RequestHead('GET', '/', '', {'if-none-match': ['"1"']})).status_code
    304
    >>> conditional(tagged, RequestHead('GET', '/', '', {'if-none-match': ['"2"']})) is tagged
    True
    """
    if _CONDITIONS.isdisjoint(request.headers) or response.status_code != 200 or request.method not in ("GET", "HEAD"):
        return response
    status = _status(response, request)
    if status == 200:
        return response
    bodiless = response.without_body(status, _OF_CONTENT)
    if status == 412:
        bodiless.raw_headers.append((b"content-length", b"0"))
    return bodiless


def _status(version: Response, request: RequestHead) -> int:
    """The status after all conditions, in the order of section 13.2.2."""
    tag, modified = version.header("etag"), _date(version.values("last-modified"))
    if "if-match" in request.headers:
        if not _has_tag(request.values("if-match"), tag, is_strong=True):
            return 412
    elif _is_later(modified, _date(request.values("if-unmodified-since"))):
        return 412
    if "if-none-match" in request.headers:
        return 304 if _has_tag(request.values("if-none-match"), tag, is_strong=False) else 200
    since = _date(request.values("if-modified-since"))
    return 304 if modified is not None and since is not None and modified <= since else 200


def _is_later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other


def _has_tag(values: Sequence[str], tag: str | None, *, is_strong: bool) -> bool:
    """Whether one of these is the version's tag, or means any version (section 8.8.3.2)."""
    text = ", ".join(values)
    if text.strip() == "*":
        return True
    if tag is None or (is_strong and tag.startswith("W/")):
        return False
    tags = re.findall(_TAG, text)
    return tag in tags if is_strong else tag.removeprefix("W/") in (each.removeprefix("W/") for each in tags)


def _date(values: Sequence[str]) -> datetime | None:
    """The date in an HTTP header; `None` for no date, for two, and for an invalid one, which is ignored."""
    if len(values) != 1:
        return None
    try:
        date = parsedate_to_datetime(values[0])
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
