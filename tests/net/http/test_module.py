"""The module `/zef.js`, which each server serves: its response, its size and the functions in it."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

import zefnb.net.http
from zefnb import ET

STATIC = Path(zefnb.net.http.__file__).parent / "static"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def in_node(script: str, given: object = None) -> Any:
    """The value of `script`, an expression over `given` and `zef`, the module."""
    program = (
        f"const zef = await import({json.dumps((STATIC / 'zef.js').as_uri())}); const given = {json.dumps(given)};"
    )
    program += f"console.log(JSON.stringify({script}));"
    command = ["node", "--input-type=module", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_every_server_serves_the_module_with_its_type_and_version(serve: Any, topic: Any):
    server = serve({"/ws": ET.WebSocket(clients_push_into_=[topic])})
    url = f"http://localhost:{server.port}/zef.js"
    response = httpx.get(url)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.content == (STATIC / "zef.js").read_bytes()
    again = httpx.get(url, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(url)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", response.headers["etag"])
    assert httpx.post(url).status_code == 405


def test_a_page_of_another_origin_on_this_machine_can_import_the_module(serve: Any):
    response = httpx.get(
        f"http://localhost:{serve({'/': 'hello'}).port}/zef.js", headers={"origin": "http://localhost:8888"}
    )
    assert response.headers["access-control-allow-origin"] == "http://localhost:8888"


def test_a_route_of_the_program_at_that_path_comes_first(serve: Any):
    assert httpx.get(f"http://localhost:{serve({'/zef.js': 'mine'}).port}/zef.js").text == "mine"
    only_post = serve({("POST", "/zef.js"): "mine"})
    assert httpx.post(f"http://localhost:{only_post.port}/zef.js").text == "mine"
    assert httpx.get(f"http://localhost:{only_post.port}/zef.js").status_code == 405


def test_a_route_with_variables_does_not_hide_the_module(serve: Any):
    server = serve({"/{name}": "mine"})
    assert httpx.get(f"http://localhost:{server.port}/zef.js").headers["content-type"].startswith("text/javascript")
    assert httpx.get(f"http://localhost:{server.port}/zef.jsx").text == "mine"


def test_the_module_needs_no_login(serve: Any):
    server = serve({"/": "hello"}, auth={"ada": "correct horse"})
    assert httpx.get(f"http://localhost:{server.port}/").status_code == 401
    assert httpx.get(f"http://localhost:{server.port}/zef.js").status_code == 200


def test_the_module_is_smaller_than_4_kb_compressed_and_imports_nothing():
    source = (STATIC / "zef.js").read_bytes()
    assert len(gzip.compress(source)) < 4_000
    assert not re.search(rb"^\s*import\b|\bimport\(|\brequire\(", source, re.MULTILINE)


@needs_node
def test_the_declarations_name_what_the_module_has():
    declared = (STATIC / "zef.d.ts").read_text()
    fields = in_node(
        "(globalThis.WebSocket = class { close() {} }, globalThis.document = {},"
        "(c => (c.close(), [...Object.keys(c), ...Object.getOwnPropertyNames(Object.getPrototypeOf(c))]))"
        "(zef.connect('ws', { base: 'http://localhost/' })))"
    )
    body = re.search(r"interface Connection \{(.*?)\n\}", declared, re.S)
    assert body is not None
    assert set(re.findall(r"^  (?:readonly )?(\w+)[:(]", body[1], re.M)) == set(fields) - {"constructor"}


@needs_node
def test_the_pause_before_an_attempt_is_random_below_a_bound_that_doubles_to_30_seconds():
    bounds = in_node("[0, 1, 2, 3, 4, 5, 6, 50, 2000].map((attempt) => zef.pauseBefore(attempt, () => 1))")
    assert bounds == [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]
    assert in_node("[0, 5].map((attempt) => zef.pauseBefore(attempt, () => 0))") == [0, 0]


@needs_node
def test_2000_pages_that_lose_the_server_at_once_come_back_spread_over_the_pause():
    for attempt, bound in ((0, 1_000), (3, 8_000)):
        pauses = in_node(f"Array.from({{ length: 2000 }}, () => zef.pauseBefore({attempt}))")
        tenths = [0] * 10
        for pause in pauses:
            tenths[int(pause / bound * 10)] += 1
        # A tenth of the time has 200 pages; 300 is more than seven standard deviations away.
        assert max(tenths) < 300


@needs_node
@pytest.mark.parametrize(
    ("path", "base", "url"),
    [
        ("ws", "http://localhost:8000/zef.js", "ws://localhost:8000/ws"),
        ("/ws", "http://localhost:8000/zef.js", "ws://localhost:8000/ws"),
        ("room/1?a=b", "https://hub.example/user/ada/proxy/8000/zef.js", "wss://hub.example/user/ada/proxy/8000/room/1?a=b"),
        ("/ws", "https://hub.example/user/ada/proxy/8000/zef.js", "wss://hub.example/user/ada/proxy/8000/ws"),
        ("wss://other.example/ws", "http://localhost:8000/zef.js", "wss://other.example/ws"),
        ("https://other.example/ws#part", "http://localhost:8000/zef.js", "wss://other.example/ws"),
    ],
)  # fmt: skip
def test_a_path_belongs_to_the_server_of_the_module(path: str, base: str, url: str):
    assert in_node("zef.addressOf(...given).href", [path, base]) == url


@needs_node
def test_text_and_json_become_messages_as_the_page_gave_them():
    given = ["hello", "[not json", "{}", "[1, 2]", '  {"a": null}', "5", "true", "", "\0hidden", "\0"]
    assert in_node("given.map((text) => zef.decode(zef.encode(text)))", given) == [
        *["hello", "[not json", {}, [1, 2], {"a": None}, "5", "true", "", "\0hidden", "\0"]
    ]
    values = [{"a": [1, None]}, [], 5, True, None]
    assert in_node("given.map((value) => zef.encode(value))", values) == ['{"a":[1,null]}', "[]", "5", "true", "null"]


@needs_node
def test_binary_messages_are_copied_and_values_without_json_are_refused():
    script = "((bytes) => { const sent = zef.encode(bytes.subarray(1)); bytes.fill(9); return [...sent] })"
    assert in_node(f"{script}(new Uint8Array([1, 2, 3]))") == [2, 3]
    assert in_node("[...zef.decode(new Uint8Array([7]).buffer)]") == [7]
    assert in_node("(() => { try { zef.encode(undefined) } catch (error) { return error.name } })()") == "TypeError"
