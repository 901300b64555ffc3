"""The login page in a real browser: what axe-core finds in light and in dark, wide and narrow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from zefnb import ET, FX, run

AXE = Path(sys.prefix) / "node" / "node_modules" / "axe-core" / "axe.min.js"
OIDC = ET.OIDC(issuer="http://127.0.0.1:1", client_id="app", client_secret="s3cret")


def found(page: Any) -> list[str]:
    """The violations on a page, and the elements whose contrast could not be computed."""
    page.evaluate(AXE.read_text())
    result = page.evaluate("axe.run()")
    unclear = [each for each in result["incomplete"] if each["id"] == "color-contrast"]
    assert result["passes"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in (*result["violations"], *unclear)]


@pytest.mark.parametrize("width", [1_200, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_a_login(browser: Any, clean: None, scheme: str, width: int):
    if not AXE.exists():
        pytest.skip("LEFT OUT: axe-core is not installed, accessibility was not checked")
    auth = ET.Auth(providers=[{"ada": "correct horse"}, "token", OIDC])
    server = FX.StartHTTPServer(routes={"/": "for us"}, port=0, auth=auth) | run
    # The pages allow no scripts; axe is one.
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    page = context.new_page()
    try:
        page.goto(f"http://localhost:{server.port}/auth/login")
        assert found(page) == []
        page.fill("input[name=name]", "ada")
        page.fill("input[name=password]", "guessed")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]")
        assert found(page) == []
        page.goto(f"http://localhost:{server.port}/auth/callback?state=x&code=y")
        assert found(page) == []
    finally:
        context.close()
