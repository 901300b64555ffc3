"""Key files: private keys on disk, which only their owner can read at any time."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

# Windows has no such bits; there the user's own folders are private.
_HAS_MODES = os.name == "posix"


class UnsafeFile(Exception):
    """Others can read or replace the file. The text names the command that changes this."""


def data_directory() -> Path:
    """The folder for data of zefnb that outlives a process: `ZEFNB_DATA_DIR`, or the system's."""
    if given := os.environ.get("ZEFNB_DATA_DIR"):
        return Path(given)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "zefnb"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "zefnb"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "zefnb"


def private_directory(path: Path) -> Path:
    """Make the directory, if needed, with mode 0700. Raises `UnsafeFile` if others can enter it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(0o700)  # the umask can only have removed bits
    if _HAS_MODES:
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise UnsafeFile(f"{path} belongs to another user ({found.st_uid}); give it to yourself with chown")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise UnsafeFile(f"others can enter {path}; run: chmod 700 {path}")
    return path


def check_private(path: str | os.PathLike[str]) -> None:
    """Raise `UnsafeFile` if another user can read or replace the key in this file.

    The rule is that of PostgreSQL: the file belongs to this user and has mode 0600 or less, or it belongs to root and
    has mode 0640 or less.
    """
    if _HAS_MODES:
        _check(os.stat(path), path)


def _check(found: os.stat_result, path: str | os.PathLike[str]) -> None:
    name, mode = os.fspath(path), stat.S_IMODE(found.st_mode)
    if found.st_uid not in (os.geteuid(), 0):
        raise UnsafeFile(f"{name} belongs to another user ({found.st_uid}); that user could replace the key")
    is_own = found.st_uid == os.geteuid()
    if mode & (0o077 if is_own else 0o037):
        raise UnsafeFile(f"other users can read {name} (its mode is {mode:04o}); run: chmod 600 {name}")


def read_private(path: Path) -> bytes:
    """The contents of a private file. Raises `UnsafeFile` if others can read or replace it, or `FileNotFoundError`."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    with open(descriptor, "rb") as file:
        if _HAS_MODES:
            _check(os.fstat(descriptor), path)
        return file.read()


def write_private(path: Path, content: bytes) -> None:
    """Replace the file at once, by one of mode 0600 under any umask. A crash leaves the old or the new content."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with open(descriptor, "wb") as file:
            if _HAS_MODES:
                os.fchmod(descriptor, 0o600)  # an umask such as 0277 has removed the owner's bits
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if _HAS_MODES:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextlib.contextmanager
def passing_file(content: bytes) -> Iterator[str]:
    """A file with this content until the block ends, for a library that reads only files. On Linux it is in memory."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("zefnb", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    path = private_directory(data_directory()) / f".{secrets.token_hex(8)}"
    write_private(path, content)
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)
