"""The pages of a server in the output of a notebook, under the rules of VS Code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import vscode
from tests.browser.lab import OUTPUT
from zefnb import ET, FX, generate_uid, run
from zefnb.engine.page_view import PageView
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.widgets.page_frame import PageFrame

TIMEOUT = 30_000
BACKGROUNDS = {"dark": "rgb(18, 21, 24)", "light": "rgb(244, 246, 248)"}
MODULE = "export default ({ el, on }) => on((message) => { el.textContent += ` ${message}` })"


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    yield page
    context.close()


@pytest.fixture
def widget(clean: None) -> Iterator[Any]:
    """The widget for a server with a poll, and with a page of the program's own part."""
    votes, feed = ET.Topic(generate_uid()), ET.Topic(generate_uid())
    poll = ET.Page(
        title="Poll",
        parts=[
            ET.Choice(options=["tea", "coffee"], push_into=votes, once=True),
            ET.Bars(topic=votes),
            ET.Chart(topic=feed),
        ],
    )
    own = ET.Page(parts=[ET.Part(module=MODULE, topics=[feed])])
    server = FX.StartHTTPServer(routes={"/": poll, "/own": own}, port=0) | run
    FX.Publish(target=feed, content=7) | run
    made = PageFrame(default_runtime(), PageView(server, [("/", "Poll"), ("/own", "")]))
    yield made
    made.close()


def test_pages_and_their_parts_work_in_the_output_of_vs_code_in_its_theme(tab: Any, widget: Any) -> None:
    output = vscode.open_output(tab, "dark")
    vscode.show_widget(tab, output, widget)
    shown = output.frame_locator("iframe")
    shown.get_by_role("button", name="tea").click()
    shown.locator("[data-kind=Bars]", has_text="1 (100 %)").wait_for()
    body = shown.locator("body").element_handle()
    frame = body.owner_frame()
    OUTPUT.mkdir(exist_ok=True)
    for theme, background in BACKGROUNDS.items():
        vscode.set_theme(output, theme)
        is_themed = f"body => getComputedStyle(body).backgroundColor === {background!r}"
        frame.wait_for_function(is_themed, arg=body)
        tab.screenshot(path=str(OUTPUT / f"vscode-{theme}.png"))
    # The page has no cookie there, and the visitor is known after a reload, too.
    assert tab.context.cookies() == []
    frame.evaluate("() => { window.isBefore = true; location.reload() }")
    frame.wait_for_function("() => !window.isBefore")
    shown.locator("[data-kind=Choice]", has_text="Your choice: tea").wait_for()
    output.get_by_role("button", name="/own").click()
    shown.locator("[data-kind=Part]", has_text="7").wait_for()
    assert tab.problems == []


def test_where_no_widget_runs_the_output_has_the_links_without_a_script(tab: Any, widget: Any) -> None:
    output = vscode.open_output(tab, "dark", vscode.STRICT)
    html = widget._repr_mimebundle_()[0]["text/html"]
    output.evaluate("(html) => document.querySelector('.output').setHTML(html)", html)
    links = output.get_by_role("link").evaluate_all("links => links.map((link) => link.href)")
    assert links == [link for link, _ in widget.pages]
    assert tab.problems == []
