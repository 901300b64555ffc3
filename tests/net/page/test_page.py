"""A page as a whole: its document, its policy, its connection, and its replacement while pages are open."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from typing import Any

import httpx
from websockets.asyncio.client import connect as connect_async

from tests.net.conftest import inside, on_loop
from tests.net.wire import frame, handshake
from zefnb import ET, FX, generate_uid, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.page.feeds import Feeds
from zefnb.topics.hub import Hub

POLL = 500


def get(server: Any, path: str = "/", **options: Any) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}", timeout=20, **options)


def test_the_document_is_whole_and_its_policy_allows_only_its_own_script(page: Any, topic: Any):
    server = page(ET.Markdown("# Hi"), ET.Chart(topic=topic, y="value"), ET.Chat(topic=topic))
    one, two = get(server), get(server)
    assert len(one.content) < 100_000
    assert not re.search(r"(?:src|href)=\"(?!data:,)", one.text.partition("<script")[0])
    policies = [each.headers["content-security-policy"] for each in (one, two)]
    nonces = [re.findall(r"'nonce-([\w-]+)'", policy) for policy in policies]
    assert nonces[0] != nonces[1]
    assert all(
        re.findall(r'nonce="([^"]*)"', each.text) == nonce for each, nonce in zip((one, two), nonces, strict=True)
    )
    assert "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    assert one.headers["cache-control"] == "no-store"
    assert "set-cookie" not in one.headers


def test_text_of_the_program_is_text_in_the_document(page: Any, serve: Any, topic: Any):
    evil = "</script><script>alert(1)</script>{nonce}{visitor}<!--"
    server = serve(
        {
            "/": ET.Page(
                title=evil,
                parts=[
                    ET.Choice(options=[evil], push_into=topic, label=evil),
                    ET.Markdown(f"{evil} [a](javascript:alert(1)) [b](data:text/html,x) [c](https://example.com)"),
                ],
            )
        }
    )
    document = get(server).text
    assert document.count("<script") == 2
    assert document.count("</script>") == 2
    assert "<!--" not in document
    assert not re.search(r'href="(?!data:,|https://example.com)', document)
    assert 'rel="noopener noreferrer"' in document
    described = json.loads(re.findall(r'id="zef-page">(.*?)</script>', document)[0])
    assert described["parts"][0]["options"] == [evil]


def test_the_connection_has_the_path_of_the_page_and_takes_none_of_the_program(
    serve: Any, visit: Any, connect: Any, topic: Any
):
    room = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    parts = [ET.Value(topic=topic)]
    server = serve({"/": ET.Page(parts=parts), "/poll/{id}": ET.Page(parts=parts), "/ws": room, "/page": "text"})
    plain = connect(server, "/ws")
    first, second = visit(server), visit(server, "/poll/7")
    plain.send("hello")
    for each in (first, second):
        each.until(lambda each=each: each.state["0"] == "hello")
    assert get(server, "/page").text == "text"
    assert get(server, "/poll/7?part=0").status_code == 404


def test_a_module_is_served_to_its_page_alone(page: Any, topic: Any):
    server = page(ET.Markdown("x"), ET.Part(module="export default () => {}", topics=[topic]))
    found = get(server, "/?part=1")
    assert (found.text, found.headers["content-type"]) == ("export default () => {}", "text/javascript; charset=utf-8")
    assert [get(server, f"/?part={part}").status_code for part in ("0", "2", "-1", "x")] == [404] * 4


def test_open_pages_get_another_version_when_the_parts_change(serve: Any, visit: Any, topic: Any):
    server = serve({"/": ET.Page(parts=[ET.Value(topic=topic)])})
    first = visit(server)
    change = [ET.InsertIn(path=["routes", "/"], value=ET.Page(parts=[ET.Value(topic=topic), ET.Markdown("new")]))]
    FX.UpdateRunningHTTPServer(server=server, delta=change) | run
    first.until(lambda: first.version == "")
    assert visit(server).version != first.version


def test_an_equal_page_keeps_its_connections_and_its_version(serve: Any, visit: Any, topic: Any):
    def routes() -> dict[str, Any]:
        return {"/": ET.Page(parts=[ET.Value(topic=topic)])}

    server = serve(routes(), allow_restart=True)
    first = visit(server)
    FX.UpdateRunningHTTPServer(server=server, delta=[ET.InsertIn(path=["routes", "/x"], value="x")]) | run
    FX.Publish(target=topic, content="still here") | run
    first.until(lambda: first.state["0"] == "still here")
    server = serve(routes(), port=server.port, allow_restart=True)
    again = visit(server)
    assert (again.version, again.state) == (first.version, {"0": "still here"})


def test_the_state_of_a_page_ends_with_its_last_server(page: Any, visit: Any, topic: Any):
    server = page(ET.Value(topic=topic), ET.Choice(options=["a"], push_into=topic, once=True))
    visit(server)
    shared = on_loop(lambda: default_runtime().service(Feeds))
    assert len(shared._feeds._used) == 1
    FX.StopHTTPServer(server=server) | run
    assert shared._feeds._used == shared._votes._used == {}
    assert topic not in [each for each, _, _ in on_loop(lambda: default_runtime().service(Hub).bindings())]


def test_many_messages_are_few_for_a_page(page: Any, visit: Any, topic: Any):
    first = visit(page(ET.Bars(topic=topic), ET.Table(topic=topic, last=50)))
    for number in range(2_000):
        FX.Publish(target=topic, content=number % 3) | run
    first.until(lambda: sum(count for _, count in first.state["0"]) == 2_000)
    assert first.state["1"][-50:] == [{"value": number % 3} for number in range(1_950, 2_000)]
    assert len(first.messages) < 500


def test_a_page_of_users_knows_them_and_counts_each_user_once(serve: Any, topic: Any):
    votes = ET.Page(
        parts=[ET.Choice(options=["a", "b"], push_into=topic, once=True), ET.Chat(topic=ET.Topic(generate_uid()))]
    )
    server = serve({"/": votes}, auth={"ada": "pw"})
    origin = f"http://127.0.0.1:{server.port}"

    async def as_ada() -> list[Any]:
        async with httpx.AsyncClient(base_url=origin, timeout=20) as browser:
            await browser.post("/auth/login", data={"name": "ada", "password": "pw"}, headers={"origin": origin})
            cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
        url = f"ws://127.0.0.1:{server.port}/"
        async with connect_async(url, origin=origin, additional_headers={"cookie": cookie}) as client:
            await client.send(json.dumps({"part": 0, "number": secrets.token_hex(8), "value": "a"}))
            await client.send(
                json.dumps({"part": 1, "number": secrets.token_hex(8), "value": {"name": "Eve", "text": "x"}})
            )
            got: list[Any] = []
            while not any("update" in each for each in got):
                got.append(json.loads(await asyncio.wait_for(client.recv(), 20)))
            return got

    first, second = asyncio.run(as_ada()), asyncio.run(as_ada())
    assert first[1]["own"] == {"choices": {"0": None}, "name": "ada"}
    assert second[1]["own"]["choices"] == {"0": "a"}
    assert any("done" in each for each in first)
    assert [each["problems"] for each in second if "refused" in each] == [{"": "You have chosen before."}]
    assert next(each for each in first if "update" in each)["update"]["1"] == [["ada", "x"]]
    assert get(server, headers={"accept": "application/json"}).status_code == 401


def test_a_poll_of_500_pages_counts_each_once_through_reloads(page: Any, visit: Any, topic: Any):
    server = page(ET.Choice(options=["tea", "coffee"], push_into=topic, once=True), ET.Bars(topic=topic))
    options = ["tea", "coffee"]
    handler = on_loop(lambda: inside(server).gate._resources.find("/")[0][1]["GET"].value)
    tokens = []
    for _ in range(POLL):
        response = handler(ET.Request(query_params={}, headers={}, base_url="http://localhost"))
        tokens.append(re.findall(r'zef-visitor" content="([^"]+)"', response.body)[0])
    assert len(set(tokens)) == POLL

    async def vote(number: int, gate: asyncio.Semaphore) -> None:
        for _ in range(1 + (number % 5 == 0)):  # some load the page again
            async with gate:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 20)
                hello = frame(json.dumps({"visitor": [tokens[number]]}))
                value = {"part": 0, "value": options[number % 3 == 0]}
                inputs = [frame(json.dumps({**value, "number": secrets.token_hex(8)})) for _ in range(2)]
                writer.write(handshake("/") + hello + b"".join(inputs))
                # The second input is always refused.
                await asyncio.wait_for(reader.readuntil(b"You have chosen before."), 60)
                writer.close()

    async def everyone() -> None:
        gate = asyncio.Semaphore(100)
        await asyncio.gather(*(vote(number, gate) for number in range(POLL)))

    watcher = visit(server)
    # Debugging would take most of the time here.
    asyncio.run(everyone(), debug=False)
    coffee = len(range(0, POLL, 3))
    watcher.until(lambda: dict(watcher.state["1"]) == {"tea": POLL - coffee, "coffee": coffee})
    assert dict(visit(server).state["1"]) == {"tea": POLL - coffee, "coffee": coffee}
