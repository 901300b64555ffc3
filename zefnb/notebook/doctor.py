"""`zefnb doctor`: the installed versions, checks of this machine, and advice for everything that is missing."""

from __future__ import annotations

import os
import platform
import re
import socket
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from rich.console import Console
from rich.text import Text

from zefnb.notebook.cluster_findings import for_cluster
from zefnb.notebook.finding import Finding
from zefnb.notebook.https_findings import for_https
from zefnb.text.controls import strip_controls

_SHOWN = {"ok": ("ok", "green"), "note": ("note", "yellow"), "fault": ("FAULT", "bold red")}
_OPTIONAL = {
    "uvloop": "a faster event loop; zefnb runs on asyncio's own and does not use it",
}
_FOR_NOTEBOOKS = {
    "jupyterlab": "the notebook itself",
    "ipykernel": "the process that runs the cells",
    "jupyter-server-proxy": "the proxy to servers under a hub",
}


def doctor(console: Console | None = None) -> int:
    """Print the report. Return 1 if it has a fault, else 0."""
    console = console or Console(highlight=False, soft_wrap=True)
    faults = 0
    for title, check in (
        ("Installed", installed),
        ("This machine", machine),
        ("A server", a_server),
        ("For logins and HTTPS", for_https),
        ("For a cluster", for_cluster),
        ("For notebooks", for_notebooks),
    ):
        console.print(Text(title, style="bold"))
        for finding in check():
            faults += finding.verdict == "fault"
            word, style = _SHOWN[finding.verdict]
            text = f"{finding.subject:<16}  {strip_controls(finding.text)}"
            console.print(Text.assemble("  ", (f"{word:<6}", style), text))
    console.print(Text(f"{faults} fault{'s' * (faults != 1)}" if faults else "Nothing that zefnb needs is missing."))
    return 1 if faults else 0


def installed() -> Iterator[Finding]:
    """Yield the versions of zefnb and of its dependencies."""
    yield Finding("ok", "zefnb", _version_of("zefnb") or "not installed; this is a checkout")
    yield Finding("ok", "python", f"{platform.python_version()} ({sys.executable})")
    for requirement in _requirements():
        yield _requirement(requirement)
    for name, what in _OPTIONAL.items():
        found = _version_of(name)
        yield Finding("ok", name, f"{found or 'not installed, optional'}; {what}")


def _requirements() -> list[str]:
    try:
        return [line for line in requires("zefnb") or () if "extra ==" not in line]
    except PackageNotFoundError:
        return []


def _requirement(requirement: str) -> Finding:
    """Check whether a dependency is installed in a version that fits.

    >>> _requirement("rich>=1").verdict, _requirement("no-such-thing>=2").verdict
    ('ok', 'fault')
    """
    match = re.match(r"([\w.-]+)\s*([^;]*)", requirement)
    name, bounds = (match[1], match[2].strip()) if match else (requirement, "")
    found = _version_of(name)
    if found is None:
        return Finding("fault", name, f"not installed; pip install '{name}{bounds}'")
    if not _fits(found, bounds):
        return Finding("fault", name, f"{found}, but zefnb needs {bounds}; pip install '{name}{bounds}'")
    return Finding("ok", name, found)


def _fits(found: str, bounds: str) -> bool:
    """Whether a version is within bounds such as `<0.55,>=0.54`.

    >>> _fits('0.54.2', '<0.55,>=0.54'), _fits('0.55', '<0.55,>=0.54'), _fits('3', '')
    (True, False, True)
    """
    have = _numbers(found)
    limits = [(sign, _numbers(bound)) for sign, bound in re.findall(r"(>=|<)\s*([\d.]+)", bounds)]
    return all(have >= limit if sign == ">=" else have < limit for sign, limit in limits)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine() -> Iterator[Finding]:
    """Check the event loop, the addresses and the ports."""
    yield _event_loop()
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        port, reason = _bind(family, address, 0)
        if port:
            yield Finding("ok", address, f"can listen (port {port} is free)")
        else:
            needed = address == "127.0.0.1"
            text = f"cannot listen: {reason}" + ("" if needed else "; servers listen on 127.0.0.1 alone")
            yield Finding("fault" if needed else "note", address, text)
    free, reason = _bind(socket.AF_INET, "127.0.0.1", 8000)
    busy = f"busy ({reason}); give servers another port, or port=0 for a free one"
    yield Finding("ok" if free else "note", "port 8000", "free" if free else busy)


def _event_loop() -> Finding:
    from zefnb import FX, run
    from zefnb.engine.runtime import default_runtime

    FX.ListActors() | run
    started = time.perf_counter()
    FX.ListActors() | run
    took = (time.perf_counter() - started) * 1e6
    name = type(default_runtime().loop).__name__.lstrip("_")
    return Finding("ok", "event loop", f"{name}, in a separate thread; a call takes {took:.0f} µs")


def _bind(family: int, address: str, port: int) -> tuple[int, str]:
    """Return the port that was bound and an empty text, or 0 and the reason."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            probe.listen()
            return int(probe.getsockname()[1]), ""
    except OSError as error:
        return 0, error.strerror or str(error)


def a_server() -> Iterator[Finding]:
    """Start a server, and check that it can be reached by HTTP and by WebSocket."""
    from urllib.request import ProxyHandler, build_opener

    from websockets.sync.client import connect

    from zefnb import ET, FX, run

    topic = ET.Topic("doctor")
    routes = {"/": "hello", "/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])}
    try:
        server = FX.StartHTTPServer(routes=routes, port=0) | run
    except Exception as error:
        yield Finding("fault", "start", str(error))
        return
    try:
        with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{server.port}/", timeout=5) as response:
            yield Finding("ok", "HTTP", f"{response.status} from port {server.port}")
        with connect(f"ws://127.0.0.1:{server.port}/ws", proxy=None, open_timeout=5) as client:
            started = time.perf_counter()
            client.send("?")
            client.recv(timeout=5)
            took = (time.perf_counter() - started) * 1000
        yield Finding("ok", "WebSocket", f"a message came back in {took:.1f} ms")
    except Exception as error:
        yield Finding("fault", "reach", f"{type(error).__name__}: {error}")
    finally:
        FX.StopHTTPServer(server=server) | run


def for_notebooks() -> Iterator[Finding]:
    """Check the packages and the files that only notebooks need."""
    from zefnb.notebook.tutorials import notebooks_folder

    for name, what in _FOR_NOTEBOOKS.items():
        found = _version_of(name)
        how = f"not installed ({what}); pip install {name}"
        yield Finding("ok" if found else "note", name, found or how)
    folder = notebooks_folder()
    text = str(folder) if folder else "not found; they are in the checkout of zefnb"
    yield Finding("ok" if folder else "note", "tutorials", text)
