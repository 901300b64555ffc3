"""CORS in a browser: what a page of another origin can send and read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from zefnb import ET, FX, run

SEND = """async ([url, method, headers, credentials]) => {
  try {
    const answer = await fetch(url, {method, headers, credentials});
    return [answer.status, await answer.text(), answer.headers.get('x-total')];
  } catch (error) { return error.name; }
}"""

# Its pages have an origin of their own, which is `null` to others.
SANDBOX = {"content-security-policy": "sandbox allow-scripts"}
ran: list[str] = []


def made(request: Any) -> Any:
    ran.append(f"{request.method} {request.headers.get('x-a')}")
    return ET.Response(body="made", headers={"x-total": "5"})


@pytest.fixture
def page_of(browser: Any, clean: None) -> Iterator[Any]:
    """`page_of(host)`: a page of another port by that host, and the url of a server that allows `app.localhost`."""
    ran.clear()
    pages = {"/": ET.HTML(content="page"), "/foreign": ET.Response(body=ET.HTML(content="page"), headers=SANDBOX)}
    theirs = FX.StartHTTPServer(routes=pages, port=0) | run
    routes = {("PUT", "/thing"): made, ("GET", "/thing"): made}
    ours = FX.StartHTTPServer(routes=routes, port=0, allowed_origins=[f"http://app.localhost:{theirs.port}"]) | run
    context = browser.new_context()

    def open_(host: str, path: str = "/") -> tuple[Any, str]:
        page = context.new_page()
        page.goto(f"http://{host}:{theirs.port}{path}")
        return page, f"http://127.0.0.1:{ours.port}"

    yield open_
    context.close()


@pytest.mark.parametrize("host", ["app.localhost", "localhost"])
def test_a_page_of_an_admitted_origin_can_send_and_read(page_of: Any, host: str):
    page, url = page_of(host)
    for _ in range(2):
        assert page.evaluate(SEND, [f"{url}/thing", "PUT", {"x-a": "b"}, "omit"]) == [200, "made", "5"]
    assert ran == ["PUT b", "PUT b"]
    # An error can be read, too.
    assert page.evaluate(SEND, [f"{url}/nowhere", "GET", {}, "omit"])[0] == 404
    # A method that the path does not have is not sent.
    assert page.evaluate(SEND, [f"{url}/thing", "DELETE", {}, "omit"]) == "TypeError"
    # Cookies are for origins that are allowed by name.
    with_cookies = page.evaluate(SEND, [f"{url}/thing", "PUT", {"x-a": "c"}, "include"])
    assert with_cookies == ([200, "made", "5"] if host == "app.localhost" else "TypeError")
    assert ran[2:] == (["PUT c"] if host == "app.localhost" else [])


def test_a_page_of_a_foreign_origin_can_neither_send_nor_read(page_of: Any):
    page, url = page_of("app.localhost", "/foreign")
    for method, headers in (("GET", {}), ("PUT", {}), ("PUT", {"x-a": "b"})):
        assert page.evaluate(SEND, [f"{url}/thing", method, headers, "omit"]) == "TypeError"
    assert ran == []
