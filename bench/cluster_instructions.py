"""`python -m bench.cluster_instructions`: the cost of a cluster for topics that are not shared, in instructions.

callgrind counts them, so other load does not matter. It needs valgrind. Each figure is the difference of a short and a
long run, so that imports, joining and the end do not count. `--before DIR` compares with another checkout.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_KINDS = ("fan-out", "publishing")
_COUNTS = {"fan-out": (200, 1_000), "publishing": (500, 2_500)}
_SOCKETS, _AT_ONCE = 20, 10
_TEXT = "." * 64
# A client that connects, prints a line, and reads until its input ends.
_READER = """
import select, socket, sys
poll, sockets, port = select.epoll(), {}, sys.argv[1].encode()
for _ in range(int(sys.argv[2])):
    s = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
    s.sendall(b"GET /ws HTTP/1.1\\r\\nHost: 127.0.0.1:%s\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
              b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n" % port)
    assert b" 101 " in s.recv(4096)
    sockets[s.fileno()] = s
    poll.register(s, select.EPOLLIN)
poll.register(0, select.EPOLLIN)
print("ready", flush=True)
while all(fd and sockets[fd].recv(65536) for fd, _ in poll.poll()):
    pass
"""


def work(kind: str, count: int, url: str) -> None:
    """Publish `count` messages to a topic that is not shared. With `url`, this process has joined a cluster."""
    from zefnb import ET, FX, length, run
    from zefnb.engine.runtime import default_runtime
    from zefnb.topics.hub import Hub

    topic = ET.Topic("local")
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, port=0) | run
    runtime = default_runtime()
    if url:
        FX.JoinCluster(url=url, topics=["shared"]) | run
        asyncio.run_coroutine_threadsafe(_without_heartbeat(runtime), runtime.loop).result(60)
    if kind == "publishing":
        FX.SubscribeFX(topic=topic, op=length) | run
        for _ in range(count // 100):
            for _ in range(100):
                FX.Publish(target=topic, content=_TEXT) | run
            FX.QueryAllActiveHTTPServers() | run  # all of them have been delivered
        return

    async def publish() -> None:
        hub = runtime.service(Hub)
        for _ in range(count // _AT_ONCE):
            for _ in range(_AT_ONCE):
                hub.publish(topic, _TEXT)
            await asyncio.sleep(0)

    command = [sys.executable, "-c", _READER, str(server.port), str(_SOCKETS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == b"ready\n"
        asyncio.run_coroutine_threadsafe(publish(), runtime.loop).result(300)
        reader.stdin.close()


async def _without_heartbeat(runtime: object) -> None:
    """Stop what an idle node does by the clock: the attack `cluster-growth-idle` measures it."""
    from zefnb.cluster.cluster import Cluster

    for task in runtime.service(Cluster).joined._tasks:  # type: ignore[attr-defined]
        task.cancel()


def counted(root: Path, kind: str, count: int, url: str = "") -> int:
    """Return the instructions of a process that publishes `count` messages."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        command = [*tool, sys.executable, str(Path(__file__).resolve()), "--work", kind, str(count), url]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(root)}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(done.stderr[-2_000:])
    return int(found[1])


def per_message(root: Path, kind: str, url: str = "") -> float:
    """Return the instructions for each message."""
    few, many = _COUNTS[kind]
    return (counted(root, kind, many, url) - counted(root, kind, few, url)) / (many - few)


def main() -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster_instructions", description=__doc__)
    parser.add_argument("--before", type=Path, metavar="DIR", help="a checkout of an earlier version")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        kind, count, url = given.work
        return work(kind, int(count), url)
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: apt-get install valgrind")
    from attacks.brokers import broker

    here = Path(__file__).resolve().parent.parent
    print("| instructions for a message | before | alone | joined | joined ÷ alone |\n|---|--:|--:|--:|--:|")
    with broker() as made:
        for kind in _KINDS:
            before = f"{per_message(given.before, kind):,.0f}" if given.before else ""
            alone, joined = per_message(here, kind), per_message(here, kind, made.url)
            print(f"| {kind} | {before} | {alone:,.0f} | {joined:,.0f} | {joined / alone:.3f} |", flush=True)
    return None


if __name__ == "__main__":
    main()
