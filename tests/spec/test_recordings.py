"""The blocks of the chapter on recordings, which are beside the clone, in a script."""

from __future__ import annotations

import re

from tests.spec import sessions
from tests.spec.chapters import Chapter

CHAPTER = Chapter("record-replay.md")
PRELUDE = """
import os, pandas, tempfile
from websockets.sync.client import connect
from zefnb import *
os.chdir(tempfile.mkdtemp())
room = ET.Topic('room')
server = FX.StartHTTPServer(
    routes={'/ws': ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room])}, port=0
) | run
"""
EVENING = """
with connect(f'ws://127.0.0.1:{server.port}/ws') as client:
    for number in range(30):
        client.send(f'message {number}')
        client.recv(timeout=20)
import time
while tape[-1].kind != 'disconnected':
    time.sleep(0.01)
"""
CHECKS = """
assert len(tape) == 32, len(tape)
assert [row.content for row in tape][1:-1] == [f'message {number}' for number in range(30)]
assert list(pandas.DataFrame(tape).columns) == ['time', 'kind', 'topic', 'channel_id', 'path', 'user', 'content']
FX.StopHTTPServer(server=server) | run
print('and it holds')
"""


def recording_cells() -> list[str]:
    (block,) = [block for block in CHAPTER.blocks if "FX.StartRecording" in block]
    code = re.sub(r"^\.\.\.$", lambda _: EVENING, block, flags=re.MULTILINE)
    assert code != block
    return [PRELUDE, code, CHECKS]


def test_the_block_on_recordings_runs(tmp_path):
    CHAPTER.require()
    assert "and it holds" in sessions.run_script(recording_cells(), tmp_path)


REPLAY_PRELUDE = """
import pandas
from zefnb import *
room, feed = ET.Topic('room'), ET.Topic('feed')
tape = FX.StartRecording(topics=[room]) | run
FX.PublishAll(target=room, contents=['a', b'b', {'c': 1}]) | run
FX.StopRecording(recording=tape) | run
df = pandas.DataFrame({
    'measured_at': pandas.date_range('2026-01-01', periods=4, freq='s'), 'celsius': [20.0, 20.5, 21.0, 21.5]
})
numbers = iter(range(1000))
def reading(): return {'reading': next(numbers)}
heard = FX.StartRecording(topics=[room, feed]) | run
replay = FX.StartReplay(source=[1, 2], target=ET.Topic('other'), rate=0.001) | run
"""
REPLAY_CHECKS = """
import time
def contents(topic, key):
    return [row.content for row in heard if row.topic == topic and (key is None or key in row.content)]
deadline = time.monotonic() + 60
while len(contents(room, None)) < 3 or len(contents(feed, 'reading')) < 2 or len(contents(feed, 'celsius')) < 9:
    assert time.monotonic() < deadline, list(heard)
    time.sleep(0.01)
assert contents(room, None) == ['a', b'b', {'c': 1}]
assert contents(feed, 'reading')[:2] == [{'reading': 0}, {'reading': 1}]
assert replay not in FX.ListReplays() | run
print('and it holds')
"""


def replay_cells() -> list[str]:
    (block,) = [block for block in CHAPTER.blocks if "FX.StartReplay" in block]
    return [REPLAY_PRELUDE, block, REPLAY_CHECKS]


def test_the_block_on_replays_runs(tmp_path):
    CHAPTER.require()
    assert "and it holds" in sessions.run_script(replay_cells(), tmp_path)
