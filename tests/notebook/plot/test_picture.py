"""A chart as a picture, which a saved notebook keeps, and in a terminal."""

from __future__ import annotations

import math
import re
import sys
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tests.cli.browser import wait_for
from tests.cli.processes import needs_tmux, terminal
from zefnb.notebook.plot.picture import Picture, svg, text_of
from zefnb.notebook.plot.points import Point
from zefnb.notebook.plot.scales import Range, marks, moment_text, moments, range_of, thinned
from zefnb.notebook.plot.sources import Panel, Series, ServerSource
from zefnb.notebook.plot.terminal import drawn

SVG = "{http://www.w3.org/2000/svg}"


def picture(points, labels=("value",), window=None, notes=(), is_time=False, panels=None, series=None):
    series = series if series is not None else [Series(label) for label in labels]
    return Picture(
        "feed",
        panels or (Panel(""),),
        series,
        [Point(*p) for p in points],
        list(notes),
        window,
        is_time,
        "no message yet",
    )


def parsed(shown):
    return ElementTree.fromstring(svg(shown))


def paths(root):
    return [path.get("d") for path in root.iter(f"{SVG}path")]


def screen(shown, width=80, height=20):
    console = Console(width=width, height=height)
    with console.capture() as captured:
        console.print(drawn(shown, width, height))
    return captured.get()


def test_a_picture_has_a_line_for_each_series_and_breaks_at_gaps():
    points = [(n % 2, n, math.nan if n == 50 else n) for n in range(100)]
    root = parsed(picture(points, ("a", "b")))
    assert len(paths(root)) == 3
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"a", "b", "0", "50"} <= set(texts)


def test_many_points_make_a_small_picture_that_has_the_extremes():
    points = [(0, n, 1000 if n == 77_777 else n % 10) for n in range(100_000)]
    shown = svg(picture(points))
    assert len(shown) < 60_000
    [path] = paths(ElementTree.fromstring(shown))
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
    assert sum(y < min(heights) + 1 for y in heights) == 1


@pytest.mark.parametrize(
    "points",
    [
        [], [(0, 1, 1)], [(0, 1, 1)] * 5, [(0, 1, math.nan)], [(0, 0, 1e100), (0, 1, -1e100)], [(0, 1e-300, 1e-300)],
        [(0, 1e100, 0), (0, -1e100, 0)], [(0, 5, 1), (0, 5 + 1e-15, 2)], [(0, 1e17, 1), (0, 1e17 + 64, 2)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_time", [True, False])
def test_any_numbers_can_be_drawn(points, is_time):
    for window in (None, 1e-12, 60, 1e100):
        shown = picture(points, window=window, is_time=is_time)
        root = parsed(shown)
        assert not re.search("nan|inf", "".join(paths(root)))
        assert "feed" in text_of(shown)
        assert "feed" in screen(shown)


def test_texts_of_messages_are_text_in_a_picture():
    shown = picture([(0, 1, 1), (1, 1, 2)], ("<script>alert(1)</script>", "&"), notes=["<b>x</b>"])
    root = parsed(shown)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "rect", "text", "line", "path", "circle"
    }  # fmt: skip


def test_without_points_the_reason_is_in_the_picture():
    shown = picture([], (), notes=["2 messages have no field 'valu'"])
    for text in (svg(shown), text_of(shown), screen(shown)):
        assert "no message yet" in text
        assert "2 messages have no field" in text.replace("&#x27;", "'")


def test_the_text_has_the_last_values():
    lines = text_of(picture([(0, 1, 1), (1, 1, 5), (0, 2, 2.5), (1, 2, math.nan)], ("a", "b"))).splitlines()
    assert lines[0].startswith("zefnb · feed: 3 points, ")
    assert lines[1:] == ["a: 2.5"]


def test_a_window_shows_its_last_part():
    [path] = paths(parsed(picture([(0, n, n) for n in range(100)], window=10)))
    assert path.count("L") == 10


def test_a_server_has_its_panels_one_above_the_other():
    points = [(n, x, 5 * n) for x in range(10) for n in range(5)]
    shown = picture(points, panels=ServerSource.panels, series=ServerSource.series, is_time=True)
    texts = [text.text for text in parsed(shown).iter(f"{SVG}text")]
    assert [panel.title for panel in ServerSource.panels if panel.title in texts] == [
        panel.title for panel in ServerSource.panels
    ]
    assert "clients" in screen(shown, height=60)


def test_marks_are_round_and_within_the_range():
    assert marks(Range(0.13, 0.97), 6) == [0.2, 0.4, 0.6, 0.8]
    assert range_of([5.0, 5.0]) == Range(4.5, 5.5)
    times = moments(Range(1_700_000_003.0, 1_700_003_600.0), 8)
    assert times[0] % 60 == 0
    assert len({moment_text(time, 3600) for time in times}) == len(times)


def test_a_thinned_line_has_at_most_two_points_in_a_column():
    line = [(n / 1000, n % 13) for n in range(1000)]
    [part] = thinned(line, Range(0.0, 1.0), 50)
    assert len(part) <= 102
    assert {min(part, key=lambda p: p[1])[1], max(part, key=lambda p: p[1])[1]} == {0, 12}


@needs_tmux
def test_in_a_terminal_a_chart_is_drawn_until_ctrl_c(tmp_path):
    script = tmp_path / "charting.py"
    script.write_text(
        "from zefnb import *\n"
        "feed = ET.Topic('feed')\n"
        "timer = FX.StartTimer(interval=0.05, target=feed, content={'value': 7}) | run\n"
        "plot(feed, y='value', window=30)\n"
        "print('after', 'it')\n"
    )
    with terminal(90, 24) as shell:
        shell.enter(f"{sys.executable} {script}")
        shell.until("zefnb  feed: ")
        wait_for(lambda: re.search("[\u2801-\u28ff]{3}", "".join(shell.lines())))
        shell.press("C-c")
        shell.until("after it")
        shell.until_prompt()
        shell.enter("echo status=$?")
        shell.until("status=0")
