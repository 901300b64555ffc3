"""Output of handlers in a real kernel: it appears under the cell that started them."""

from __future__ import annotations

import time
from collections import Counter
from urllib.request import ProxyHandler, build_opener

from websockets.sync.client import connect

from tests.notebook.kernel import Kernel
from zefnb.core.time import Time
from zefnb.engine.journal import Entry
from zefnb.notebook.output.output import Faults

SERVER = """
import asyncio
@zef_function
def plain(message, state):
    print("plain", message)
    return [[FX.Print(content=f"effect {message}")], state]
@zef_function
async def awaited(message, state):
    await asyncio.sleep(0)
    print("awaited", message)
    return [[], state]
@zef_function(inline=True)
def inline(message, state):
    print("inline", message)
    return [[], state]
@zef_function
def bad(message, state):
    raise ValueError("no good")
@zef_function
def page(request):
    print("page", request.path)
    return "ok"
rules = {("p", Any): plain, ("a", Any): awaited, ("i", Any): inline, ("bad", Any): bad}
actor = FX.StartActor(initial_state=0, rules=rules)
server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor), "/page": page}, port=0) | run
"""


def say(kernel: Kernel, *messages: str) -> None:
    port = kernel.value("server.port")
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        for message in messages:
            client.send(message)


def test_prints_of_every_kind_of_handler_are_under_the_cell_that_started_the_server(kernel):
    started, other = kernel.run(SERVER, "S"), kernel.run("print('other')", "O")
    say(kernel, "p", "a", "i")
    port = kernel.value("server.port")
    build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/page").read()
    expected = {"plain p", "effect p", "awaited a", "inline i", "page /page"}
    kernel.until(lambda: expected <= set(started.text.splitlines()))
    assert other.text == "other\n"


def test_output_appears_under_the_new_execution_of_its_cell(kernel):
    first = kernel.run(SERVER, "S")
    again = kernel.run(SERVER, "S")
    say(kernel, "p")
    kernel.until(lambda: "effect p" in again.text)
    assert first.text == ""


def test_output_appears_there_also_when_the_new_execution_started_nothing(kernel):
    code = "if 'server' not in globals():\n" + "".join(f"    {line}\n" for line in SERVER.splitlines())
    kernel.run("globals().pop('server', None)")
    first, again = kernel.run(code, "once"), kernel.run(code, "once")
    say(kernel, "p")
    kernel.until(lambda: "effect p" in again.text)
    assert "plain" not in first.text


def test_output_of_a_handler_is_separate_from_that_of_a_running_cell(kernel):
    started = kernel.run(SERVER, "S")
    port = kernel.value("server.port")
    busy = kernel.start("import time\nfor n in range(60): print('busy', n); time.sleep(0.02)")
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        for _ in range(100):
            client.send("p")
    kernel.until(lambda: busy.idle and started.text.count("effect p") == 100)
    assert busy.text == "".join(f"busy {n}\n" for n in range(60))
    assert started.text.count("plain p") == 100


def test_an_actor_that_an_actor_started_shares_its_cell(kernel):
    code = """
@zef_function
def child(message, state):
    print("child", message)
    return [[], state]
@zef_function
def parent(message, state):
    return [[FX.StartActor(input=ET.Topic("inner"), initial_state=0, handler=child)], state]
actor = FX.StartActor(input=ET.Topic("outer"), initial_state=0, handler=parent) | run
"""
    started = kernel.run(code, "P")
    kernel.run("FX.Publish(target=ET.Topic('outer'), content=0) | run")
    kernel.until(lambda: kernel.value("len(FX.ListActors() | run)") == 2)
    kernel.run("FX.Publish(target=ET.Topic('inner'), content=1) | run")
    kernel.until(lambda: started.text == "child 1\n")


def test_the_op_log_and_a_timers_listener_print_under_their_cell(kernel):
    listening = kernel.run("FX.SubscribeFX(topic=ET.Topic('tick'), op=log) | run", "L")
    kernel.run("FX.StartTimer(interval=0.05, target=ET.Topic('tick'), content='tock') | run", "T")
    kernel.until(lambda: listening.text.count("tock") >= 3)


EVERYTHING = (
    SERVER
    + """
def broken(message): raise KeyError("not there")
FX.SubscribeFX(topic=ET.Topic("news"), op=log) | run
FX.SubscribeFX(topic=ET.Topic("news"), op=lambda m: FX.Print(content=["printed", m])) | run
FX.SubscribeFX(topic=ET.Topic("news"), op=broken) | run
FX.MapTopic(source=ET.Topic("news"), target=ET.Topic("more"), op=lambda m: print("mapped", m) or m) | run
"""
)
SAID = (
    "plain p",
    "effect p",
    "awaited a",
    "inline i",
    "no good",
    "said",
    "['printed', 'said']",
    "not there",
    "mapped said",
)


def say_everything(kernel: Kernel) -> None:
    say(kernel, "p", "a", "i", "bad")
    kernel.run("FX.Publish(target=ET.Topic('news'), content='said') | run")


def test_prints_logs_and_errors_follow_their_cell_from_execution_to_execution(kernel):
    runs = []
    for _ in range(3):
        runs.append(kernel.run(EVERYTHING, "E"))
        say_everything(kernel)
        kernel.until(lambda: all(text in runs[-1].text for text in SAID))
    kernel.quiet(0.3)
    for run in runs:
        assert all(run.text.count(text) == 1 for text in SAID if text != "said"), run.text


def test_after_a_reload_of_the_page_all_output_is_in_the_widget(alone):
    kernel = alone
    started = kernel.run(EVERYTHING, "E")
    kernel.new_page()
    say_everything(kernel)
    kernel.until(lambda: any(all(text in shown for text in SAID) for shown in kernel.widget_texts))
    assert started.text == ""


def test_prints_and_errors_are_in_the_servers_log(kernel):
    kernel.run(SERVER, "S")
    say(kernel, "p", "bad")
    query = "[entry['message'] for entry in FX.QueryLog(server=server) | run]"
    kernel.until(lambda: "handler bad: ValueError: no good" in kernel.value(query))
    assert {"plain p", "effect p"} <= set(kernel.value(query))


def test_an_error_is_one_line_on_stderr_that_names_the_handler_and_repeats_are_counted(kernel):
    started = kernel.run(SERVER, "S")
    say(kernel, *["bad"] * 120)
    kernel.until(lambda: "(x120" in kernel.run("%zef faults").result["text/plain"])
    kernel.until(lambda: "(x100)" in started.text)
    kernel.quiet(0.5)
    errors = "".join(text for name, text in started.streams if name == "stderr")
    faults = [line for line in errors.splitlines() if "no good" in line]
    assert len(faults) == 3
    assert all(line.startswith("handler bad: ValueError: no good") for line in faults)
    assert "%zef faults" in faults[0]
    shown = kernel.run("%zef faults").result["text/plain"]
    assert "Traceback" in shown


def test_lines_of_two_handlers_do_not_mix(kernel):
    code = """
@zef_function
def talk(message, state):
    for n in range(300): print("line", n, "of", message, "ends")
    return [[], state]
for who in range(6):
    FX.StartActor(input=ET.Topic("everyone"), initial_state=0, handler=talk) | run
"""
    started = kernel.run(code, "T")
    kernel.run("import sys; sys.setswitchinterval(1e-6)\nFX.Publish(target=ET.Topic('everyone'), content='it') | run")
    kernel.until(lambda: started.text.count("ends") == 6 * 300, within=30)
    kernel.run("sys.setswitchinterval(0.005)")
    assert Counter(started.text.splitlines()) == {f"line {n} of it ends": 6 for n in range(300)}


def test_an_unfinished_line_is_shown_as_it_is(kernel):
    code = """
@zef_function
def dot(message, state):
    print(message, end="")
    return [[], state]
actor = FX.StartActor(input=ET.Topic("dots"), initial_state=0, handler=dot) | run
"""
    started = kernel.run(code, "D")
    for n in range(1, 4):
        kernel.run("FX.Publish(target=ET.Topic('dots'), content='.') | run")
        kernel.until(lambda wanted="." * n: started.text == wanted)


def test_text_that_cannot_be_encoded_loses_nothing_else(kernel):
    code = """
@zef_function
def half(message, state):
    print("half a pair: \\ud800", message)
    print("and on", end="")
    return [[], state]
actor = FX.StartActor(input=ET.Topic("half"), initial_state=0, handler=half) | run
"""
    started = kernel.run(code, "H")
    for n in (1, 2):
        kernel.run(f"FX.Publish(target=ET.Topic('half'), content={n}) | run")
        kernel.until(lambda n=n: started.text.count("and on") == n)
    assert started.text.startswith("half a pair: \\ud800 1\nand on")


def test_an_unfinished_line_in_the_log_does_not_mix_with_others(kernel):
    code = """
@zef_function
def begin(message, state):
    print("begun by one", end="")
    return [[], state]
@zef_function
def other(message, state):
    print("said by the other")
    return [[], state]
FX.StartActor(input=ET.Topic("begin"), initial_state=0, handler=begin) | run
FX.StartActor(input=ET.Topic("other"), initial_state=0, handler=other) | run
"""
    kernel.run(code, "L")
    for topic in ("begin", "other"):
        kernel.run(f"FX.Publish(target=ET.Topic({topic!r}), content=1) | run")
    query = "[entry['message'] for entry in FX.QueryLog() | run]"
    kernel.until(lambda: "said by the other" in kernel.value(query))


def test_a_flood_of_prints_is_cut_and_says_where_the_rest_is(kernel):
    code = """
@zef_function
def flood(message, state):
    for n in range(30_000): print("line", n)
    return [[], state]
actor = FX.StartActor(input=ET.Topic("flood"), initial_state=0, handler=flood) | run
"""
    started = kernel.run(code, "F")
    kernel.run("FX.Publish(target=ET.Topic('flood'), content=0) | run")
    kernel.until(lambda: "line 29999\n" in started.text, within=30)


def test_after_a_reload_a_page_receives_output_through_a_widget(alone):
    kernel = alone
    started = kernel.run(SERVER, "S")
    assert any("application/vnd.jupyter.widget-view+json" in shown for shown in started.displays)
    say(kernel, "p")
    kernel.until(lambda: "effect p" in started.text)
    before = started.text
    kernel.new_page()
    say(kernel, "p")
    kernel.until(lambda: any("effect p" in text for text in kernel.widget_texts))
    assert started.text == before


def test_errors_of_many_handlers_at_once_are_bounded():
    shown: list[str] = []
    faults = Faults(lambda cell, text: shown.append(text), lambda: "see there")
    for number in range(1_000):
        faults.on_entry(Entry(Time.now(), "error", f"handler {number}: broken", traceback="…"))
    assert 5 <= len(shown) <= 15


def test_the_line_after_a_flood_gives_the_number_of_omitted_lines(monkeypatch):
    shown: list[str] = []
    faults = Faults(lambda cell, text: shown.append(text), lambda: "")
    for number in range(100):
        faults.on_entry(Entry(Time.now(), "error", f"handler {number}: broken"))
    told = len(shown)
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    faults.on_entry(Entry(Time.now(), "error", "one more"))
    assert f"(and {100 - told} others meanwhile)" in shown[-1]


def test_control_characters_of_an_error_are_escaped():
    shown: list[str] = []
    Faults(lambda cell, text: shown.append(text), lambda: "").on_entry(Entry(Time.now(), "error", "x\x1b[2J\ny"))
    assert shown == ["x[2J y\n"]
