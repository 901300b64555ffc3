"""The picture in a real JupyterLab: its look, its layout, and its use by mouse and keyboard."""

from __future__ import annotations

import pytest
from websockets.sync.client import connect

from tests.browser.watch.page import busy_with, interrupt, soon

PRELUDE = """
from zefnb import *
import time

chat, tick = ET.Topic('chat'), ET.Topic('tick')
db = FX.CreateDB(type=DictDatabase, initial_state={'seats': 12}) | run

@zef_function
def greet(message, state):
    return [[FX.Publish(target=message.topic_out, content='welcome')], message.topic_out]

@zef_function
def answer(message, state):
    return [[FX.Publish(target=ET.Topic('audit'), content=message), FX.Publish(target=state, content=message)], state]

@zef_function
def count(message, state):
    return [[FX.UpdateDB(db=db, insert={'count': state['n']})], {'n': state['n'] + 1}]

@zef_function
def refuse(request):
    raise ValueError('no votes today')

server = FX.StartHTTPServer(routes={
    '/ws': ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
    '/echo': ET.WebSocket(actor=FX.StartActor(initial_state=None, rules={
        (ET.WSClientConnected, Any): greet, (String, Any): answer,
    })),
    '/events': ET.EventStream(clients_subscribe_to=[tick]),
    '/vote': refuse,
}, port=0) | run
counter = FX.StartActor(initial_state={'n': 0}, input=[tick, chat], rules={(Any, Any): count}) | run
FX.StartTimer(interval=0.2, target=tick, content='tick') | run
FX.MapTopic(source=chat, target=ET.Topic('loud'), op=to_upper_case) | run
print(server.port)
"""
MANY = """
for n in range(30):
    inside = ET.Topic(f'measurements of the sensor number {n} of the house')
    socket = ET.WebSocket(clients_push_into_=[inside])
    FX.StartHTTPServer(routes={f'/sensors/number-{n}/in/a/long/path': socket}, port=0) | run
    FX.StartActor(initial_state=n, input=[inside], handler=lambda message, state: [[], state]) | run
"""
# The number of texts in boxes, and those that overlap another text, or that are outside of their box.
OVERLAPS = """() => {
    const found = [];
    const texts = [...document.querySelectorAll('.zp-box text')].filter(text => text.textContent).map(text => ({
        says: text.textContent,
        place: text.getBoundingClientRect(),
        frame: text.parentNode.querySelector('.zp-frame').getBoundingClientRect(),
    }));
    texts.forEach(({ says, place: a, frame }, n) => {
        const fits = a.left >= frame.left && a.right <= frame.right && a.top >= frame.top && a.bottom <= frame.bottom;
        if (!fits) found.push(['outside', says]);
        for (const { says: other, place: b } of texts.slice(n + 1)) {
            if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) found.push([says, other]);
        }
    });
    return [texts.length, found];
}"""


@pytest.fixture
def started(open_notebook):
    """`started(*cells)`: a notebook whose first cell has started a server, whose second shows the picture."""

    def start(*cells, prelude=PRELUDE, show="picture()"):
        notebook = open_notebook([prelude, show, *cells])
        notebook.page.emulate_media(reduced_motion="reduce")
        notebook.run(0)
        printed = notebook.text(0).strip()
        notebook.server_port = int(printed) if printed else None
        notebook.run(1)
        notebook.page.locator(".zw-light.zw-live").wait_for()
        notebook.page.locator(".zp-box").first.wait_for()
        return notebook

    return start


@pytest.fixture
def client_of():
    """`client_of(notebook)`: a real client, outside of the kernel."""
    clients = []

    def open_(notebook, path="/ws"):
        clients.append(connect(f"ws://127.0.0.1:{notebook.server_port}{path}", legacy=True, close_timeout=0.1))
        return clients[-1]

    yield open_
    for client in clients:
        client.close()


def box(notebook, name):
    """Return the box with exactly that name."""
    # A picture that is not visible is paused.
    notebook.page.locator(".zefnb-picture").scroll_into_view_if_needed()
    return notebook.page.locator(".zp-box", has=notebook.page.locator(f".zp-name:text-is('{name}')"))


def right_of(element):
    place = element.bounding_box()
    return place["x"] + place["width"]


def line(notebook, name):
    return box(notebook, name).locator(".zp-line").text_content()


def test_it_has_the_expected_look_in_light_and_dark(started):
    notebook = started()
    page = notebook.page
    # Wide enough for all boxes beside the panel.
    page.set_viewport_size({"width": 1400, "height": 1000})
    soon(lambda: "/s" in line(notebook, "tick"))
    box(notebook, "count").click()
    page.locator(".zw-state", has_text="'n':").wait_for()
    # It shrinks beside the panel.
    soon(lambda: right_of(box(notebook, "count")) <= page.locator(".zp-panel").bounding_box()["x"])
    assert page.evaluate(OVERLAPS)[1] == []
    # No arrow ends under the panel, and nothing is to be scrolled.
    soon(lambda: page.locator(".zp-canvas").evaluate("canvas => canvas.scrollWidth <= canvas.clientWidth"))
    notebook.picture("picture-light", page.locator(".zefnb-picture"))
    notebook.theme("Dark")
    notebook.picture("picture-dark", page.locator(".zefnb-picture"))
    notebook.theme("Light")
    assert notebook.errors == []


def test_thirty_servers_topics_and_actors_have_no_overlapping_texts(started):
    notebook = started(prelude=PRELUDE + MANY)
    page = notebook.page
    soon(lambda: page.locator(".zp-box").count() > 120)
    count, overlaps = page.evaluate(OVERLAPS)
    assert count > 240
    assert overlaps == []
    page.locator(".zp-canvas").evaluate("canvas => { canvas.style.maxHeight = 'none' }")
    notebook.picture("picture-30", page.locator(".zefnb-picture"))


def test_it_is_live_while_a_cell_is_busy(started):
    notebook = started("while True: pass")
    busy_with(notebook, 2)
    before = line(notebook, "every 200.0 ms")
    soon(lambda: line(notebook, "every 200.0 ms") != before)
    box(notebook, "count").focus()
    notebook.page.keyboard.press("Enter")
    notebook.page.locator(".zw-state", has_text="'n':").wait_for()
    interrupt(notebook)


def test_hundreds_of_sockets_are_one_box_and_each_can_be_selected(started, client_of):
    notebook = started()
    clients = [client_of(notebook) for _ in range(300)]
    soon(lambda: "300 clients" in line(notebook, "/ws"))
    assert notebook.page.locator(".zp-path .zp-name", has_text="/ws").count() == 1
    box(notebook, "/ws").click()
    members = notebook.page.locator(".zp-members button")
    soon(lambda: members.count() == 50)
    notebook.page.get_by_text("and 250 more").wait_for()
    members.nth(3).click()
    # The kernel has selected the client, and sends its frames from now on.
    notebook.page.locator(".zp-back").wait_for()
    clients[3].send("hello from the fourth")
    notebook.page.locator(".zw-frame", has_text="hello from the fourth").first.wait_for()
    notebook.picture("picture-clients", notebook.page.locator(".zefnb-picture"))
    notebook.page.keyboard.press("Escape")
    soon(lambda: notebook.page.locator(".zp-panel").is_hidden())


def test_an_observed_publish_appears_as_an_arrow_with_dashes(started, client_of):
    notebook = started()
    socket = client_of(notebook, "/echo")
    socket.send("hello")
    box(notebook, "audit").wait_for()
    arrow = notebook.page.locator(".zp-as-seen[data-target='topic:audit']")
    arrow.wait_for(state="attached")
    assert "greet, answer has been observed to use audit" in arrow.text_content()


def test_the_error_of_a_route_is_on_its_box_and_in_its_details(started):
    notebook = started("""
import urllib.request, urllib.error
try:
    urllib.request.urlopen(f'http://127.0.0.1:{server.port}/vote')
except urllib.error.HTTPError as error:
    print(error.code)
""")
    notebook.run(2)
    soon(lambda: box(notebook, "/vote").locator(".zp-badge").text_content() == "1 error")
    box(notebook, "/vote").click()
    notebook.page.locator(".zp-errors summary").click()
    notebook.page.locator(".zp-errors pre", has_text="raise ValueError('no votes today')").wait_for()


def test_arrow_keys_move_the_focus_and_escape_returns_to_the_box(started):
    notebook = started()
    page = notebook.page
    focused = "() => document.activeElement.closest('.zp-box')?.dataset.id"
    assert page.locator(".zp-box[tabindex='0']").count() == 1
    # The arrow to the database, which is drawn when the first update has been observed, changes the layout.
    page.locator(".zp-as-seen").first.wait_for(state="attached")
    box(notebook, "chat").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused).endswith("/ws")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator(".zw-detail h3", has_text="chat").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "topic:chat"
    assert "topic" in box(notebook, "chat").get_attribute("aria-label")


def test_a_new_layout_keeps_the_focus_on_the_box(started, client_of):
    notebook = started()
    box(notebook, "chat").focus()
    client = client_of(notebook, "/echo")
    client.recv(timeout=20)
    client.send("hello")
    box(notebook, "audit").wait_for()
    assert notebook.page.evaluate("document.activeElement.closest('.zp-box')?.dataset.id") == "topic:chat"


def test_running_the_cell_again_replaces_it_and_the_saved_notebook_has_an_image(started):
    notebook = started("""
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.watch.control import Control
control = default_runtime().service(Control)
print(len(control._tokens), len(control._viewers), len(default_runtime().monitors))
""")
    notebook.run(1)
    notebook.page.locator(".zw-light.zw-live").wait_for()

    def left():
        notebook.run(2)
        return notebook.text(2).strip() == "1 1 1"

    soon(left)
    saved = notebook.save()
    data = [output.get("data", {}) for output in saved["cells"][1]["outputs"]]
    [image] = ["".join(each["image/svg+xml"]) for each in data if "image/svg+xml" in each]
    # Nothing beside the image and the widget, such as text that rich displays as HTML in a kernel.
    assert not [each for each in data if "text/html" in each and "image/svg+xml" not in each]
    assert image.startswith("<svg")
    assert ">chat</text>" in image
    assert "<script" not in image


def test_at_the_width_of_a_phone_it_scrolls_and_zooms(started):
    notebook = started()
    page = notebook.page
    page.set_viewport_size({"width": 420, "height": 800})
    canvas = page.locator(".zp-canvas")
    soon(lambda: canvas.evaluate("canvas => canvas.clientWidth < 400 && canvas.scrollWidth > canvas.clientWidth"))
    wide = page.locator(".zp-canvas svg").bounding_box()["width"]
    page.get_by_role("button", name="Smaller").click()
    assert page.locator(".zp-canvas svg").bounding_box()["width"] < wide
    assert page.evaluate(OVERLAPS)[1] == []
    box(notebook, "chat").click()
    page.locator(".zw-detail h3", has_text="chat").wait_for()
    notebook.picture("picture-phone", page.locator(".zefnb-picture"))


def test_nothing_is_sent_while_it_is_not_visible(started):
    notebook = started(
        "print('\\n' * 3000)",
        """
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.picture.feed import PictureFeed
feed = default_runtime().service(PictureFeed)
before = feed.number
time.sleep(3)
print(feed.number - before)
""",
    )
    notebook.page.evaluate("() => { document.querySelector('.zefnb-picture').style.display = 'none' }")

    def is_quiet():
        notebook.run(3)
        return notebook.text(3).strip() == "0"

    soon(is_quiet, 60.0)
