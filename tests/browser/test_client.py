"""The chat client in a cell of a real JupyterLab: messages, look and reconnection."""

from __future__ import annotations

from pathlib import Path

import pytest

START = """from zefnb import *
%load_ext zefnb
room = ET.Topic('room')
server = FX.StartHTTPServer(
    routes={'/ws': ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])}, port=0
) | run"""
EVIL = "<img src=x onerror=window.hacked=1>"
SPEAK = f"""%zef publish room The kettle is on.
FX.Publish(target=room, content=bytes(range(80))) | run
FX.Publish(target=room, content={{'tea': 3}}) | run
FX.Publish(target=room, content={EVIL!r}) | run"""
KICK = "%zef kick {(FX.QueryAllConnectedWebsocketClients(http_server=server) | run)[0]['channel_id']} be nice"
BUSY = "import time\ntime.sleep(600)"


@pytest.fixture
def chat(open_notebook, until):
    """The chat client, connected, in a notebook whose further cells are SPEAK, KICK and BUSY."""
    notebook = open_notebook([START, "%zef client /ws", SPEAK, KICK, BUSY])
    for cell in (0, 1):
        notebook.run(cell)
    chat = notebook.page.locator(".zc")
    chat.locator(".zc-on").wait_for()
    chat.notebook = notebook
    return chat


def say(chat, message):
    """By keyboard alone."""
    chat.get_by_label("Message", exact=True).focus()
    chat.page.keyboard.type(message)
    chat.page.keyboard.press("Enter")


def heard(chat):
    return chat.locator(".zc-in").all_inner_texts()


def test_it_shows_received_and_sent_messages_in_light_and_dark(chat, until):
    say(chat, "Is there tea?")
    chat.notebook.run(2)
    until(lambda: len(heard(chat)) == 5)
    assert heard(chat)[0] == "← Is there tea?"
    assert heard(chat)[1] == "← The kettle is on."
    assert heard(chat)[2].startswith("← 80 bytes: 00 01 02 03")
    assert heard(chat)[2].endswith("3f …")
    assert heard(chat)[3:] == ['← {"tea": 3}', f"← {EVIL}"]
    assert chat.page.evaluate("() => window.hacked") is None
    assert chat.locator(".zc-out").all_inner_texts() == ["→ Is there tea?"]
    script = (Path(__file__).parent / "contrast.js").read_text()
    for theme in ("Light", "Dark"):
        chat.notebook.theme(theme)
        chat.page.mouse.move(0, 0)
        chat.page.wait_for_timeout(400)  # colours change slowly
        chat.notebook.picture(f"client-{theme.lower()}", chat)
        assert chat.page.evaluate(script, ".zc") == []
    # None of these keys was one of Jupyter's.
    assert len(chat.notebook.save()["cells"]) == 5
    assert chat.notebook.errors == []


def test_it_sends_and_receives_while_a_cell_is_busy(chat, until):
    chat.notebook.start(4)
    until(chat.notebook.is_busy)
    say(chat, "anybody?")
    until(lambda: heard(chat) == ["← anybody?"])
    assert chat.notebook.is_busy()


def test_it_shows_why_it_was_closed_and_reconnects_by_itself(chat, until):
    chat.notebook.run(3)
    chat.locator(".zc-note", has_text="closed with 1000: be nice").wait_for()
    chat.locator(".zc-on").wait_for()
    assert "replaced the server" in "".join(output.get("text", "") for output in chat.notebook.run(0))
    chat.locator(".zc-note", has_text="closed with 1001").wait_for()
    chat.locator(".zc-on").wait_for()
    say(chat, "here again")
    until(lambda: heard(chat)[-1:] == ["← here again"])


def test_running_its_cell_again_leaves_one_client(chat, until):
    for _ in range(2):
        chat.notebook.run(1)
    chat.locator(".zc-on").wait_for()
    assert chat.page.locator(".zc").count() == 1
    assert "replaced the chat client" in chat.notebook.text(1)
    say(chat, "once")
    until(lambda: heard(chat) == ["← once"])


def test_it_survives_a_reload(chat, until):
    chat.notebook.save()
    chat.notebook.reload()
    chat.locator(".zc-on").wait_for()
    say(chat, "still here")
    until(lambda: heard(chat) == ["← still here"])
