"""`ET.FromDirectory`: the files of a directory, and nothing outside it."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.net.conftest import journal
from tests.net.wire import Wire
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect
from zefnb.net.http.directory import INDEX, find, parts_of
from zefnb.net.http.opened_file import OpenedFile
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.response import Refusal
from zefnb.net.http.route_kinds import Directory

SECRET = "must not be served"
# The contents of the files that may be served.
INSIDE = (b"<h1>home</h1>", "grüße".encode(), b"sub", b"x")
Raw = Callable[..., Wire]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with files, beside files that must not be served."""
    made = tmp_path / "site"
    (made / "sub" / "deep").mkdir(parents=True)
    (made / "empty").mkdir()
    (made / INDEX).write_text("<h1>home</h1>")
    (made / "a.txt").write_text("grüße")
    (made / "digits").write_bytes(b"0123456789")
    (made / "with space.md").write_text("# space")
    (made / "grüße.html").write_text("umlaut")
    (made / "sub" / INDEX).write_text("sub")
    (made / "sub" / "deep" / "x.js").write_text("x")
    (made / "data.csv.gz").write_bytes(gzip.compress(b"a,b"))
    (made / ".well-known").mkdir()
    (made / ".well-known" / "file").write_text("known")
    # Hidden, outside, or linked to the outside.
    (made / ".env").write_text(SECRET)
    (made / ".git").mkdir()
    (made / ".git" / "config").write_text(SECRET)
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "site-2").mkdir()
    (tmp_path / "site-2" / "secret.txt").write_text(SECRET)
    (made / "link-out").symlink_to(tmp_path / "secret.txt")
    (made / "folder-out").symlink_to(tmp_path)
    (made / "up").symlink_to("..")
    (made / "link-hidden").symlink_to(".env")
    (made / "loop").symlink_to("loop")
    (made / "link-in").symlink_to("sub")
    os.mkfifo(made / "pipe")
    return made


@pytest.fixture
def server(serve: Any, site: Path) -> Any:
    return serve({"/site/{path...}": ET.FromDirectory(path=site), "/page": "page"})


@pytest.fixture
def ask(server: Any) -> Any:
    """`ask('/site/a.txt')`: the response."""

    def request(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, f"http://127.0.0.1:{server.port}{path}", headers=given, timeout=30)

    return request


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/site/", "text/html; charset=utf-8", "<h1>home</h1>"),
        ("/site/index.html", "text/html; charset=utf-8", "<h1>home</h1>"),
        ("/site/a.txt", "text/plain; charset=utf-8", "grüße"),
        ("/site/digits", "application/octet-stream", "0123456789"),
        ("/site/with%20space.md", "text/markdown; charset=utf-8", "# space"),
        ("/site/gr%C3%BC%C3%9Fe.html", "text/html; charset=utf-8", "umlaut"),
        ("/site/sub/", "text/html; charset=utf-8", "sub"),
        ("/site/sub/deep/x.js", "text/javascript; charset=utf-8", "x"),
        ("/site/link-in/", "text/html; charset=utf-8", "sub"),
        ("/site/link-in/deep/x.js", "text/javascript; charset=utf-8", "x"),
        ("/site/.well-known/file", "application/octet-stream", "known"),
        ("/site/a.txt?query=1", "text/plain; charset=utf-8", "grüße"),
    ],
)
def test_a_file_is_served_with_its_type(ask: Any, path: str, kind: str, text: str):
    answer = ask(path)
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, kind, text)
    assert answer.headers["x-content-type-options"] == "nosniff"
    head = ask(path, "HEAD")
    same = ("content-type", "content-length", "etag", "last-modified", "accept-ranges")
    assert [head.headers[name] for name in same] == [answer.headers[name] for name in same]
    assert head.content == b""


def test_a_compressed_file_is_served_as_it_is(ask: Any):
    answer = ask("/site/data.csv.gz")
    assert answer.headers["content-type"] == "application/gzip"
    assert gzip.decompress(answer.content) == b"a,b"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/site", "/site/"),
        ("/site/sub", "/site/sub/"),
        ("/site/sub?a=1&b=%20", "/site/sub/?a=1&b=%20"),
        ("/site/link-in", "/site/link-in/"),
    ],
)
def test_a_directory_without_a_slash_is_redirected(ask: Any, path: str, location: str):
    for method in ("GET", "HEAD"):
        answer = ask(path, method)
        assert (answer.status_code, answer.headers["location"]) == (307, location)


@pytest.mark.parametrize(
    "path",
    [
        *("/site/nothing", "/site/empty/", "/site/empty", "/site/a.txt/", "/site/sub/deep", "/site/sub/deep/"),
        *("/site/.env", "/site/.git/config", "/site/.git/", "/site/link-hidden", "/site/link-out", "/site/folder-out"),
        *("/site/folder-out/secret.txt", "/site/up/secret.txt", "/site/loop", "/site/pipe"),
        *("/site/../secret.txt", "/site/%2e%2e/secret.txt", "/site/..%2fsecret.txt", "/site/%252e%252e/secret.txt"),
        *(
            "/site/..%5csecret.txt",
            "/site/a.txt%00",
            "/site/%00",
            "/site//a.txt",
            "/site/./a.txt",
            "/site/sub/../a.txt",
        ),
        *("/site/" + "x" * 5_000, "/site/" + "x/" * 2_000, "/site/%ff", "/site/%ed%a0%80", "/site-2/secret.txt"),
        "/site/sub/" + "%2e%2e/" * 9 + "etc/passwd",
    ],
)
def test_what_is_not_a_file_below_the_directory_is_404(server: Any, raw: Raw, path: str):
    wire = raw(server, None)
    wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    status, _, body = wire.read_response()
    assert status == 404, body
    assert journal("error") == []


def test_files_of_the_root_of_a_server(serve: Any, site: Path):
    server = serve({"/{path...}": ET.FromDirectory(path=str(site)), "/page": "page"})
    url = f"http://127.0.0.1:{server.port}"
    assert httpx.get(f"{url}/").text == "<h1>home</h1>"
    assert httpx.get(f"{url}/page").text == "page"
    assert httpx.get(f"{url}/sub").headers["location"] == "/sub/"
    assert httpx.get(f"{url}//example.com").status_code == 404


def test_a_file_that_changes_has_another_version(ask: Any, site: Path):
    first = ask("/site/a.txt").headers["etag"]
    assert ask("/site/a.txt", if_none_match=first).status_code == 304
    (site / "a.txt").write_text("another text")
    changed = ask("/site/a.txt", if_none_match=first)
    assert (changed.status_code, changed.text) == (200, "another text")
    assert ask("/site/a.txt", if_modified_since=changed.headers["last-modified"]).status_code == 304
    assert ask("/site/a.txt", if_match='"other"').status_code == 412


@pytest.mark.parametrize(
    ("given", "status", "content", "place"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=9-100", 206, b"9", "bytes 9-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=", 200, b"0123456789", None),
        ("bytes=" + "9" * 100 + "-", 200, b"0123456789", None),
    ],
)
def test_a_range_is_served(ask: Any, given: str, status: int, content: bytes, place: str | None):
    answer = ask("/site/digits", range=given)
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, content, place)
    head = ask("/site/digits", "HEAD", range=given)
    assert (head.status_code, head.headers["content-length"]) == (200, "10")


def test_a_range_of_another_version_is_not_served(ask: Any):
    tag = ask("/site/digits").headers["etag"]
    assert ask("/site/digits", range="bytes=1-2", if_range=tag).status_code == 206
    assert ask("/site/digits", range="bytes=1-2", if_range='"other"').content == b"0123456789"
    assert ask("/site/digits", range="bytes=1-2", if_range=f"W/{tag}").status_code == 200


def test_a_long_file_arrives_whole_for_many_clients(ask: Any, site: Path):
    content = random.Random(1).randbytes(3_000_001)
    (site / "long").write_bytes(content)
    received: list[bytes] = []
    threads = [threading.Thread(target=lambda: received.append(ask("/site/long").content)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert received == [content] * 8


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts the descriptors of /proc")
def test_no_descriptor_stays_open(ask: Any, server: Any, site: Path, raw: Raw, until: Any):
    (site / "long").write_bytes(b"x" * 20_000_000)

    def descriptors() -> int:
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return sum(os.path.realpath(link).startswith(str(site)) for link in links)

    tag = ask("/site/digits").headers["etag"]
    for path in ("/site/", "/site/sub", "/site/a.txt", "/site/a.txt/", "/site/link-out", "/site/pipe", "/site/empty/"):
        ask(path)
        ask(path, "HEAD")
    ask("/site/digits", if_none_match=tag)
    ask("/site/digits", range="bytes=50-")
    wire = raw(server, None, receive_buffer=65_536)
    wire.send(b"GET /site/long HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wire.read_until(b"xxx")
    wire.close()
    until(lambda: descriptors() == 0)


def test_other_methods_get_405(ask: Any):
    assert ask("/site/a.txt", "POST").status_code == 405
    assert ask("/site/a.txt", "DELETE").headers["allow"] == "GET, HEAD"


def test_a_directory_may_be_made_later(serve: Any, tmp_path: Path):
    server = serve({"/site/{path...}": ET.FromDirectory(path=tmp_path / "later")})
    url = f"http://127.0.0.1:{server.port}/site/a.txt"
    assert httpx.get(url).status_code == 404
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.txt").write_text("made")
    assert httpx.get(url).text == "made"


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        ("/site", {"path": "site"}, "'/site/{path...}'"),
        ("/site/{name}", {"path": "site"}, "{path...}"),
        (("POST", "/site/{path...}"), {"path": "site"}, "GET"),
        ("/site/{path...}", {}, "missing"),
        ("/site/{path...}", {"path": 5}, "the path of a directory"),
        ("/site/{path...}", {"path": ""}, "the path of a directory"),
        ("/site/{path...}", {"path": "a\0b"}, "the path of a directory"),
        ("/site/{path...}", {"path": "site", "paths": "x"}, "unknown field"),
    ],
)
def test_a_mistake_is_reported_with_its_route_and_field(key: Any, fields: dict[str, Any], words: str):
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes={key: ET.FromDirectory(**fields)}, port=0) | run
    assert words in str(caught.value)
    assert repr(key) in str(caught.value)


# Paths that attack

STEPS = [
    *(
        "..",
        ".",
        "",
        "%2e%2e",
        "%2E%2e",
        ".%2e",
        "%252e%252e",
        "%25252e%25252e",
        "..%00",
        "%00",
        "..;",
        "..%3b",
        "...",
        "~",
    ),
    *("%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%u002e%u002e", "%uff0e", "．．", "%ef%bc%8e%ef%bc%8e", "..%20", "%20.."),
    *(
        "sub",
        "link-in",
        "folder-out",
        "up",
        "link-out",
        "link-hidden",
        ".git",
        ".env",
        "config",
        "secret.txt",
        "site-2",
    ),
    *("C:", "c%3a", "\\\\server\\share", "%5c%5c", "..%5c..", "..\\..", "CON", "a.txt::$DATA", "SECRET~1.TXT", "site"),
    *("etc", "passwd", "site-2", "a.txt", "index.html"),
]
SEPARATORS = ["/", "/", "/", "//", "%2f", "%252f", "%5c", "\\", "/./", "%c0%af", "%ef%bc%8f", ";/", "?/", "%00/"]


def attacks(count: int) -> list[str]:
    chance = random.Random(14)
    made = []
    for _ in range(count):
        path = "/site/"
        for _ in range(chance.randint(1, 7)):
            path += chance.choice(STEPS) + chance.choice(SEPARATORS)
        path += chance.choice(["", "secret.txt", "link-out", ".env", "etc/passwd", "config", "proc/self/environ"])
        made.append(path)
    return made


def test_none_of_ten_thousand_paths_reaches_a_file_outside(site: Path):
    directory, statuses = Directory(str(site), "path"), set()
    for attack in attacks(10_000):
        # As uvicorn decodes a path.
        path = unquote(attack.partition("?")[0])
        try:
            response = find(directory, RequestHead("GET", path, "", {}), path.removeprefix("/site/").rstrip("/"))
        except Refusal as refusal:
            statuses.add(refusal.status)
            continue
        statuses.add(response.status_code)
        if isinstance(response, OpenedFile):
            assert response.read(0, 1_000) in INSIDE, attack
            asyncio.run(response.close())
    assert statuses == {200, 307, 404}


def test_none_of_these_paths_reaches_a_file_outside_over_http(server: Any, raw: Raw):
    wire, statuses = raw(server, None), set()
    for path in attacks(500):
        wire.send(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        status, headers, body = wire.read_response()
        statuses.add(status)
        assert status in (307, 400, 404) or body in INSIDE, path
        if headers.get("connection") == "close":
            wire.close()
            wire = raw(server, None)
    assert {200, 404} <= statuses <= {200, 307, 400, 404}
    assert journal("error") == []


def test_a_link_that_is_made_meanwhile_leads_nowhere(server: Any, raw: Raw, site: Path, tmp_path: Path):
    """A folder is replaced by a link to the outside, and back, while its file is requested."""
    folder, away, link = site / "swapped", site / "away", site / "link"
    folder.mkdir()
    (folder / "secret.txt").write_text("inside")
    link.symlink_to(tmp_path)
    ended = threading.Event()
    bodies = set()

    def swap() -> None:
        while not ended.is_set():
            folder.rename(away)
            link.rename(folder)
            folder.rename(link)
            away.rename(folder)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        wire = raw(server, None)
        for _ in range(500):
            wire.send(b"GET /site/swapped/secret.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
            bodies.add(wire.read_response()[2])
    finally:
        ended.set()
        swapper.join()
    assert bodies <= {b"inside", b"404 Not Found\n"}


@pytest.mark.parametrize(
    "name", ["CON", "con.txt", "COM1", "lpt¹.x", "a:b", "a.", "a ", "a?", "a*", "C:", "NUL ", "x::$DATA"]
)
def test_names_that_windows_reads_otherwise_are_not_served_there(monkeypatch: pytest.MonkeyPatch, name: str):
    assert parts_of(name) == (name,)
    monkeypatch.setattr("zefnb.net.http.directory._IS_WINDOWS", True)
    with pytest.raises(ValueError, match=re.escape(name)):
        parts_of(name)


def test_a_file_is_opened_below_its_directory_where_folders_have_no_descriptors(
    ask: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("zefnb.net.http.directory._HAS_DIR_FD", False)
    assert ask("/site/a.txt").text == "grüße"
    assert ask("/site/").text == "<h1>home</h1>"
    assert ask("/site/sub").status_code == 307
    assert [ask(path).status_code for path in ("/site/link-out", "/site/up/secret.txt", "/site/.env")] == [404] * 3
