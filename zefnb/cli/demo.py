"""`zefnb demo`: a chatroom with a page, a few chat clients, and a live table of the connected clients."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from zefnb import ET, FX, run
from zefnb.cli.cast import Cast
from zefnb.cli.chat import read
from zefnb.cli.chatroom import start_chatroom
from zefnb.cli.nodes import further_nodes
from zefnb.cli.screen import Screen
from zefnb.core.entity import HTTPServer, Topic
from zefnb.core.op import op
from zefnb.errors import PortUnavailable
from zefnb.notebook.display.tables import clients_table
from zefnb.notebook.tutorials import how_to_open

PREFERRED_PORT = 8000
SECONDS_UNATTENDED = 4.0

_LINE_INTERVAL = 1.6
_LINE_INTERVAL_UNATTENDED = 0.35
_REFRESH = 0.2
_PING_INTERVAL = 1.0


class _Console(Console):
    """A console that raises `BrokenPipeError` when its reader closes the pipe; by default rich ends the process."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def demo(
    port: int = PREFERRED_PORT, seconds: float | None = None, nodes: int = 1, console: Console | None = None
) -> int:
    """Run the demo until Ctrl-C, or for `seconds`; without a terminal, for a few seconds. Return the exit code.

    With several nodes, further processes serve the chatroom, too, and share its topic with this one.
    """
    console = console or _Console(highlight=False)
    watched = console.is_terminal and not console.is_dumb_terminal
    limit = seconds if watched or seconds is not None else SECONDS_UNATTENDED
    try:
        with _sigterm_ends(), further_nodes(nodes - 1, ET.Topic("demo-chat")) as ports:
            _demo(console, watched, port, ports, limit)
    except KeyboardInterrupt:
        pass
    return 0


def _demo(console: Console, watched: bool, port: int, further_ports: list[int], limit: float | None) -> None:
    chat = ET.Topic("demo-chat")
    server, notes = _start(chat, port)
    ports = [server.port, *further_ports]
    screen = Screen([f"http://localhost:{each}/" for each in ports], (*notes, how_to_open()))
    interval = _LINE_INTERVAL if watched else _LINE_INTERVAL_UNATTENDED
    cast = Cast([f"ws://localhost:{each}/ws" for each in ports], interval)
    subscription = FX.SubscribeFX(topic=chat, op=_line_collector(screen)) | run
    show = _show_live if watched else _show_plain
    try:
        cast.start()
        show(console, screen, server, limit)
    except KeyboardInterrupt:
        pass
    finally:
        # Read before the clients disconnect: this table remains on the terminal.
        clients = _clients(server, screen)
        FX.Unsubscribe(subscription=subscription.subscription) | run
        cast.stop()
        FX.StopHTTPServer(server=server) | run
    if not watched:
        _print_lines(console, screen)
    console.print(clients_table(clients, width=console.width))
    if watched:
        console.print(Text(_farewell(screen)), style="dim")


def _farewell(screen: Screen) -> str:
    if len(screen.urls) == 1:
        return f"The server at {screen.urls[0]} has stopped."
    return f"The {len(screen.urls)} nodes of the chatroom have stopped."


def _line_collector(screen: Screen) -> Any:
    # It runs on the loop, so that all earlier messages are in `lines` when the subscription has ended.
    @op(inline=True)
    def collect(message: Any) -> None:
        screen.lines.append(read(message))

    return collect


def _start(chat: Topic, port: int) -> tuple[HTTPServer, list[str]]:
    """Start the server on `port`, or on a free port if that is busy. Return its handle and the notes for the user."""
    try:
        return start_chatroom(chat, port), []
    except PortUnavailable:
        server = start_chatroom(chat, 0)
        return server, [f"Port {port} is busy, so this is port {server.port}."]


def _show_live(console: Console, screen: Screen, server: HTTPServer, seconds: float | None) -> None:
    with Live(screen, console=console, screen=True, auto_refresh=False) as live:
        for _ in _moments(server, seconds):
            screen.clients = _clients(server, screen)
            live.refresh()


def _show_plain(console: Console, screen: Screen, server: HTTPServer, seconds: float | None) -> None:
    console.print(Text(f"zefnb demo: a chatroom at {screen.addresses}"))
    for note in screen.notes:
        console.print(Text(note))
    for _ in _moments(server, seconds):
        _print_lines(console, screen)


def _print_lines(console: Console, screen: Screen) -> None:
    while screen.lines:
        console.print(screen.lines.popleft())


def _moments(server: HTTPServer, seconds: float | None) -> Iterator[None]:
    """Yield at each refresh until the time is over."""
    started = time.monotonic()
    next_ping = started + 0.5
    pause = threading.Event()
    while seconds is None or time.monotonic() - started < seconds:
        yield
        if time.monotonic() >= next_ping:
            next_ping += _PING_INTERVAL
            _measure_round_trips(server)
        left = _REFRESH if seconds is None else min(_REFRESH, seconds - (time.monotonic() - started))
        pause.wait(max(0.0, left))


def _clients(server: HTTPServer, screen: Screen) -> list[dict[str, Any]]:
    """Return the clients of all nodes."""
    is_one = len(screen.urls) == 1
    query = FX.QueryAllConnectedWebsocketClients(http_server=server) if is_one else FX.QueryClusterClients(path="/ws")
    found: list[dict[str, Any]] = query | run
    return found


def _measure_round_trips(server: HTTPServer) -> None:
    """Ping every client now: the interval of the servers, 20 s, is too long for a demo."""
    from zefnb.engine.runtime import default_runtime
    from zefnb.net.http.servers import Servers

    runtime = default_runtime()

    def ping() -> None:
        running = runtime.service(Servers).find(server)
        for client in running.clients() if running is not None else ():
            client.ping(time.monotonic())

    runtime.call_queue.put(ping)


@contextmanager
def _sigterm_ends() -> Iterator[None]:
    """Make SIGTERM end the demo as Ctrl-C does, so that the terminal is restored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
