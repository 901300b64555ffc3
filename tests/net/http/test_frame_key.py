"""Frames in the page of a notebook that a browser takes for a foreign site: they need the key from the kernel."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.net.conftest import journal
from zefnb import ET
from zefnb.engine.runtime import default_runtime
from zefnb.net.frame_key import FrameKey

FRAME = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}


@pytest.fixture
def get(serve: Any, topic: Any) -> Any:
    """`get(query, **headers)`: the response to a frame in a foreign page."""
    server = serve({"/": ET.Page(parts=[ET.Value(topic=topic)])})
    return lambda query="", method="GET", **headers: httpx.request(
        method, f"http://localhost:{server.port}/{query}", headers={**FRAME, **headers}, timeout=20
    )


def key() -> str:
    return default_runtime().service(FrameKey).reveal()


def test_a_frame_with_the_key_is_served_and_may_be_shown_in_every_page(get: Any) -> None:
    response = get(f"?zef-frame={key()}")
    assert response.status_code == 200
    assert "frame-ancestors" not in response.headers["content-security-policy"]
    of_this_machine = get(**{"sec-fetch-site": "same-origin"})
    assert of_this_machine.status_code == 200
    assert "frame-ancestors 'self' http://localhost:*" in of_this_machine.headers["content-security-policy"]


@pytest.mark.parametrize(
    "query", ["", "?zef-frame=", "?zef-frame=guess", "?zef-frame=%FF", "?zef-frame=KEY&" + "a&" * 1_000, "?key=KEY"]
)
def test_without_the_key_it_is_refused(get: Any, query: str) -> None:
    assert get(query.replace("KEY", key())).status_code == 403
    assert any("Sec-Fetch-Site" in entry["message"] for entry in journal())


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-dest": "object"},
        {"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"},
        {"method": "POST"},
        {"origin": "https://foreign.example"},
        {"host": "foreign.example"},
    ],
    ids=str,
)
def test_the_key_is_for_frames_alone(get: Any, headers: dict[str, str]) -> None:
    assert get(f"?zef-frame={key()}", **headers).status_code == 403
