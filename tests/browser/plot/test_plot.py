"""Live charts in a real JupyterLab: their look, their speed, the keyboard, and the picture in the saved notebook."""

from __future__ import annotations

import json
import time

import pytest

from tests.browser.watch.page import SLEEP, busy_with, interrupt, soon

PRELUDE = """
from zefnb import *
import math, threading, time
feed = ET.Topic('feed')
stopped = threading.Event()

def send(messages, each=0.0):
    for message in messages:
        FX.Publish(target=feed, content=message) | run
        if each and stopped.wait(each):
            break

def later(messages, each):
    threading.Thread(target=send, args=(messages, each), daemon=True).start()
"""
WAVES = """
at = time.time() - 60
send({'time': at + n / 20, 'value': None if 500 < n < 560 else math.sin(n / 90 + s) + s, 'sensor': f'sensor {s}'}
     for n in range(1200) for s in range(3))
"""
# What the chart of the page has: read at once, since it changes.
STATE = """() => {
    const chart = document.querySelector('.zefnb-plot').zefnbChart;
    return { frames: chart.frames, points: chart.store.length, follows: chart.view.follows, paused: chart.view.isPaused,
        range: chart.view.range(), lines: chart.lines.length, slots: chart.panels[0].plot?.data[0].length ?? 0,
        columns: chart.panels[0].columns(), nulls: chart.panels[0].plot?.data.flat().filter(v => v === null).length };
}"""


@pytest.fixture
def charted(open_notebook):
    """`charted(*cells, show=...)`: a notebook whose second cell shows a chart."""

    def start(*cells, show="plot(feed, y='value')"):
        notebook = open_notebook([PRELUDE, show, *cells])
        notebook.run(0)
        notebook.run(1)
        notebook.page.locator(".zp-light.zp-live").wait_for()
        return notebook

    return start


def state(notebook):
    return notebook.page.evaluate(STATE)


def test_it_has_the_expected_look_in_light_and_dark_and_on_a_phone(charted):
    notebook = charted(WAVES, show="plot(feed, x='time', y='value', by='sensor')")
    notebook.run(2)
    page = notebook.page
    soon(lambda: state(notebook)["points"] == 3600)
    page.mouse.move(0, 0)
    chart = page.locator(".zefnb-plot")
    for theme in ("Light", "Dark"):
        notebook.theme(theme)
        time.sleep(0.5)
        notebook.picture(f"plot-{theme.lower()}", chart)
    colours = page.evaluate("() => document.querySelector('.zefnb-plot').zefnbChart.colours.lines[0]")
    notebook.theme("Light")
    soon(lambda: page.evaluate("() => document.querySelector('.zefnb-plot').zefnbChart.colours.lines[0]") != colours)
    page.set_viewport_size({"width": 390, "height": 800})
    time.sleep(0.8)
    notebook.picture("plot-narrow", chart)
    fits = "e => e.scrollWidth <= e.clientWidth + 1 && e.querySelector('canvas').clientWidth <= e.clientWidth"
    soon(lambda: chart.evaluate(fits))
    notes = page.get_by_role("list", name="What is not drawn")
    soon(lambda: notes.inner_text() == "value: 177 × None or NaN, a gap in the line")
    assert state(notebook)["nulls"] > 0
    assert notebook.errors == []


def test_100000_points_are_drawn_as_few_and_as_often_as_the_screen_while_messages_arrive(charted):
    notebook = charted("send(range(100_000))", "later(range(10**6), 0.001)", "stopped.set()", show="plot(feed)")
    notebook.run(2, within=120)
    soon(lambda: state(notebook)["points"] == 100_000, within=60)
    notebook.run(3)
    page = notebook.page
    measured = page.evaluate(
        """async () => {
            const chart = document.querySelector('.zefnb-plot').zefnbChart;
            let screens = 0, running = true;
            const count = () => { screens++; if (running) requestAnimationFrame(count); };
            requestAnimationFrame(count);
            const [frames, next, began] = [chart.frames, chart.next, performance.now()];
            await new Promise(done => setTimeout(done, 5000));
            running = false;
            const seconds = (performance.now() - began) / 1000;
            const draws = [];
            for (let n = 0; n < 30; n++) {
                const from = performance.now();
                const [low, high] = chart.view.range();
                chart.panels[0].draw(slotsOfChart(chart, low, high), low, high);
                draws.push(performance.now() - from);
            }
            return { frames: chart.frames - frames, screens, points: chart.next - next, seconds,
                draw: draws.sort((a, b) => a - b)[15] };
            function slotsOfChart(chart, low, high) { return chart.slots(low, high); }
        }"""
    )
    print(json.dumps(measured))
    now = state(notebook)
    assert now["points"] == 100_000
    # Two in each column of pixels, however many points there are.
    assert now["slots"] <= 2 * now["columns"] + 4
    assert measured["points"] > 0
    # It is drawn at nearly every frame of the screen.
    assert measured["frames"] >= 0.6 * measured["screens"]
    notebook.run(4)
    assert notebook.errors == []


def test_the_keyboard_pauses_zooms_moves_and_toggles_lines(charted):
    notebook = charted(WAVES, show="plot(feed, x='time', y='value', by='sensor')")
    notebook.run(2)
    page = notebook.page
    soon(lambda: state(notebook)["points"] == 3600)
    area = page.locator(".zp-area")
    area.focus()
    before = state(notebook)["range"]
    page.keyboard.press("+")
    zoomed = state(notebook)["range"]
    assert zoomed[1] - zoomed[0] == pytest.approx((before[1] - before[0]) / 2, rel=0.05)
    page.keyboard.press("ArrowLeft")
    assert state(notebook)["range"][0] < zoomed[0]
    page.keyboard.press("Home")
    assert state(notebook)["follows"]
    page.keyboard.press(" ")
    assert state(notebook)["paused"]
    assert page.get_by_role("button", name="Resume").get_attribute("aria-pressed") == "true"
    paused = state(notebook)["range"]
    page.keyboard.press(" ")
    assert not state(notebook)["paused"]
    assert paused == before
    button = page.locator(".zp-line", has_text="sensor 1")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    shown = "() => document.querySelector('.zefnb-plot').zefnbChart.panels[0].plot.series.map(s => s.show)"
    assert page.evaluate(shown)[1:] == [True, False, True]
    box = page.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 40, steps=4)
    page.mouse.up()
    soon(lambda: not state(notebook)["follows"])
    page.get_by_role("button", name="Follow").click()
    assert state(notebook)["follows"]
    # No cell was added or deleted by a key.
    assert page.locator(".jp-Notebook .jp-Cell").count() == 3
    assert notebook.errors == []


def test_it_continues_while_a_cell_is_busy_and_stops_while_it_is_not_visible(charted):
    cells = ["later(({'value': n} for n in range(10**6)), 0.01)", SLEEP, *["x = 1\n" * 40] * 3]
    notebook = charted(*cells)
    notebook.run(2)
    busy_with(notebook, 3)
    before = state(notebook)
    soon(
        lambda: state(notebook)["points"] > before["points"] + 100 and state(notebook)["frames"] > before["frames"] + 20
    )
    page = notebook.page
    page.locator(".jp-Cell").last.scroll_into_view_if_needed()
    soon(lambda: not page.evaluate("() => document.querySelector('.zefnb-plot').zefnbChart.isVisible"))
    before = state(notebook)

    def is_still():
        nonlocal before
        time.sleep(1)
        before, earlier = state(notebook), before
        return (before["points"], before["frames"]) == (earlier["points"], earlier["frames"])

    soon(is_still)  # points that are on their way arrive first
    page.locator(".zefnb-plot").scroll_into_view_if_needed()
    soon(lambda: state(notebook)["points"] > before["points"] + 50)
    interrupt(notebook)
    soon(lambda: notebook.has_ended(3))
    assert notebook.errors == []


def test_twenty_lines_and_a_field_that_does_not_exist(charted):
    cells = [
        "send({'value': n, 'by': n % 20} for n in range(400))",
        "plot(feed, y='valu')",
        "send([{'value': 1}] * 3)",
    ]
    notebook = charted(*cells, show="plot(feed, y='value', by='by')")
    notebook.run(2)
    soon(lambda: state(notebook)["lines"] == 20 and state(notebook)["points"] == 400)
    page = notebook.page
    styles = page.evaluate(
        """() => [...document.querySelectorAll('.zp-line line')].map(
            line => line.getAttribute('stroke') + line.getAttribute('stroke-dasharray'))"""
    )
    assert len(set(styles)) == 20
    notebook.picture("plot-twenty", page.locator(".zefnb-plot").first)
    notebook.run(3)
    other = page.locator(".zefnb-plot").nth(1)
    soon(lambda: "live" in other.locator(".zp-status").inner_text())
    soon(lambda: other.locator(".zp-empty").inner_text() == "no message of feed yet")
    notebook.run(4)
    text = "3 messages have no field 'valu'. Did you mean 'value'? Fields: value"
    soon(lambda: other.locator(".zp-empty").inner_text() == text)
    assert notebook.errors == []


def test_the_saved_notebook_has_the_last_picture_and_the_live_page_does_not_show_it(charted, open_notebook):
    notebook = charted(WAVES, show="plot(feed, x='time', y='value', by='sensor')")
    notebook.run(2)
    page = notebook.page
    soon(lambda: "3,423 points" in json.dumps(notebook.outputs(1)), within=40)
    assert page.locator(".jp-RenderedSVG").count() == 1
    assert not page.locator(".jp-RenderedSVG").is_visible()
    saved = json.dumps(soon(lambda: (found := notebook.save()) and "3,423 points" in json.dumps(found) and found))
    assert "<svg" in saved
    assert "secret" not in saved
    notebook.page.close()
