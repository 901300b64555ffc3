"""`%zef publish`, `on` and `tail`, and the values in a line, in a real kernel."""

from __future__ import annotations

import pytest
from websockets.sync.client import connect

from tests.notebook.magics.listener import listen


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%zef publish room don't panic, {smile: }", "don't panic, {smile: }"),
        ("%zef publish room 'in quotes'", "in quotes"),
        ("%zef publish room {1 + 1} and $who", "2 and Ada"),
        ("%zef publish room {dict(n=[1])}", {"n": [1]}),
        ("%zef publish room {{'n': 1}}", {"n": 1}),
        ("%zef publish room $data", [1, 2]),
        ('%zef publish room --json {"n": null}', {"n": None}),
        ('%zef publish --json room [1, "x"]', [1, "x"]),
        ("%zef publish theroom by its name", "by its name"),
        ("%zef publish {theroom} by value", "by value"),
        ("%zef publish room -5 degrees", "-5 degrees"),
        ("%%zef publish room\ntwo\nlines {1}", "two\nlines {1}"),
        ('%%zef publish room --json\n{"a":\n 1}', {"a": 1}),
    ],
)
def test_publish_accepts_text_and_values(kernel, line, message):
    kernel.run("who, data, theroom = 'Ada', [1, 2], ET.Topic('room')")
    listen(kernel, "room")
    done = kernel.run(line)
    assert (done.text, done.error, done.result) == ("", None, {})
    kernel.until(lambda: kernel.value("heard") == [message])


# What a value looks like, which may come from a client, and what it must not become.
TRICKS = ["admin", "--all", "--json", "-h", "--", "'quoted'", "two words", "{1 + 1}", "$who", "", "a\nb", "8000", "/ws"]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("form", ["{said}", "$said"])
def test_a_value_is_published_unchanged_whatever_its_text(kernel, trick, form):
    kernel.run(f"who, admin, said = 'Ada', ET.Topic('admins'), {trick!r}")
    listen(kernel, "room")
    listen(kernel, "admins")
    done = kernel.run(f"%zef publish room {form}")
    assert (done.text, done.error) == ("", None)
    kernel.until(lambda: kernel.value("heard") == [trick])


@pytest.mark.parametrize("trick", [trick for trick in TRICKS if trick])
@pytest.mark.parametrize("line", ["publish {said} hello", "publish $said {word}"])
def test_a_value_in_place_of_a_topic_is_its_name_and_never_a_variable(kernel, trick, line):
    kernel.run(f"word, who, admin, said = 'hello', 'Ada', ET.Topic('admins'), {trick!r}")
    kernel.run("FX.SubscribeFX(topic=ET.Topic(said), op=lambda m: heard.append(m)) | run", "listen to said")
    kernel.run("FX.SubscribeFX(topic=admin, op=lambda m: heard.append('to the admins')) | run", "listen to admin")
    done = kernel.run(f"%zef {line}")
    assert (done.text, done.error) == ("", None)
    kernel.until(lambda: kernel.value("heard") == ["hello"])


@pytest.mark.parametrize("line", ["stop {said}", "stop $said", "kick {said}", "send {said} hi", "url {said}"])
@pytest.mark.parametrize("trick", ["--all", "server", "-h", "server/ws"])
def test_a_text_value_never_selects_a_variable_or_a_server(kernel, line, trick):
    kernel.run("server = %zef start /ws --port 0 --topic chat")
    kernel.run("other = %zef start /ws --port 0 --topic chat")
    kernel.run(f"said = {trick!r}")
    done = kernel.run(f"%zef {line}")
    assert done.error is None
    assert len(done.text.splitlines()) == 1, done.text
    assert "usage:" not in done.text
    assert kernel.value("len(FX.QueryAllActiveHTTPServers() | run)") == 2


def test_the_value_of_an_option_is_never_parsed_again(kernel):
    kernel.run("admin, said, where = ET.Topic('admins'), 'admin', ET.Topic('elsewhere')")
    for name in ("admin", "admins", "elsewhere"):
        kernel.run(f"FX.SubscribeFX(topic=ET.Topic({name!r}), op=lambda m: heard.append({name!r})) | run", name)
    kernel.run("s = %zef start /ws --port {0} --in={said} --in {where} --out=$said")
    with connect(f"ws://127.0.0.1:{kernel.value('s.port')}/ws", proxy=None) as client:
        client.send("hello")
        assert client.recv(timeout=20) == "hello"
        kernel.until(lambda: kernel.value("sorted(heard)") == ["admin", "elsewhere"])


def test_objects_reach_the_command_unchanged(kernel):
    kernel.run("room, message = ET.Topic('room'), {'n': [1]}")
    listen(kernel, "room")
    kernel.run("%zef publish {room} {message}")
    kernel.until(lambda: kernel.value("heard") == [{"n": [1]}])
    kernel.run("servers = [get_ipython().run_line_magic('zef', 'start /ws --port 0 --topic chat') for _ in range(1)]")
    assert "stopped the server" in kernel.run("%zef stop {servers[0]}").text


def test_an_error_in_an_expression_is_one_line_without_control_characters(kernel):
    kernel.run("def wrong(): raise ValueError('two\\nlines \\x1b[31mred')")
    done = kernel.run("%zef publish room {wrong()}")
    assert done.text == "zef publish: {wrong()}: ValueError: two lines \\x1b[31mred\n"
    kernel.run("said = '\\x1b]0;title\\x07'")
    assert "\x1b" not in kernel.run("%zef stop {said}").text


def test_in_a_function_local_names_have_their_values(kernel):
    listen(kernel, "room")
    kernel.run("n = 'outer'\ndef say(n):\n    %zef publish room {n} and $n\nsay('inner')\n%zef publish room $n")
    kernel.until(lambda: kernel.value("heard") == ["inner and inner", "outer"])


def test_on_runs_the_cell_for_each_message_among_the_users_names(kernel):
    kernel.run("total = 0")
    kernel.run("%%zef on x\ntotal += msg\nprint('now', total)", "on")
    cell = kernel.run("%%zef on x\ntotal += msg\nprint('sum', total)", "on")
    assert "replaced the subscription" in cell.text
    for number in (1, 2, 3):
        kernel.run(f"%zef publish x {{{number}}}")
    kernel.until(lambda: cell.text.endswith("sum 1\nsum 3\nsum 6\n"))
    assert kernel.value("(total, 'msg' in globals())") == (6, False)
    kernel.run("%zef off x")
    kernel.run("%zef publish x {1}")
    assert kernel.value("total") == 6


def test_on_performs_the_effect_that_its_last_line_returns(kernel):
    listen(kernel, "room")
    kernel.run("%%zef on x\nFX.Publish(target=ET.Topic('room'), content=msg * 2)", "on")
    kernel.run("%zef publish x ab")
    kernel.until(lambda: kernel.value("heard") == ["abab"])


def test_on_can_await(kernel):
    cell = kernel.run("%%zef on x\nimport asyncio\nawait asyncio.sleep(0)\nprint('awaited', msg)", "on")
    assert cell.error is None
    kernel.run("%zef publish x yes")
    kernel.until(lambda: cell.text == "awaited yes\n")


def test_an_error_in_on_is_shown_under_it_and_the_traceback_names_the_line(kernel):
    cell = kernel.run("%%zef on x\na = 1\na / msg", "on")
    kernel.run("%zef publish x {0}")
    kernel.until(lambda: "ZeroDivisionError" in cell.text)
    assert "%%zef on x" in cell.text
    assert "a / msg" in kernel.run("%zef faults").result["text/plain"]


def test_tail_shows_a_live_list(kernel):
    shown = kernel.run("tail = %zef tail room\ntail", "tail")
    assert {"application/vnd.jupyter.widget-view+json", "text/html"} <= set(shown.result)
    assert shown.result["text/plain"] == "the messages of room, live"
    kernel.run("%zef publish room <b>hello</b>")
    kernel.until(lambda: kernel.value("'&lt;b&gt;hello' in tail.value"))
