"""Listeners: the port, the addresses, and the errors for a port in use."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.net.conftest import inside
from tests.net.wire import Wire
from tests.notebook.kernel import a_kernel
from tests.ports import free_port, is_free
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect, NotRunning, PortUnavailable
from zefnb.net.http import listeners

Raw = Callable[..., Wire]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_port_zero_chooses_a_free_port_for_both_loopback_addresses(serve: Any, raw: Raw):
    one, two = serve({"/": "one"}), serve({"/": "two"})
    assert one.port != two.port
    for server in (one, two):
        for host in ("127.0.0.1", "::1"):
            raw(server, None, host=host).send(GET)
    assert not is_free(one.port)


def test_a_port_that_is_bound_belongs_to_this_server_alone():
    # As two kernels that start at once on the same port.
    bound = listeners.bind(0, external=False)
    try:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", bound[0].getsockname()[1]))
    finally:
        for each in bound:
            each.close()


def test_it_listens_only_on_loopback_by_default(serve: Any):
    listening = [s.getsockname()[0] for s in inside(serve({"/": "x"}))._acceptor.listeners]
    assert listening == ["127.0.0.1", "::1"]


def test_it_listens_on_all_addresses_on_request(serve: Any, raw: Raw):
    server = serve({"/": "x"}, allow_external_requests=True)
    listening = [s.getsockname()[0] for s in inside(server)._acceptor.listeners]
    assert listening == ["0.0.0.0", "::"]
    for host in ("127.0.0.1", "::1"):
        wire = raw(server, None, host=host)
        wire.send(f"GET / HTTP/1.1\r\nHost: {socket.gethostname()}:{server.port}\r\n\r\n".encode())
        assert wire.read_response()[0] == 200
    wire = raw(server, None)
    wire.send(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert wire.read_response()[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_of_another_program_raises_with_advice(host: str):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as other:
        port = free_port()
        other.bind((host, port))
        other.listen()
        with pytest.raises(PortUnavailable, match=rf"port {port} is in use by another program.*port=0"):
            FX.StartHTTPServer(routes={"/": "x"}, port=port) | run
    assert (FX.QueryAllActiveHTTPServers() | run) == []
    server = FX.StartHTTPServer(routes={"/": "x"}, port=port) | run
    assert server.port == port


def test_a_port_of_another_process_is_named_with_the_process():
    code = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int(other.stdout.readline())
        with pytest.raises(
            PortUnavailable, match=rf"port {port} is in use by \S+ \(process {other.pid}\); stop it, or .*port=0"
        ):
            FX.StartHTTPServer(routes={"/": "x"}, port=port) | run
    finally:
        other.communicate("\n", timeout=20)


def test_a_port_of_another_kernel_is_named_with_its_notebook(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/lessons/chat\x1b[31m.ipynb")
    with a_kernel() as kernel:
        kernel.run("from zefnb import *\ns = FX.StartHTTPServer(routes={'/': 'x'}, port=0) | run")
        port, pid = kernel.value("s.port"), kernel.value("__import__('os').getpid()")
        with pytest.raises(PortUnavailable) as caught:
            FX.StartHTTPServer(routes={"/": "x"}, port=port) | run
    text = str(caught.value)
    assert f"port {port} is in use by the kernel of chat" in text
    assert f"(process {pid}); stop its server there (`%zef stop {port}`)" in text
    assert "\x1b" not in text
    assert "/lessons" not in text


def test_a_port_of_another_zefnb_server_raises_with_advice(serve: Any):
    first = serve({"/": "first"})
    with pytest.raises(PortUnavailable, match=rf"port {first.port} .*allow_restart=True"):
        serve({"/": "second"}, port=first.port)
    assert httpx.get(f"http://127.0.0.1:{first.port}/").text == "first"


def test_allow_restart_replaces_the_server_of_the_port(serve: Any, raw: Raw, topic: Any):
    first = serve({"/": "first", "/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    wire = raw(first)
    second = serve({"/": "second"}, port=first.port, allow_restart=True)
    assert second.port == first.port
    assert second != first
    assert wire.read_close().code == 1001
    assert httpx.get(f"http://127.0.0.1:{first.port}/").text == "second"
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.StopHTTPServer(server=first) | run


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_out_of_range_raises(port: int):
    with pytest.raises(InvalidEffect, match=f"port: got {port}"):
        FX.StartHTTPServer(routes={"/": "x"}, port=port) | run


def test_small_responses_do_not_wait_for_one_another(serve: Any, raw: Raw):
    server = serve({"/": "x"})
    for host in ("127.0.0.1", "::1"):
        wire = raw(server, None, host=host)
        times = []
        for _ in range(100):
            started = time.monotonic()
            wire.send(GET)
            assert wire.read_response()[0] == 200
            times.append(time.monotonic() - started)
        # Nagle's delay would be 40 ms for each. A busy machine delays some of them, but not every one.
        assert min(times[50:]) < 0.03
