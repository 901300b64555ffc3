"""The address of the notebook's page: requested only where the page alone knows it, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.notebook.kernel import Kernel
from zefnb import FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.links.page_host import on_host

WIDGETS = "sum(w['model_name'] == 'AnyModel' for w in Widget.get_manager_state()['state'].values())"


@pytest.fixture
def kernel_with() -> Iterator[Callable[..., Kernel]]:
    """`kernel_with(NAME='value')`: a kernel in that environment."""
    kernels: list[Kernel] = []

    def start(**env: str) -> Kernel:
        kernels.append(Kernel(**env))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


def test_under_a_hub_the_page_is_asked_once_and_shows_nothing(kernel_with):
    kernel = kernel_with(JUPYTERHUB_SERVICE_PREFIX="/user/ada/")
    for _ in range(2):
        loaded = kernel.run("%reload_ext zefnb\nfrom zefnb import *", "load")
        assert (loaded.error, loaded.text, loaded.displays) == (None, "", [])
    kernel.run("from ipywidgets import Widget")
    assert kernel.value(WIDGETS) == 1


def test_elsewhere_no_page_is_asked_and_no_widget_is_loaded(kernel_with):
    kernel = kernel_with()
    kernel.run("%load_ext zefnb\nfrom zefnb import *\nimport sys")
    assert kernel.value("'anywidget' in sys.modules") is False


def asked_by(server, host, origin=None):
    headers = {"Host": host, **({"Origin": origin} if origin else {})}
    return httpx.get(f"http://127.0.0.1:{server.port}/", headers=headers, trust_env=False).status_code


def test_the_reported_host_of_a_page_is_accepted_and_no_other(until):
    server = FX.StartHTTPServer(routes={"/": "hello"}, port=0) | run
    assert asked_by(server, "hub.example") == 403
    on_host(default_runtime(), {"host": "hub.example", "origin": "https://hub.example"})
    until(lambda: asked_by(server, "hub.example", "https://hub.example") == 200)
    assert asked_by(server, "evil.example") == 403
    assert asked_by(server, "hub.example", "https://evil.example") == 403
    later = FX.StartHTTPServer(routes={"/": "hello"}, port=0) | run
    assert asked_by(later, "hub.example") == 200


@pytest.mark.parametrize(
    "said",
    [None, "hub2.example", {}, {"host": "hub2.example"}, {"host": "hub2.example", "origin": "null"},
     {"host": "hub2.example" * 50, "origin": "https://hub2.example"}],
)  # fmt: skip
def test_an_invalid_report_allows_no_host(said):
    server = FX.StartHTTPServer(routes={"/": "hello"}, port=0) | run
    on_host(default_runtime(), said)
    FX.QueryHTTPServer(server=server) | run  # whatever it led to has happened before
    assert asked_by(server, "hub2.example") == 403
