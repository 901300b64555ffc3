"""The tables and widgets of `%zef`, in a real kernel."""

from __future__ import annotations

from urllib.error import HTTPError

import pytest

from tests.notebook.magics.fetched import fetched
from tests.notebook.magics.listener import listen


def test_the_access_log_is_shown_and_watched(kernel):
    routes = "{'/': 'hello', '/bad': lambda request: 1 / 0}"
    kernel.run(f"logged = FX.StartHTTPServer(routes={routes}, port=0, logging=True) | run")
    port = kernel.value("logged.port")
    assert fetched(f"http://127.0.0.1:{port}/") == "hello"
    with pytest.raises(HTTPError):
        fetched(f"http://127.0.0.1:{port}/bad")
    shown = kernel.run("%zef log --access").result
    assert shown["text/plain"].split("\n")[0].split() == ["time", "address", "method", "path", "status", "took"]
    assert "/bad" in shown["text/html"]
    assert "division by zero" in kernel.run("%zef faults").result["text/plain"]
    assert "2 requests, as of" in kernel.run("%zef watch access").result["text/plain"]


def test_client_and_watch_are_widgets_with_a_text_form_for_other_front_ends(kernel):
    kernel.run("s = %zef start /ws --port 0 --topic chat")
    for line in ("%zef client /ws", "%zef watch s/ws"):
        shown = kernel.run(line, line)
        assert shown.error is None
        assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} <= set(shown.result)
        assert len(kernel.run(line, line).text.splitlines()) == 1
    assert "/nowhere is not a WebSocket route; routes: /ws" in kernel.run("%zef client /nowhere").text


@pytest.mark.parametrize("line", ["%zef client /ws", "%zef watch s/ws", "%zef tail chat"])
def test_a_replaced_widget_leaves_nothing_in_the_kernel(kernel, line):
    kernel.run("s = %zef start /ws --port 0 --topic chat\nfrom ipywidgets.widgets.widget import _instances")
    count = [kernel.run(line, line) and kernel.value("len(_instances)") for _ in range(3)]
    assert count == [count[0]] * 3


def test_topics_actors_and_log_return_rows(kernel):
    listen(kernel, "room")
    kernel.run("a = FX.StartActor(initial_state=41, handler=lambda m, s: [[], s + 1]) | run")
    kernel.run("%zef publish a go")
    kernel.run("FX.Log(content='for the log', level='warning') | run")
    for level, found in (("info", True), ("warning", True), ("error", False)):
        kernel.run(f"w = %zef log --level {level}")
        assert kernel.value("'for the log' in [entry['message'] for entry in w]") is found
    kernel.run("t = %zef topics\nr = %zef actors\nl = %zef log -n 1\ng = %zef topics --graph")
    assert kernel.value("'room' in [row['name'] for row in t] and len(r) == 1 and len(l) <= 1 and len(g) >= 2")
    kernel.until(lambda: kernel.value("get_ipython().run_line_magic('zef', 'actors a')") == 42)
    kernel.run("%zef stop a")


def test_doctor_shows_how_links_are_made(kernel):
    assert "Links are made by: " in kernel.run("%zef doctor", within=60).text
