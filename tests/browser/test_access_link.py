"""The link with a token in a real JupyterLab: shown once, followed to the clean address, and saved nowhere."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.browser.lab import Lab

CELLS = [
    "%load_ext zefnb\nfrom zefnb import *",
    "server = FX.StartHTTPServer(routes={'/': ET.HTML(content='<h1>for us only</h1>')}, port=0, auth='token') | run\n"
    "server",
]
SHOWN_BEFORE = "The link to log in was shown before"
TIMEOUT = 30_000


def saved_texts(lab: Lab, name: str) -> dict[str, str]:
    """The files that contain the notebook: itself and its checkpoints."""
    stem = name.removesuffix(".ipynb")
    return {str(path): path.read_text() for path in lab.root.rglob(f"{stem}*") if path.is_file()}


def test_the_link_is_shown_once_and_leads_to_the_clean_address(open_notebook: Any, browser: Any, lab: Lab) -> None:
    notebook = open_notebook(CELLS)
    notebook.run(0)
    links = notebook.page.locator(".jp-OutputArea-output a[href*='token=']")
    notebook.run(1)
    links.first.wait_for(timeout=TIMEOUT)
    assert links.count() == 1
    address = urlsplit(links.get_attribute("href"))
    [token] = parse_qs(address.query)["token"]
    assert len(token) == 43
    notebook.picture("access-link")

    with notebook.page.context.expect_page() as opened:
        links.click()
    tab = opened.value
    tab.get_by_role("heading", name="for us only").wait_for(timeout=TIMEOUT)
    clean = f"http://{address.netloc}/"
    assert tab.url == clean
    assert tab.evaluate("[location.href, history.length, document.referrer, document.cookie]") == [clean, 1, "", ""]
    assert token not in tab.content()
    # The session is the browser's: the clean address alone is enough for it, and not for another browser.
    assert tab.reload().status == 200
    tab.get_by_role("heading", name="for us only").wait_for(timeout=TIMEOUT)
    stranger = browser.new_context()
    try:
        other = stranger.new_page()
        other.goto(clean)
        assert urlsplit(other.url).path == "/auth/login"
        assert "for us only" not in other.content()
    finally:
        stranger.close()

    saved = json.dumps(notebook.save())
    assert "A page of this notebook shows here the link to log in" in saved
    texts = saved_texts(lab, notebook.name)
    assert texts
    assert token not in saved
    for path, text in texts.items():
        assert token not in text, path

    # Another view of the output, also after a reload, does not get the link.
    notebook.reload()
    notebook.page.get_by_text(SHOWN_BEFORE).wait_for(timeout=TIMEOUT)
    assert links.count() == 0
    assert token not in notebook.page.content()
    assert notebook.errors == []
