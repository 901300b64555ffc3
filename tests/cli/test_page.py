"""The chatroom's page in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.browser import PROGRAM, Browser
from tests.cli.processes import running_demo
from tests.cli.test_demo import visitor
from tests.ports import free_port

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")

CONNECTED = "document.getElementById('state').textContent === 'connected'"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def items(selector: str) -> str:
    return (
        f"[...document.querySelectorAll('#talk {selector}')].map(item => item.innerText.replace(/\\s+/g, ' ').trim())"
    )


def test_a_user_can_read_and_write_messages(browser: Browser):
    with running_demo("--port", "0", "--seconds", "300") as demo, visitor(demo.port) as guest:
        browser.open(demo.url)
        browser.until(CONNECTED)
        browser.until(f"{items('li')}.some(text => /Ada|Bilal|Chiyo/.test(text))")
        browser.type("hello <b>room</b>")
        browser.press_enter()
        browser.until(f"{items('.mine .content')}.includes('hello <b>room</b>')")
        heard = [json.loads(guest.recv(timeout=20)) for _ in range(6)]
        while not any(line.get("text") == "hello <b>room</b>" for line in heard):
            heard.append(json.loads(guest.recv(timeout=20)))
        guest.send(json.dumps({"name": "<i>Eve</i>", "text": "<img src=x onerror='document.title=1'>"}))
        browser.until(f"{items('li')}.includes(\"<i>Eve</i> <img src=x onerror='document.title=1'>\")")
        assert browser.ask("document.title") == "zefnb demo: a chatroom"
        assert browser.ask("document.querySelectorAll('#talk b, #talk i, #talk img').length") == 0


def test_its_parts_have_accessible_names(browser: Browser):
    with running_demo("--port", "0", "--seconds", "300") as demo:
        browser.open(demo.url)
        browser.until(CONNECTED)
        roles = browser.roles()
    assert {("log", "Conversation"), ("textbox", "Your name"), ("textbox", "Message"), ("button", "Send")} <= roles


def test_it_reconnects_by_itself_when_the_server_returns(browser: Browser):
    # Not a port of the system's choice, which it could give to another program in between.
    with running_demo("--port", str(free_port()), "--seconds", "300") as demo:
        browser.open(demo.url)
        browser.until(CONNECTED)
        demo.end()
    browser.until("document.getElementById('state').textContent.startsWith('connection lost')")
    assert browser.ask("document.getElementById('send').disabled") is True
    with running_demo("--port", str(demo.port), "--seconds", "300") as again:
        assert again.port == demo.port
        browser.until(CONNECTED)


def test_it_is_light_or_dark_by_preference_and_readable_in_both(browser: Browser, tmp_path: Path):
    with running_demo("--port", "0", "--seconds", "300") as demo:
        browser.open(demo.url)
        browser.until(CONNECTED)
        backs = []
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            backs.append(browser.ask("getComputedStyle(document.body).backgroundColor"))
            assert browser.ask(f"{CONTRAST}(document.body)") > 7
            assert browser.ask(f"{CONTRAST}(document.getElementById('state'), document.body)") > 4.5
            assert browser.ask(f"{CONTRAST}(document.getElementById('send'))") > 4.5
            browser.until("document.querySelector('#talk .name') !== null")
            names = "[...document.querySelectorAll('#talk .name')]"
            assert browser.ask(f"Math.min(...{names}.map(name => {CONTRAST}(name, name.closest('ol'))))") > 4.5
        assert backs[0] != backs[1]


# The contrast ratio of WCAG 2, section 1.4.3, of an element's text on its own or another's background.
CONTRAST = """((element, behind) => {
    const light = colour => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
            .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const [low, high] = [getComputedStyle(element).color, getComputedStyle(behind || element).backgroundColor]
        .map(light).sort((one, other) => one - other);
    return (high + 0.05) / (low + 0.05);
})"""
