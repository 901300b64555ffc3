"""The keeper of a private broker: a process that stops it once no joined process is left.

A process may end without leaving: it is killed, or its time to exit is over. So no joined process stops the broker.
Each holds a shared lock, which the system releases when the process ends, and the keeper waits for that lock.

It is a script that imports nothing of zefnb, `python -I -S broker_keeper.py DIRECTORY`, and returns when the keeper
runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import sys

_STOP_TIMEOUT = 10.0


def main(directory: str) -> None:
    """Become the keeper of the broker in `directory`, unless it has one."""
    keeper, start, members = (_opened(f"{directory}/{name}.lock") for name in ("keeper", "start", "members"))
    if not _is_taken(keeper):
        return
    broker = _connected(directory)
    if os.fork():
        os._exit(0)
    _detach()
    while True:
        fcntl.flock(members, fcntl.LOCK_EX)  # waits until no process holds it
        fcntl.flock(members, fcntl.LOCK_UN)
        # Processes join under this lock, and one may have joined meanwhile.
        fcntl.flock(start, fcntl.LOCK_EX)
        if _is_taken(members):
            break
        fcntl.flock(start, fcntl.LOCK_UN)
    if not _is_stopped(broker):
        # That one has ended, and another one may have been started since.
        with contextlib.suppress(OSError):
            _is_stopped(_connected(directory))
    os.close(keeper)  # before a process that waits for `start` looks for a keeper
    os.close(start)


def _opened(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_taken(lock: int) -> bool:
    """Take a lock, if no other process holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _connected(directory: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_STOP_TIMEOUT)
    connection.connect(f"{directory}/broker.sock")
    return connection


def _is_stopped(broker: socket.socket) -> bool:
    """Stop the broker at the other end, and wait until it has ended. Returns false if it had ended before."""
    if select.select([broker], [], [], 0)[0]:
        return False
    with contextlib.suppress(OSError):
        broker.sendall(b"SHUTDOWN\r\n")
        while broker.recv(4_096):
            pass
    return True


def _detach() -> None:
    """Leave the terminal and the files of the process that has started this one."""
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)


if __name__ == "__main__":
    main(sys.argv[1])
