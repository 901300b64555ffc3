"""The blocks of the chapter on pages that zefnb has, in a script, in IPython and in a Jupyter kernel.

The chapter lies beside the clone, in `../shared/spec/page.md`, and is not part of it.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.spec import sessions

CHAPTER = sessions.ROOT.parent / "shared" / "spec" / "page.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", CHAPTER.read_text(), re.S | re.M) if CHAPTER.exists() else []

PRELUDE = """
from websockets.sync.client import connect
from zefnb import *
room = ET.Topic('room')
"""
LATE_JOINERS = """
server = FX.StartHTTPServer(routes=routes, port=0) | run
url = f'ws://127.0.0.1:{server.port}/ws'
messages = [f'message {number}' for number in range(60)]
with connect(url) as early:
    for message in messages:
        FX.Publish(target=room, content=message) | run
    assert [early.recv(timeout=20) for _ in messages] == messages
    with connect(url) as late:
        early.send('hello')
        assert [late.recv(timeout=20) for _ in range(51)] == [*messages[-50:], 'hello']
FX.StopHTTPServer(server=server) | run
print('and it holds')
"""
CONVERSATION = """
import json, time
seen = []
FX.SubscribeFX(topic=room, op=seen.append) | run
server = FX.StartHTTPServer(routes=routes, port=0) | run
url = f'ws://127.0.0.1:{server.port}/ws'
with connect(url) as one, connect(url) as two:
    one.send('{"vote": "tea"}')
    two.send('"coffee"')
    from_two, from_one = json.loads(one.recv(timeout=20)), json.loads(two.recv(timeout=20))
    assert (from_one['content'], from_two['content']) == ({'vote': 'tea'}, 'coffee')
    while len(seen) < 2:
        time.sleep(0.01)
    assert {each.channel_id: each.content for each in seen} == {0: {'vote': 'tea'}, 1: 'coffee'}
FX.StopHTTPServer(server=server) | run
print('and it holds')
"""
PARTS = """
import json, re, urllib.request
answers, more = ET.Topic('answers'), ET.Topic('more')
"""
PAGE = """
document = urllib.request.urlopen('http://127.0.0.1:8000/').read().decode()
kinds = ['Markdown', 'Choice', 'Bars', 'Chart', 'Value', 'Form', 'Table', 'Chat', 'Button']
assert re.findall('data-kind="(.*?)" data-part', document) == kinds
with connect('ws://127.0.0.1:8000/') as one:
    assert json.loads(one.recv(timeout=20))['state']['2'] == []
    one.send(json.dumps({'visitor': re.findall('zef-visitor" content="(.*?)"', document)}))
    one.send(json.dumps({'part': 1, 'number': 'one', 'value': 'tea'}))
    one.send(json.dumps({'part': 1, 'number': 'two', 'value': 'tea'}))
    replies = []
    while not any('update' in reply for reply in replies):
        replies.append(json.loads(one.recv(timeout=20)))
    assert replies[-1]['update'] == {'2': [['tea', 1]]}
FX.StopHTTPServer(server=server) | run
print('and it holds')
"""

OTHER_WAYS_PRELUDE = """
import pathlib
from zefnb import *
feed, hooks = ET.Topic('feed'), ET.Topic('hooks')
pathlib.Path('site').mkdir()
pathlib.Path('site/index.html').write_text('home')
def answer_in_pieces(request):
    yield from ['a', 'b', 'c']
def vote(request):
    return [[FX.Publish(target=feed, content='voted')], 'counted']
"""
OTHER_WAYS = """
import time, urllib.request
hooked = []
FX.SubscribeFX(topic=hooks, op=hooked.append) | run
server = FX.StartHTTPServer(routes=routes, port=0) | run
url = f'http://127.0.0.1:{server.port}'
def get(path, data=None, **headers):
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=20) as response:
        return response.status, response.read().decode()
assert get('/vote') == (200, 'counted')
with urllib.request.urlopen(url + '/events', timeout=20) as events:
    assert next(line for line in events if line.startswith(b'data')) == b'data: voted\\n'
    get('/vote')
    assert next(line for line in events if line.startswith(b'data')) == b'data: voted\\n'
assert get('/hook', b'{"a": 1}', **{'Content-Type': 'application/json'}) == (204, '')
while not hooked:
    time.sleep(0.01)
assert hooked == [{'a': 1}]
assert get('/tokens') == (200, 'abc')
assert get('/site/') == get('/site') == get('/site/index.html') == (200, 'home')
FX.StopHTTPServer(server=server) | run
print('and it holds')
"""


@pytest.fixture(autouse=True)
def chapter() -> None:
    if not CHAPTER.exists():
        text = f"LEFT OUT: the chapter is not there, no block of it was run: {CHAPTER}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


# For each block: a piece of its text, the cells before it, and the one after it.
CASES = {
    "late joiners": ("history=50", [PRELUDE], LATE_JOINERS),
    "a conversation in JSON": ("sender=True", [PRELUDE], CONVERSATION),
    "pages from parts": ("ET.Page(", [PRELUDE, PARTS], PAGE),
    "other ways in and out": ("ET.EventStream", [OTHER_WAYS_PRELUDE], OTHER_WAYS),
}


def cells_of(name: str) -> list[str]:
    """The cells of a case. They run in a directory that has no other files."""
    known_by, before, after = CASES[name]
    [block] = [block for block in BLOCKS if known_by in block]
    return [*before, block, after]


@pytest.mark.parametrize("kind", sessions.EACH_KIND)
@pytest.mark.parametrize("name", CASES)
def test_a_block_about_pages_runs_unchanged(name: str, kind: str, port_8000, tmp_path):
    place = f"import os\nos.chdir({str(tmp_path)!r})"
    printed = sessions.KINDS[kind]([place, *cells_of(name)], tmp_path)
    assert printed.splitlines()[-1] == "and it holds", printed
    assert "Traceback" not in printed, printed
