"""`ET.FromDirectory`: the files of a directory, and nothing outside it.

A path is checked twice: as text, and as the place on the disk to which its links lead. Then each folder on the way to
that place is opened without following links, so that a link that is made meanwhile leads nowhere.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from zefnb.net.http.exchange import Exchange
from zefnb.net.http.handler_calls import HandlerCalls
from zefnb.net.http.opened_file import OpenedFile
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.response import Refusal, Response
from zefnb.net.http.route_kinds import Directory

INDEX = "index.html"
_WELL_KNOWN = ".well-known"
# Control characters, and the separator of folders on Windows.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
# On Windows: drives, streams of a file, names that mean a device, and names whose end the system drops.
_FORBIDDEN_ON_WINDOWS = re.compile(
    r"[:*?\"<>|]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:[. ]|$)", re.IGNORECASE
)
_IS_WINDOWS = os.name == "nt"
_HAS_DIR_FD = os.open in os.supports_dir_fd
_CLOEXEC_BINARY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# A named pipe without a writer would block.
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | _CLOEXEC_BINARY
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC_BINARY


class Directories:
    """Serves the files of directories."""

    def __init__(self, calls: HandlerCalls) -> None:
        self._calls = calls

    async def response(
        self, directory: Directory, head: RequestHead, variables: dict[str, Any], exchange: Exchange
    ) -> Response:
        """The file for a request. Raises `Refusal` (404) and `Disconnected`."""
        name = f"files of {directory.path}"
        found = await self._calls.in_thread(name, exchange.peer, find, directory, head, variables[directory.variable])
        response: Response = found
        return response


def find(directory: Directory, head: RequestHead, path: str) -> Response:
    """In a thread: open the file, or redirect to the path of a directory with a slash at its end."""
    has_slash = head.path.endswith("/")
    try:
        parts = parts_of(path.removesuffix("/"))
        opened = _open(directory.path, parts)
        if opened is None:
            opened = _open(directory.path, (*parts, INDEX))
            if not has_slash and opened is not None:
                os.close(opened)
                return _with_slash(head)
            parts = (*parts, INDEX)
        elif has_slash:
            os.close(opened)
            opened = None
    except (OSError, ValueError):
        opened = None
    if opened is None:
        raise Refusal(404, "Not Found")
    return OpenedFile(opened, parts[-1])


def _with_slash(head: RequestHead) -> Response:
    response = Response(status_code=307)
    query = f"?{head.query}" if head.query else ""
    response.set_header("location", quote(f"{head.path}/") + quote(query, safe="?&=%:/,;@!$'()*+~"))
    return response


def parts_of(path: str) -> tuple[str, ...]:
    """The names in a decoded path. Raises `ValueError` for a path that is not served, whatever the directory has.

    >>> parts_of('images/logo.png')
    ('images', 'logo.png')
    """
    parts = tuple(path.split("/")) if path else ()
    if not all(map(_is_served, parts)):
        raise ValueError(path)
    return parts


def _is_served(name: str) -> bool:
    """Whether a file or folder of this name is served: not a hidden one, and none that the system reads otherwise."""
    if not name or _FORBIDDEN.search(name) or (name.startswith(".") and name != _WELL_KNOWN):
        return False
    return not _IS_WINDOWS or _FORBIDDEN_ON_WINDOWS.search(name) is None


def _open(directory: str, parts: Sequence[str]) -> int | None:
    """The descriptor of a regular file below `directory`; `None` for a folder.

    Raises `OSError` and `ValueError` for what does not exist, lies outside, or is no file.
    """
    base = os.path.realpath(directory, strict=True)
    place = PurePath(os.path.realpath(os.path.join(base, *parts), strict=True)).relative_to(base).parts
    if not all(map(_is_served, place)):
        raise ValueError(place)
    if not _HAS_DIR_FD and os.path.isdir(os.path.join(base, *place)):
        return None  # Windows opens no folders
    opened = _open_without_links(base, place) if _HAS_DIR_FD else _open_checked(os.path.join(base, *place))
    kind = os.fstat(opened).st_mode
    if stat.S_ISREG(kind):
        return opened
    os.close(opened)
    if stat.S_ISDIR(kind):
        return None
    raise ValueError("neither a file nor a folder")


def _open_without_links(base: str, place: Sequence[str]) -> int:
    opened = os.open(base, _FOLDER)
    for number, name in enumerate(place, 1):
        folder = opened
        flags = _FILE if number == len(place) else _FOLDER | os.O_NOFOLLOW
        try:
            opened = os.open(name, flags, dir_fd=folder)
        finally:
            os.close(folder)
    return opened


def _open_checked(path: str) -> int:
    """Where a folder has no descriptor: open the file, then check that it still is where it was found."""
    opened = os.open(path, _FILE)
    if os.path.realpath(path) == path and os.path.samestat(os.stat(path), os.fstat(opened)):
        return opened
    os.close(opened)
    raise ValueError(path)
