"""`%zef start`, `url` and `stop`, in a real kernel."""

from __future__ import annotations

import pytest
from websockets.sync.client import connect

from tests.notebook.magics.listener import listen


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


def test_the_url_of_a_page_of_parts_is_that_of_a_page(kernel):
    kernel.run("s = FX.StartHTTPServer(routes={'/poll': ET.Page(parts=[])}, port=0) | run")
    url = f"http://localhost:{kernel.value('s.port')}/poll"
    kernel.run("u = %zef url /poll\nfound = get_ipython().run_line_magic('zef', '')['endpoints']")
    assert kernel.value("[str(u), found[0]['url'], found[0]['mode']]") == [url, url, "page"]
    assert "/poll is not a WebSocket route" in kernel.run("%zef client /poll").text


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


@pytest.mark.parametrize(
    ("made", "kind", "count"),
    [
        ("FX.StartTimer(interval=60, target=ET.Topic('x'), content=1)", "timer", "len(FX.ListTimers() | run)"),
        ("FX.StartReplay(source=[1, 2], target=ET.Topic('x'), rate=0.001)", "replay", "len(FX.ListReplays() | run)"),
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
