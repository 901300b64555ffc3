"""The further nodes of the demo: processes with a server each, which share the chatroom through a private broker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zefnb import FX, run
from zefnb.core.entity import Topic

_END_TIMEOUT = 5.0
_POLL = 0.01


@contextmanager
def further_nodes(count: int, chat: Topic) -> Iterator[list[int]]:
    """Share `chat` with `count` further processes during the block. Yields the ports of their servers.

    Without further processes no cluster is joined.
    """
    if not count:
        yield []
        return
    name = f"demo-{os.getpid()}"
    FX.JoinCluster(name=name, topics=[chat]) | run
    processes: list[subprocess.Popen[str]] = []
    try:
        processes += [_started(name, str(chat._uid)) for _ in range(count)]
        yield [_port(process) for process in processes]
    finally:
        _end(processes)
        FX.LeaveCluster() | run
        _remove_directory(name)


def _started(name: str, topic: str) -> subprocess.Popen[str]:
    # In a session of its own: Ctrl-C reaches this process alone, whose end closes the standard input of the others.
    return subprocess.Popen(
        [sys.executable, "-m", "zefnb.cli.node", name, topic],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _port(process: subprocess.Popen[str]) -> int:
    """Wait until a node has started, and return its port."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        if line.startswith("{"):
            facts: dict[str, Any] = json.loads(line)
            return int(facts["port"])
        printed = line.strip() or printed
    raise OSError(f"a node of the demo did not start: {printed}")


def _end(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        assert process.stdout is not None
        try:
            process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _remove_directory(name: str) -> None:
    """Remove the files of the private broker once it has ended: no other process uses this name again."""
    from zefnb.cluster.private_broker import PrivateBroker

    if os.environ.get("ZEFNB_CLUSTER"):
        return
    directory = PrivateBroker.place(name)
    deadline = time.monotonic() + _END_TIMEOUT
    while (directory / "broker.sock").exists() and time.monotonic() < deadline:
        time.sleep(_POLL)
    shutil.rmtree(directory, ignore_errors=True)
