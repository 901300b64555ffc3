"""`%zef` and `%%zef`, each subcommand, in a real kernel and in a real terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest
from websockets.sync.client import connect

from tests.cli.browser import wait_for
from tests.cli.processes import Terminal, needs_tmux, terminal
from tests.net.client.outsider import Outsider
from tests.notebook.kernel import Kernel
from zefnb import errors
from zefnb.notebook.command_line.command import unknown
from zefnb.notebook.command_line.line import LineError, expanded, pieces, whole, words
from zefnb.notebook.magics import SUBCOMMANDS, command


@pytest.fixture(scope="module")
def shared() -> Iterator[Kernel]:
    started = Kernel()
    started.run("%load_ext zefnb\nfrom zefnb import *\nheard = []")
    yield started
    started.close()


@pytest.fixture
def kernel(shared: Kernel) -> Iterator[Kernel]:
    yield shared
    shared.run("%zef stop --all")
    shared.run("for name in ('chat', 'room', 'x'):\n    %zef off {name}")
    shared.run("heard.clear()")


def fetched(url: str) -> str:
    return build_opener(ProxyHandler({})).open(url).read().decode()


def listen(kernel: Kernel, topic: str) -> None:
    kernel.run(f"FX.SubscribeFX(topic=ET.Topic({topic!r}), op=lambda m: heard.append(m)) | run", f"listen {topic}")


# What every subcommand has


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help(kernel, name):
    done = kernel.run(f"%zef {name} -h")
    assert done.error is None
    assert f"zef {name}" in done.text
    assert "-h, --help" in done.text
    assert command(name).name == name


def test_the_list_of_subcommands_is_the_folder():
    folder = Path(command.__code__.co_filename).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__", "overview"} == set(SUBCOMMANDS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%zef pubish chat hi", "no subcommand 'pubish' (%zef -h lists them); did you mean 'publish'?"),
        ("%zef start ws", "'ws' is not a path; write '/ws'"),
        ("%zef start /ws --port 99999 --topic chat", "'99999' is not a port; give a number from 0 to 65535"),
        ("%zef start /ws --colour red --topic chat", "unrecognized arguments: --colour red"),
        ("%zef start /ws", "the route has no topic or actor: give --topic"),
        ("%zef start /ws --actor nobody", "--actor nobody is not an FX.StartActor"),
        ("%zef start /ws --name 1a --topic chat", "--name 1a is not a name"),
        ("%zef start /ws --topic", "argument --topic: expected one argument"),
        ("%zef stop", "no server is running; `%zef start` starts one"),
        ("%zef stop nobody", "nobody is not a server; give the name of a variable"),
        ("%zef publish", "the following arguments are required: topic"),
        ("%zef publish chat", "the message is missing"),
        ("%zef publish chat {undefined}", "{undefined}: NameError"),
        ("%zef publish chat --json {{", "this is not JSON"),
        ("%zef kick one", "'one' is not a whole number from 0"),
        ("%zef kick 3", "no server is running; `%zef start` starts one"),
        ("%zef send 3", "the message is missing"),
        ("%zef clients nobody/ws", "nobody is not a server; give the name of a variable"),
        ("%zef watch /nowhere", "/nowhere is not a WebSocket route; routes: none"),
        ("%zef log --level loud", "invalid choice: 'loud'"),
        ("%zef tail", "the following arguments are required: topic"),
        ("%zef connect ftp://example/ws --in a", "ws://host/path or wss://host/path"),
        ("%zef connect ws://127.0.0.1:9/ws", "a topic is missing: give --in"),
        ("%zef connect ws://127.0.0.1:9/ws --in a", "127.0.0.1:9"),
        ("%zef connect ws://127.0.0.1:9/ws --in a --header hush", 'this is not a header; write "Name: value"'),
        ("%zef connect ws://127.0.0.1:9/ws --in a --header 'X Y: hush'", "a name is not valid for a header"),
        ("%zef off chat", "no cell is subscribed to chat; topics with such a cell: none"),
        ("%zef page /", "page needs a cell: write %%zef page"),
        ("%%zef\nx", "the subcommand is missing: %%zef page"),
        ("%%zef stop\nx", "stop needs a line: write %zef stop"),
        ("%%zef on\nx", "the following arguments are required: topic"),
        ("%%zef publish chat too much\nx", "the message is the cell"),
        ("%%zef publish chat --json\n{", "this is not JSON"),
        ("%%zef on chat\nif:", "line 1 of the cell: invalid syntax"),
        ("%zef actors nobody", "nobody is not an actor; give the name of a variable"),
    ],
)
def test_a_mistake_is_one_line_without_a_traceback(kernel, line, said):
    done = kernel.run(line)
    assert done.error is None
    assert said in done.text
    assert len(done.text.splitlines()) == 1, done.text
    assert done.streams[0][0] == "stderr"


# Servers


def test_start_returns_a_handle_and_the_server_passes_messages_on(kernel):
    done = kernel.run("s = %zef start /ws --port 0 --topic chat\ns")
    assert "running" in done.result["text/plain"]
    with connect(f"ws://127.0.0.1:{kernel.value('s.port')}/ws", proxy=None) as client:
        client.send("hello")
        assert client.recv(timeout=20) == "hello"
        kernel.run("%zef publish chat to everybody")
        assert client.recv(timeout=20) == "to everybody"
        rows = kernel.run("%zef clients").result
        assert "127.0.0.1" in rows["text/html"]
        assert kernel.value("(get_ipython().run_line_magic('zef', 'clients /ws'))[0]['received']") == 1
        kernel.run("%zef send 0 just you")
        assert client.recv(timeout=20) == "just you"
        kernel.run("%zef kick 0 be nice")
        with pytest.raises(Exception, match="be nice"):
            client.recv(timeout=20)


def test_start_binds_a_name_and_keeps_the_port_when_its_cell_runs_again(kernel):
    kernel.run("%zef start /ws --port 0 --topic chat --name mine", "A")
    port = kernel.value("mine.port")
    again = kernel.run("%zef start /ws --port 0 --topic chat --name mine", "A")
    assert "replaced the server" in again.text
    assert kernel.value("mine.port") == port


def test_start_separates_incoming_and_outgoing_messages(kernel):
    listen(kernel, "room")
    listen(kernel, "hall")
    started = "s = %zef start /ws --port 0 --in room --in hall --out chat --out news"
    assert kernel.run(started).error is None
    with connect(f"ws://127.0.0.1:{kernel.value('s.port')}/ws", proxy=None) as client:
        client.send("hello")
        kernel.until(lambda: kernel.value("heard") == ["hello", "hello"])
        for topic in ("chat", "news"):
            kernel.run(f"%zef publish {topic} from {topic}")
            assert client.recv(timeout=20) == f"from {topic}"


def test_a_port_used_by_another_zefnb_server_is_reported_with_advice(kernel):
    port = kernel.value("(get_ipython().run_line_magic('zef', 'start /ws --port 0 --topic chat')).port")
    said = kernel.run(f"%zef start /ws --port {port} --topic chat").text
    assert said.startswith(f"zef start: port {port} is held by ET.HTTPServer(")
    assert said.endswith("; stop it, or add --restart to replace it\n")
    assert kernel.run(f"again = %zef start /ws --port {port} --topic chat --restart").text == ""
    assert kernel.value("[len(FX.QueryAllActiveHTTPServers() | run), again.port]") == [1, port]


def test_start_listens_in_the_network_only_with_external(kernel):
    kernel.run("a = %zef start /a --port 0 --topic chat")
    kernel.run("b = %zef start /b --port 0 --topic chat --external")
    assert kernel.value("[row['allow_external_requests'] for row in FX.QueryAllActiveHTTPServers() | run]") == [
        False,
        True,
    ]


def test_start_accepts_an_actor_by_its_name(kernel):
    kernel.run("rules = {(String, Any): lambda m, s: [[FX.Print(content=f'heard {m}')], s]}")
    started = kernel.run("a = %zef start /a --port 0 --actor rules", "A")
    with connect(f"ws://127.0.0.1:{kernel.value('a.port')}/a", proxy=None) as client:
        client.send("you")
        kernel.until(lambda: "heard you" in started.text)


def test_url_shows_and_returns_the_link(kernel):
    kernel.run("s = %zef start /ws --port 0 --topic chat")
    port = kernel.value("s.port")
    kernel.run("u = %zef url /ws\nv = %zef url s")
    assert kernel.value("[str(u), str(v)]") == [f"ws://localhost:{port}/ws", f"http://localhost:{port}/"]
    assert "<a href=" in kernel.run("%zef url").result["text/html"]


def test_with_several_servers_one_must_be_named(kernel):
    kernel.run("a = %zef start /ws --port 0 --topic chat\nb = %zef start /ws --port 0 --topic chat")
    assert "2 servers are running; name one of them, or its port" in kernel.run("%zef url").text
    kernel.run(f"u = %zef url {kernel.value('b.port')}")
    assert str(kernel.value("b.port")) in kernel.value("str(u)")


def test_server_and_path_can_be_one_word_or_two(kernel):
    kernel.run("a = %zef start /ws --port 0 --topic chat\nb = %zef start /other --port 0 --topic chat")
    a, b = kernel.value("[a.port, b.port]")
    for line, url in (
        ("a/ws", f"ws://localhost:{a}/ws"),
        ("/ws a", f"ws://localhost:{a}/ws"),
        ("b /other", f"ws://localhost:{b}/other"),
        (f"{b}/page", f"http://localhost:{b}/page"),
        ("{b}", f"http://localhost:{b}/"),
        ("{a.port}/ws", f"ws://localhost:{a}/ws"),
    ):
        assert kernel.value(f"str(get_ipython().run_line_magic('zef', 'url {line}'))") == url
    with connect(f"ws://127.0.0.1:{b}/other", proxy=None):
        rows = "[row['path'] for row in get_ipython().run_line_magic('zef', 'clients {}')]"
        for what, paths in (("", ["/other"]), ("/other", ["/other"]), ("b/other", ["/other"]), ("a/ws", []), ("a", [])):
            assert kernel.value(rows.format(what)) == paths
    assert "/other is not a WebSocket route; routes: /ws" in kernel.run("%zef watch a/other").text


def test_the_board_shows_everything_that_runs(kernel):
    kernel.run("s = %zef start /ws --port 0 --topic chat")
    listen(kernel, "room")
    shown = kernel.run("%zef").result
    assert f"ws://localhost:{kernel.value('s.port')}/ws" in shown["text/html"]
    assert "room" in shown["text/html"]
    assert "1 server, 0 clients" in shown["text/plain"]
    assert kernel.value("get_ipython().run_line_magic('zef', '')['servers'][0]['port'] == s.port")


# Messages


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
def test_a_value_is_published_unchanged_whatever_it_looks_like(kernel, trick, form):
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


def test_page_serves_the_cell_starts_a_server_and_updates_with_clients_connected(kernel):
    first = kernel.run("%%zef page / --port 0\n<h1>{one}</h1>", "page")
    url = first.result["text/plain"]
    assert fetched(url) == "<h1>{one}</h1>\n"
    kernel.run("s = FX.QueryAllActiveHTTPServers() | run\ns = s[0]['server']")
    kernel.run("value = ET.WebSocket(clients_subscribe_to=[ET.Topic('chat')])")
    kernel.run("change = [ET.InsertIn(path=['routes', '/ws'], value=value)]")
    kernel.run("FX.UpdateRunningHTTPServer(server=s, delta=change) | run")
    with connect(url.replace("http", "ws") + "ws", proxy=None) as client:
        again = kernel.run("%%zef page / --port 0\n<h1>two</h1>", "page")
        assert again.text.startswith("updated the page / on port")
        assert fetched(url) == "<h1>two</h1>\n"
        kernel.run("%zef publish chat still here")
        assert client.recv(timeout=20) == "still here"


@pytest.mark.parametrize(
    ("made", "kind", "count"),
    [
        ("FX.StartTimer(interval=60, target=ET.Topic('x'), content=1)", "timer", "len(FX.ListTimers() | run)"),
        ("FX.StartActor(initial_state=0, handler=print)", "actor", "len(FX.ListActors() | run)"),
        (
            "FX.SubscribeFX(topic=ET.Topic('x'), op=print)",
            "subscription",
            "len([b for b in FX.StreamGraphSnapshot() | run if b['kind'] == 'subscription'])",
        ),
    ],
)
def test_stop_stops_anything_reports_it_and_completes_its_name(kernel, made, kind, count):
    kernel.run("FX.StartTimer(interval=60, target=ET.Topic('y'), content=1)")
    before = kernel.value(count)
    kernel.run(f"what_runs = {made} | run", f"made {kind}")
    assert kernel.value(count) == before + 1
    assert kernel.complete("%zef stop what_r") == ["%zef stop what_runs"]
    assert kernel.run("%zef stop what_runs").text == f"stopped the {kind} what_runs\n"
    assert kernel.value(count) == before
    assert kernel.run("%zef stop what_runs").text == f"the {kind} what_runs has already been stopped\n"


@pytest.mark.parametrize("ended_by", ["%zef stop gone", "FX.StopHTTPServer(server=gone) | run"])
def test_stop_says_that_a_server_has_already_been_stopped(kernel, ended_by):
    kernel.run("gone = FX.StartHTTPServer(routes={'/': 'x'}, port=0) | run")
    kernel.run(ended_by)
    port = kernel.value("gone.port")
    assert kernel.run("%zef stop gone").text == f"the server on port {port} has already been stopped\n"


def test_stop_says_that_an_outward_client_has_already_been_stopped(kernel):
    kernel.run(
        "s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[ET.Topic('x')])}, port=0) | run"
    )
    kernel.run("c = FX.StartWebSocketClient(url=f'ws://127.0.0.1:{s.port}/ws', in_stream_into=[ET.Topic('x')]) | run")
    assert kernel.run("%zef stop c").text == "stopped the outward client c\n"
    assert kernel.run("%zef stop c").text == "the outward client c has already been stopped\n"


def test_stop_reports_names_that_it_cannot_stop(kernel):
    kernel.run("effect = FX.StartTimer(interval=60, target=ET.Topic('x'), content=1)")
    assert "nothing has run yet" in kernel.run("%zef stop effect").text
    assert "is not a server; give the name of a variable" in kernel.run("%zef stop heard").text


SERVER = "s = FX.StartHTTPServer(routes={{'/other': '{text}'}}, port=0) | run"


def test_a_page_survives_that_the_cell_of_its_server_runs_again(kernel):
    kernel.run(SERVER.format(text="one"), "server")
    url = kernel.run("%%zef page /\n<h1>here</h1>", "page").result["text/plain"]
    assert "replaced" in kernel.run(SERVER.format(text="two"), "server").text
    assert fetched(url) == "<h1>here</h1>\n"
    assert fetched(f"{url}other") == "two"
    kernel.run(SERVER.format(text="three"), "server")
    assert fetched(url) == "<h1>here</h1>\n"


def test_a_page_is_replaced_by_a_route_of_the_cell_and_by_its_removal(kernel):
    kernel.run(SERVER.format(text="one"), "server")
    url = kernel.run("%%zef page /\n<h1>here</h1>", "page").result["text/plain"]
    kernel.run("s = FX.StartHTTPServer(routes={'/': 'mine'}, port=0) | run", "server")
    assert fetched(url) == "mine"
    kernel.run("%%zef page /second\nhere", "second")
    kernel.run("FX.UpdateRunningHTTPServer(server=s, delta=[ET.RemoveIn(path=['routes', '/second'])]) | run")
    kernel.run(SERVER.format(text="two"), "server")
    with pytest.raises(HTTPError, match="404"):
        fetched(f"{url}second")


def test_connect_sends_headers_whose_secrets_are_variables(kernel):
    server = Outsider()
    kernel.run("key = 'a:secret --all'")
    line = f'%zef connect ws://127.0.0.1:{server.port}/ws --in room -H "X-Api-Key: $key" --header "X-Plain: b c"'
    done = kernel.run(f"c = {line}")
    assert done.error is None
    (request,) = server.requests
    assert (request.headers["X-Api-Key"], request.headers["X-Plain"]) == ("a:secret --all", "b c")
    assert "secret" not in done.text
    kernel.run("FX.StopWebSocketClient(client=c) | run")
    server.end()


def test_connect_brings_messages_in(kernel):
    listen(kernel, "room")
    kernel.run("s = %zef start /ws --port 0 --topic chat")
    shown = kernel.run("c = %zef connect ws://127.0.0.1:{s.port}/ws --in room\nc")
    assert "connected" in shown.result["text/plain"]
    board = kernel.value("get_ipython().run_line_magic('zef', '')['outward']")
    assert [(row["url"], row["state"]) for row in board] == [
        (f"ws://127.0.0.1:{kernel.value('s.port')}/ws", "connected")
    ]
    kernel.run("%zef publish chat over the wire")
    kernel.until(lambda: kernel.value("heard") == ["over the wire"])
    kernel.run("%zef stop c")
    assert "not running" in kernel.run("c").result["text/plain"]


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


def test_doctor_says_how_links_are_made(kernel):
    assert "Links are made by: " in kernel.run("%zef doctor", within=60).text


# The line


def test_quotes_and_braces_group_words():
    assert [piece.raw for piece in pieces("a 'b c' {d + 'e f'} g'h {not : one}")] == [
        "a", "'b c'", "{d + 'e f'}", "g'h", "{not", ":", "one}",
    ]  # fmt: skip


def test_a_single_reference_is_the_object_and_within_text_its_text():
    topic = object()
    assert words("{x} $x", {"x": topic})[0].value is topic
    assert words("{None}", {})[0].value is None
    assert expanded("a{x}b$x$y", {"x": 1}) == "a1b1$y"
    assert whole(' "one two" ', {}) == "one two"
    for text, meant in (
        ("{x:.2f}", "1.00"),
        ("{x!r:>4}", "   1"),
        ("{y:.2f}", "{y:.2f}"),
        ("{x: }", "{x: }"),
        ('{"x":1}', '{"x":1}'),
        ("{{x}} and {{y z}}", "{x} and {y z}"),
        ("$$x and $x", "$x and 1"),
        ("{{'a': x}}", {"a": 1}),
        ("{[x, {'b': {2: 3}}[\"b\"]]}", [1, {2: 3}]),
    ):
        assert whole(text, {"x": 1}).value == meant
    with pytest.raises(LineError, match="ZeroDivisionError"):
        expanded("{1/0}", {})


# A terminal


@pytest.fixture(scope="module")
def ipython() -> Iterator[Terminal]:
    with terminal(110, 40) as opened:
        opened.enter(f"{sys.executable} -m IPython --no-banner --HistoryManager.enabled=False")
        opened.until("In [1]:", 30)
        opened.enter("%load_ext zefnb")
        opened.enter("from zefnb import *")
        opened.until("In [3]:")
        yield opened


@pytest.fixture
def screen(ipython: Terminal) -> Terminal:
    ipython.press("C-c")
    ipython.enter("clear")
    wait_for(lambda: not any("Out" in line for line in ipython.lines()))
    return ipython


@needs_tmux
def test_in_a_terminal_tables_are_drawn_and_errors_are_one_line(screen):
    screen.enter("s = %zef start /ws --port 0 --topic chat")
    screen.enter("s")
    screen.until("WebSocket, 0 clients")
    screen.enter("%zef")
    screen.until("accepted")
    screen.enter("%zef start ws")
    lines = screen.until("is not a path; write '/ws'")
    assert not any("Traceback" in line for line in lines)


@needs_tmux
def test_in_a_terminal_output_of_handlers_does_not_damage_the_prompt(screen):
    screen.enter("op = FX.SubscribeFX(topic=ET.Topic('t'), op=lambda m: print('heard', 1 / m)) | run")
    screen.enter("timer = FX.StartTimer(interval=0.3, target=ET.Topic('t'), content=2) | run")
    screen.until("heard 0.5")
    screen.type("half_typed = 41")
    heard = sum("heard" in line for line in screen.lines())

    def after_more_prints():
        lines = screen.lines()
        # Now and then the prompt is not there, since it is being drawn anew.
        is_whole = any("half_typed" in line for line in lines)
        return is_whole and sum("heard" in line for line in lines) > heard + 1 and lines

    lines = wait_for(after_more_prints)
    assert [line for line in lines if "half_typed" in line][-1].endswith(": half_typed = 41")
    assert all(line == "heard 0.5" for line in lines if line.startswith("heard"))
    screen.enter(" + 1")
    screen.enter("FX.StopTimer(timer=timer) | run")
    screen.enter("print(half_typed, 'it is')")
    screen.until("42 it is")
    screen.enter("FX.Publish(target=ET.Topic('t'), content=0) | run")
    screen.until("ZeroDivisionError: division by zero  %zef faults shows the traceback")


@needs_tmux
def test_in_a_terminal_tail_prints_until_ctrl_c(screen):
    screen.enter("tick = FX.StartTimer(interval=0.1, target=ET.Topic('tick'), content='tock') | run")
    screen.enter("%zef tail tick")
    wait_for(lambda: sum(line.endswith("  tock") for line in screen.lines()) > 2)
    screen.press("C-c")
    screen.enter("FX.StopTimer(timer=tick) | run")
    screen.until("ET.Success()")
    screen.enter("print([b for b in FX.StreamGraphSnapshot() | run if b['source'] == ET.Topic('tick')], 'are left')")
    screen.until("[] are left")


@needs_tmux
def test_in_a_terminal_the_same_line_again_replaces(screen):
    for _ in range(2):
        screen.enter("again = %zef start /ws --port 0 --topic chat")
    screen.until("replaced the server on port")


def test_a_hint_is_computed_when_it_is_shown_and_not_for_a_long_name(monkeypatch: pytest.MonkeyPatch):
    compared: list[str] = []
    monkeypatch.setattr(errors.difflib, "get_close_matches", lambda name, *_, **__: compared.append(name) or ["stop"])
    error = unknown("stpo", ["stop", "start"])
    assert compared == []
    assert "did you mean 'stop'?" in str(error)
    assert compared == ["stpo"]
    assert len(str(unknown("x" * 100_000, ["stop"]))) < 200
    assert compared == ["stpo"]
