"""A headless chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def chromium(*flags: str, **environment: str) -> Iterator[Any]:
    """A browser, which is always closed; without one the test is left out, with a message."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    if PROGRAM is None:
        pytest.skip("the browser tests need chromium")
    with playwright_api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", *flags]
        env = {**os.environ, **environment}
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=arguments, headless=True, env=env)
        try:
            yield browser
        finally:
            browser.close()
