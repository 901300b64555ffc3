"""Visits of a page: `python -m bench.load.visitor PORT KIND COUNT`, where `KIND` is zefnb, nicegui or gradio.

A visit requests the document, and opens the page's live connection until its first message. The files that the document
names are requested once, to count their bytes.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from urllib.parse import urljoin

from websockets.sync.client import connect

from bench.load.sessions import Connection

_NAMED = re.compile(r'<script[^>]*\ssrc="([^"]+)"|<link[^>]*\shref="([^"]+\.(?:css|js))"')
_IMPORTED = re.compile(r'\b(?:from|import)\s*"(\.{0,2}/[^"]+\.js)"')


def fetch(port: int, path: str, body: object = None) -> bytes:
    """Return the body of a response as it was sent, compressed if the server compresses it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Accept-Encoding": "gzip", "Accept": "*/*", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    connection.request("GET" if data is None else "POST", path, data, headers)
    response = connection.getresponse()
    received = response.read()
    connection.close()
    if response.status != 200:
        sys.exit(f"{path}: {response.status} {received[:80]!r}")
    return received


def sizes(port: int, text: str) -> dict[str, int]:
    """Return the bytes of each file that the document names, and of those that its scripts import statically."""
    waiting = [urljoin("/", one or other) for one, other in _NAMED.findall(text)]
    waiting += [urljoin("/", name) for name in _IMPORTED.findall(text)]
    found: dict[str, int] = {}
    while waiting:
        if (path := waiting.pop()) in found:
            continue
        received = fetch(port, path)
        found[path] = len(received)
        source = gzip.decompress(received) if received[:2] == b"\x1f\x8b" else received
        if path.endswith(".js"):
            waiting += [urljoin(path, name) for name in _IMPORTED.findall(source.decode(errors="replace"))]
    return found


def document(port: int) -> str:
    """Return the document as text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"Accept-Encoding": "identity"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def zefnb(port: int, text: str) -> str:
    """Open the page's session, and return its first message: the version and the state of the parts."""
    connection = Connection(port, "/", "hello")
    connection.handshake()
    connection.send_control(type="hello")
    connection.control()
    message = connection.message().decode()
    connection.lose()
    return message


def nicegui(port: int, text: str) -> str:
    """Open the page's Socket.IO connection, and return the reply to its handshake. The data is in the document."""
    found = re.search(r"'client_id': '([^']+)'", text)
    client = found[1] if found else ""
    identity = f"client_id={client}&tab_id={uuid.uuid4()}&document_id={uuid.uuid4()}"
    query = f"{identity}&next_message_id=0&implicit_handshake=true"
    url = f"ws://127.0.0.1:{port}/_nicegui_ws/socket.io/?{query}&EIO=4&transport=websocket"
    with connect(url, close_timeout=1) as socket:
        socket.recv(timeout=10)
        socket.send("40")
        message = str(socket.recv(timeout=10))
    if not message.startswith("40"):
        sys.exit(f"the handshake of Socket.IO failed: {message[:80]}")
    return message


def gradio(port: int, text: str) -> str:
    """Call the function of the chart as the page does, and return the event with its result."""
    session = f"visit{time.monotonic_ns()}"
    fetch(port, "/gradio_api/queue/join", {"data": [], "fn_index": 0, "session_hash": session})
    return next(
        line
        for line in fetch(port, f"/gradio_api/queue/data?session_hash={session}").decode().splitlines()
        if "process_completed" in line
    )


_LIVE: dict[str, Callable[[int, str], str]] = {"zefnb": zefnb, "nicegui": nicegui, "gradio": gradio}


def _visit(port: int, kind: str) -> tuple[float, float, str]:
    """Return the seconds to the document, and those of the live connection with its first message."""
    begin = time.perf_counter()
    text = document(port)
    loaded = time.perf_counter()
    message = _LIVE[kind](port, text)
    return loaded - begin, time.perf_counter() - loaded, message


def main(port: int, kind: str, count: int) -> None:
    text = document(port)
    files = sizes(port, text)
    _visit(port, kind)  # the first one loads modules
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    visits = [_visit(port, kind) for _ in range(count)]
    reported = {
        "document_ms": statistics.median(visit[0] for visit in visits) * 1e3,
        "first_ms": statistics.median(visit[1] for visit in visits) * 1e3,
        "document_kb": len(fetch(port, "/")) / 1e3,
        "files": len(files),
        "all_kb": (len(fetch(port, "/")) + sum(files.values())) / 1e3,
        "points": max(visits[-1][2].count("["), visits[-1][2].count("{"), text.count("],[")),
    }
    print(json.dumps(reported), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
