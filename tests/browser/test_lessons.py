"""The later tutorials as their readers use them: an exercise in JupyterLab, a login, and a game between two tabs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.lab import OUTPUT
from tests.browser.test_tutorials import Open, soon
from tests.notebook.kernel import a_kernel
from tests.notebooks.tutorial import FOLDER, Tutorial

Visit = Callable[..., Any]
_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """`visit(url, 'dark')`: a page in a separate browser with its own cookies, in light or dark."""
    contexts = []

    def visit_(url: str, scheme: str = "light", width: int = 480) -> Any:
        contexts.append(browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 640}))
        page = contexts[-1].new_page()
        page.goto(url)
        return page

    yield visit_
    for context in contexts:
        context.close()


def picture(page: Any, name: str) -> None:
    """Keep a picture, of a page that can be read."""
    OUTPUT.mkdir(exist_ok=True)
    page.wait_for_timeout(100)
    page.screenshot(path=str(OUTPUT / f"{name}.png"))
    assert page.evaluate(_CONTRAST, "body") == []


# 09


def test_the_solution_is_hidden_until_a_reader_opens_it(open_notebook):
    tutorial = Open(open_notebook, "09-chat-with-usernames")
    tutorial.run_all_but_the_last()
    assert tutorial.text("try").startswith("Not yet.")
    assert "The solution holds" in tutorial.text("proof")
    solution = tutorial.output("solution").locator("xpath=..")
    dots = solution.locator(".jp-InputPlaceholder")
    assert dots.is_visible()
    assert "named" not in solution.inner_text()

    client = tutorial.output("proof")
    for said in ("Grace", "is there tea?"):
        client.locator(".zc-box").fill(said)
        client.get_by_role("button", name="Send").click()
    soon(lambda: "[Grace]: is there tea?" in client.locator(".zc-list").inner_text())
    tutorial.pictures()

    dots.click()
    soon(lambda: "ET.Chatting(name=name" in solution.inner_text())
    tutorial.stop()
    assert tutorial.notebook.errors == []


# 10


def test_a_member_logs_in_on_the_page_and_no_script_can_read_the_cookie(open_notebook, visit, tmp_path):
    written = Tutorial(FOLDER / "10-login-and-sessions.ipynb").with_stop()
    names = [cell.id for cell in written.cells]
    added = {
        "password": "members['Grace'] = 'tea at five'",
        "end": "FX.RevokeSession(http_server=server, user='Grace') | run",
    }
    written.cells.insert(names.index("members") + 1, nbformat.v4.new_code_cell(added["password"]))
    written.cells.insert(len(written.cells) - 1, nbformat.v4.new_code_cell(added["end"]))
    nbformat.write(written, tmp_path / "login.ipynb")
    notebook = open_notebook(tmp_path / "login.ipynb")
    for number, cell in enumerate(written.cells[:-2]):
        if cell.cell_type == "code":
            notebook.run(number)
    url = notebook.text([cell.id for cell in written.cells].index("page")).strip()

    def log_in(page: Any, password: str) -> None:
        page.get_by_label("Name").fill("Grace")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()

    grace, thief = visit(url, "light"), visit(url, "dark")
    picture(thief, "login-door-dark")
    log_in(thief, "tea at six")
    soon(lambda: "The name or the password is wrong." in thief.locator("body").inner_text())
    log_in(grace, "tea at five")
    soon(lambda: "* Grace is here" in grace.get_by_role("log").inner_text())
    grace.get_by_label("Message").fill("<b>good evening</b>")
    grace.get_by_role("button", name="Say").click()
    soon(lambda: "[Grace]: <b>good evening</b>" in grace.get_by_role("log").inner_text())
    picture(grace, "login-room-light")

    assert grace.evaluate("document.cookie") == ""
    [cookie] = grace.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    seen = json.dumps(notebook.save())
    assert cookie["value"] not in seen

    # The end of the session leads the open page to the login.
    notebook.run(len(written.cells) - 2)
    soon(lambda: grace.get_by_label("Password").is_visible())
    notebook.run(len(written.cells) - 1)


# 11 and 12


def test_the_counter_serves_a_customer_that_follows_the_protocol(open_notebook):
    tutorial = Open(open_notebook, "11-stateful-protocol")
    tutorial.run_all_but_the_last()
    client = tutorial.output("client")
    for said in ("pay 3", "order tea", "pay 3"):
        client.locator(".zc-box").fill(said)
        client.get_by_role("button", name="Send").click()
    soon(lambda: "your tea, and 0 back" in client.locator(".zc-list").inner_text())
    assert "not now: order, please" in client.locator(".zc-list").inner_text()
    tutorial.pictures()
    tutorial.stop()
    assert tutorial.notebook.errors == []


def test_a_client_that_is_too_fast_in_the_cell_is_warned_and_closed(open_notebook):
    tutorial = Open(open_notebook, "12-rate-limits")
    tutorial.run_all_but_the_last()
    client = tutorial.output("client")
    heard = client.locator(".zc-list")
    soon(lambda: "welcome" in heard.inner_text())
    # At once, since so few a second as a test types on a busy machine are allowed.
    client.locator(".zc-form").evaluate(
        """form => {
            for (let n = 0; n < 30; n++) {
                form.querySelector('.zc-box').value = 'a'
                form.requestSubmit()
            }
        }"""
    )
    soon(lambda: "closed with 1008: too many messages" in heard.inner_text())
    assert heard.inner_text().index("slow down: wait") < heard.inner_text().index("closed with 1008")
    tutorial.pictures()
    tutorial.stop()
    assert tutorial.notebook.errors == []


# 13


@pytest.fixture
def lobby(open_notebook: Any) -> Iterator[Open]:
    """The tutorial in a real JupyterLab, serving the lobby's page."""
    tutorial = Open(open_notebook, "13-game-lobby")
    tutorial.page.set_viewport_size({"width": 1100, "height": 4400})
    tutorial.run_all_but_the_last()
    yield tutorial
    tutorial.stop()
    assert tutorial.notebook.errors == []


def come_in(page: Any, name: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Play").click()


def says(page: Any) -> str:
    return str(page.get_by_role("status").inner_text())


def cell(page: Any, number: int) -> Any:
    return page.locator("#board button").nth(number)


def overview(page: Any) -> str:
    return "".join({"": ".", "✕": "X", "◯": "O"}[text] for text in page.locator("#board button").all_inner_texts())


def test_two_tabs_play_a_game_to_the_end_and_another_one(lobby, visit):
    url = lobby.text("page").strip()
    ada, bob = visit(url, "light"), visit(url, "dark")
    picture(ada, "lobby-door-light")
    picture(bob, "lobby-door-dark")
    come_in(ada, "Ada")
    soon(lambda: says(ada) == "Waiting for somebody to play with.")
    picture(ada, "lobby-waiting-light")

    come_in(bob, "<b>Bob</b>")
    soon(lambda: says(ada) == "It is your turn, with X, against <b>Bob</b>.")
    soon(lambda: says(bob) == "Ada is thinking.")
    assert ada.locator("b").count() == 0
    # Out of turn nothing happens.
    cell(bob, 4).click(force=True)
    for number, (player, place) in enumerate([(ada, 0), (bob, 4), (ada, 1), (bob, 8)], 1):
        cell(player, place).click()
        soon(lambda number=number: 9 - overview(ada).count(".") == 9 - overview(bob).count(".") == number)
    soon(lambda: says(ada).startswith("It is your turn"))
    picture(ada, "lobby-playing-light")
    picture(bob, "lobby-playing-dark")

    cell(ada, 2).click()
    soon(lambda: says(ada) == "You have won!" and says(bob) == "Ada has won.")
    assert overview(ada) == overview(bob) == "XXX.O...O"
    assert ada.locator("#board .won").count() == 3
    picture(ada, "lobby-won-light")
    picture(bob, "lobby-lost-dark")

    bob.get_by_role("button", name="Play again").click()
    soon(lambda: says(bob) == "Waiting for somebody to play with.")
    ada.get_by_role("button", name="Play again").click()
    soon(lambda: says(bob) == "It is your turn, with X, against Ada.")
    soon(lambda: overview(ada) == "." * 9)
    ada.get_by_role("button", name="Leave").click()
    soon(lambda: says(bob) == "Ada has left.")
    lobby.pictures()


def test_open_pages_of_the_lobby_ask_for_a_name_again_when_the_cell_of_the_server_runs_again(lobby, visit):
    page = visit(lobby.text("page").strip())
    come_in(page, "Ada")
    soon(lambda: says(page).startswith("Waiting"))
    lobby.notebook.run([cell.id for cell in lobby.cells].index("start"))
    soon(lambda: page.get_by_label("Your name").is_visible())
    assert says(page) == "You play against whoever comes next."
    come_in(page, "Ada")
    soon(lambda: says(page).startswith("Waiting"))


def test_the_lobby_pairs_waiting_players_and_can_be_played_by_keyboard(lobby, visit):
    names = ("Ada", "Bob", "Cleo", "Dan")
    pages = [visit(lobby.text("page").strip()) for _ in names]
    for name, page in zip(names, pages, strict=True):
        page.get_by_label("Your name").fill(name)
        page.keyboard.press("Enter")
        soon(lambda page=page: says(page).startswith(("Waiting", "Ada is", "Cleo is", "It is")))
    ada, bob, cleo, dan = pages
    soon(lambda: says(ada).endswith("against Bob.") and says(cleo).endswith("against Dan."))

    cell(cleo, 0).focus()
    cleo.keyboard.press("Tab")
    cleo.keyboard.press("Enter")
    soon(lambda: cell(dan, 1).get_attribute("aria-label") == "row 1, column 2: cross")
    soon(lambda: says(dan).startswith("It is your turn"))
    dan.close()
    soon(lambda: says(cleo) == "Dan has left.")
    soon(lambda: says(bob) == "Ada is thinking.")


# 20


def test_a_page_at_one_kernel_receives_what_the_other_publishes(visit):
    cells = {cell.id: cell.source for cell in Tutorial(FOLDER / "20-two-notebooks.ipynb").with_stop().cells}
    names = ("imports", "join", "server", "second", "other", "page", "publish", "nodes")
    with a_kernel() as kernel:  # without a lab, whose cells take longer
        done = {name: kernel.run(cells[name], cell=name, within=90) for name in names}
        assert {name: cell.error for name, cell in done.items()} == dict.fromkeys(names)
        assert done["publish"].result["text/plain"] == "'hello from the second kernel'"
        guest = visit(kernel.value("f'http://localhost:{server.port}/'"))
        says = guest.get_by_role("log")
        guest.get_by_label("Message").fill("is anybody there?")
        guest.get_by_role("button", name="Send").click()
        soon(lambda: "is anybody there?" in says.inner_text())
        kernel.run("heard.get(timeout=20)")  # what the page has sent
        kernel.run(cells["publish"], cell="publish")
        soon(lambda: "hello from the second kernel" in says.inner_text())
        picture(guest, "tutorial-20-two-notebooks-page")
        assert "left the cluster" in kernel.run(cells["stop"]).text
