"""HTTP under load: unread responses, endless or abandoned bodies, slow forms, waiting threads."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import Probe
from attacks.targets import Server, memory
from attacks.wire import Wire, connect, frame

MEGABYTE = 1_000_000
BIG = 8 << 20
FORM = "application/x-www-form-urlencoded"


def request(path: str = "/", *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Return a request, with the length of its body if it has one."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, *length, "", ""]).encode() + body


def status(wire: Wire) -> int | str:
    """Return the response, or how the connection ended."""
    try:
        return wire.read_response()[0]
    except TimeoutError:
        return "silent"
    except (OSError, AssertionError):
        return "cut"


class Growth:
    """The growth of the server's memory during the block, at most."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.before = self.most = memory(server)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, memory(self._server))

    def __enter__(self) -> Growth:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self.most = max(self.most, memory(self._server))

    @property
    def megabytes(self) -> float:
        return (self.most - self.before) / MEGABYTE


def never_reads(server: Server, settings: Settings) -> Outcome:
    """Forty clients request 8 MB each and never read; one reads slowly, and one as fast as it can."""
    with contextlib.ExitStack() as stack:
        probe = stack.enter_context(Probe(server, ("echo",)))
        growth = stack.enter_context(Growth(server))
        slow = stack.enter_context(Wire(server.port, receive_buffer=65_536))
        slow.send(request("/big"))
        stuck = [stack.enter_context(Wire(server.port, receive_buffer=4_096)) for _ in range(40)]
        for wire in stuck:
            wire.send(request("/big"))
        read, began = 0, time.monotonic()
        while time.monotonic() - began < settings.pick(20, 12):
            read += len(slow.socket.recv(65_536))
            time.sleep(0.2)
        while read < BIG and (more := slow.socket.recv(1 << 20)):
            read += len(more)
        # The last of them use little memory, and have more time.
        deadline = time.monotonic() + 30
        while (left := server.command("http")["responses"] // BIG) and time.monotonic() < deadline:
            time.sleep(0.5)
        with Wire(server.port) as newcomer:
            newcomer.send(request("/big"))
            newcomer.socket.settimeout(20)
            late = status(newcomer)
    return Outcome(
        f"+{growth.megabytes:.0f} MB; {left} of 40 clients left that do not read; the slow one has {read / BIG:.0%}, "
        f"a new client gets {late}; worst of others {probe}",
        ok=growth.megabytes <= 160 and left == 0 and read >= BIG and late == 200,
        details={"grown": growth.megabytes, "left": left, "worst": probe.worst},
    )


def bodies_closed(server: Server, settings: Settings) -> Outcome:
    """Three hundred bodies of 1 MiB for a busy handler; each client leaves at once."""
    unread = request("/wait", method="POST", body=b"x" * (1 << 20))
    # An earlier attack on the same server has released its handlers.
    before = server.command("http", release=False)["handled"]
    with Growth(server) as growth:
        for _ in range(settings.pick(300, 120)):
            with Wire(server.port) as wire, contextlib.suppress(OSError):
                wire.send(unread)
        time.sleep(1)
    figures = server.command("http")
    figures["handled"] -= before
    freed = server.command("http", release=True)
    deadline = time.monotonic() + 20
    while (freed := server.command("http"))["bodies"] and time.monotonic() < deadline:
        time.sleep(0.1)
    return Outcome(
        f"+{growth.megabytes:.0f} MB, {figures['handled']} handled, {figures['threads']} threads; "
        f"{freed['bodies']} bytes in use at the end",
        ok=growth.megabytes <= 200 and figures["handled"] <= 64 and figures["threads"] <= 130 and freed["bodies"] == 0,
        details={"grown": growth.megabytes, **figures},
    )


def body_endless(server: Server, settings: Settings) -> Outcome:
    """A body without end continues after its response: with a length, in chunks, and a refused one."""
    sent: dict[str, int] = {}
    with Probe(server, ("echo",)) as probe:
        for name, head, piece in (
            ("by length", ["Content-Length: 99999999999"], b"x" * 65_536),
            ("in chunks", ["Transfer-Encoding: chunked"], b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
        ):
            for path, method in (("/", "GET"), ("/told", "POST")):
                sent[f"{method} {name}"] = endless(server, request(path, *head, method=method), piece)
    most = max(sent.values())
    return Outcome(
        f"cut after {most / MEGABYTE:.1f} MB at most; worst of others {probe}",
        # The discarded bytes, the kernels' buffers, and a second in which the peer may read the reason.
        ok=most <= 64 * MEGABYTE and probe.worst <= 50,
        details={**sent, "worst": probe.worst},
    )


def endless(server: Server, head: bytes, piece: bytes) -> int:
    """Return how many bytes of a body were accepted until the connection was cut; at most a gigabyte."""
    sent = 0
    with Wire(server.port) as wire:
        wire.socket.settimeout(20)
        wire.send(head)
        with contextlib.suppress(OSError):
            while sent < 1_000 * MEGABYTE:
                sent += wire.socket.send(piece)
    return sent


def forms(server: Server, settings: Settings) -> Outcome:
    """1 MiB of escapes, of parts, of tiny chunks and of long heads: others do not wait."""
    escapes = b"a=" + b"%41" * 349_000
    parts = (
        b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(990)) + b"--b--"
    )
    near = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"\r\n--" * 250_000 + b"\r\n--b--"
    chunks = b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    multipart = "Content-Type: multipart/form-data; boundary=b"
    bodies = {
        "escapes": request("/told", f"Content-Type: {FORM}", method="POST", body=escapes),
        "async": request("/told-async", f"Content-Type: {FORM}", method="POST", body=escapes),
        "parts": request("/told", multipart, method="POST", body=parts),
        "near": request("/told", multipart, method="POST", body=near),
        "chunks": request("/told", "Transfer-Encoding: chunked", method="POST") + chunks,
        "fields": request("/told?" + "a&" * 15_000),
        "headers": request("/", *["a:b"] * 6_000),
        "pipelined": request("/") * 2_000,
    }
    replies: dict[str, int | str] = {}
    with Probe(server, ("echo", "chat")) as probe:
        for name, each in bodies.items():
            for _ in range(settings.pick(5, 2)):
                with Wire(server.port) as wire:
                    wire.socket.settimeout(30)
                    threading.Thread(target=_send, args=[wire.socket, each], daemon=True).start()
                    replies[name] = status(wire)
    fine = {"escapes": 200, "async": 200, "parts": 200, "near": 200, "chunks": 200, "fields": 400, "headers": 431}
    return Outcome(
        f"worst of others {probe}; p99 {probe.p99:.0f} ms; {replies}",
        ok=probe.worst <= 50 and fine.items() <= replies.items() and replies["pipelined"] == 200,
        details={"worst": probe.worst, "p99": probe.p99, **replies},
    )


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)


def _lines(server: Server) -> list[str]:
    """Return the lines of the journal about handlers that wait for a thread."""
    messages: list[str] = server.command("journal")["messages"]
    return [text for text in messages if "wait for a thread" in text]


def long_polls(server: Server, settings: Settings) -> Outcome:
    """Two hundred requests wait in a plain handler. Other handlers and actors continue; the journal reports it."""
    count = settings.pick(200, 90)
    server.command("http", release=False)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(Wire(server.port)).send(request("/wait", method="POST"))
        deadline = time.monotonic() + 20
        while server.command("http")["waiting"] < 48 and time.monotonic() < deadline:
            time.sleep(0.05)
        began = time.monotonic()
        with Wire(server.port) as other, connect(server, "/count") as wire:
            other.send(request("/told", method="POST"))
            reply = status(other)
            wire.send(frame("a"))
            counted = wire.read().payload
        took = time.monotonic() - began
        time.sleep(0.5)
        while not (lines := _lines(server)) and time.monotonic() < deadline:
            time.sleep(0.05)
        server.command("http", release=True)
    return Outcome(
        f"{count} wait; another handler replies {reply} and an actor {counted!r} after {took * 1e3:.0f} ms; "
        f"the journal: {len(lines)} line, {lines[0][:60] if lines else 'none'}",
        ok=reply == 200 and counted == b"1" and took < 5 and len(lines) == 1 and "Held by: wait (48)" in lines[0],
        details={"took": took, "lines": lines},
    )


ATTACKS = (
    Attack(
        "http-never-reads",
        "40 clients request 8 MB and never read: at most 160 MB, each cut; a client that reads slowly receives all of "
        "it",
        never_reads,
        quick=True,
        peers=False,
    ),
    Attack(
        "bodies-gone",
        "300 bodies of 1 MiB for a busy handler, each client leaves at once: at most 200 MB, 64 handled, nothing left",
        bodies_closed,
        quick=True,
        peers=False,
    ),
    Attack(
        "body-endless",
        "a body without end, after its response or refused: closed after 16 MiB and what is in transit",
        body_endless,
        quick=True,
        peers=False,
        attempts=3,
    ),
    Attack(
        "forms",
        "1 MiB of escapes, parts, tiny chunks, fields or headers: worst delay of others 50 ms",
        forms,
        quick=True,
        peers=False,
        attempts=3,
    ),
    Attack(
        "long-polls",
        "200 requests wait in a plain handler: others continue, and the journal has one line about it",
        long_polls,
        quick=True,
        peers=False,
    ),
)
