"""Processes: the effects of a fork, another process and the end of a script on servers and their clients."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest
from websockets.sync.client import connect as open_connection

from tests.spec import sessions
from zefnb import ET, FX, generate_uid, run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_after_fork_the_child_starts_afresh_and_the_parents_server_is_unharmed(tmp_path):
    code = """
import os, sys, time, warnings
warnings.simplefilter('ignore', DeprecationWarning)
from zefnb import *
from websockets.sync.client import connect
t = ET.Topic('t')
def start():
    return FX.StartHTTPServer(
        routes={'/ws': ET.WebSocket(clients_subscribe_to=[t], clients_push_into_=[t])}, port=0) | run
before = sys.getswitchinterval()
server = start()
def talk(port, text):
    with connect(f'ws://127.0.0.1:{port}/ws') as c:
        c.send(text)
        return c.recv(20)
standing = connect(f'ws://127.0.0.1:{server.port}/ws').__enter__()
assert talk(server.port, 'one') == 'one'
assert standing.recv(20) == 'one'
child = os.fork()
if child == 0:
    try:
        assert sys.getswitchinterval() == before
        assert FX.QueryAllActiveHTTPServers() | run == []
        try:
            FX.StopHTTPServer(server=server) | run
        except Exception as error:
            assert 'belongs to another process' in str(error), error
        else:
            raise AssertionError('the parent\\'s handle must not work here')
        mine = start()
        assert talk(mine.port, 'child') == 'child'
        FX.StopHTTPServer(server=mine) | run
    except BaseException:
        import traceback; traceback.print_exc()
        os._exit(1)
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert talk(server.port, 'two') == 'two'
assert standing.recv(20) == 'two'
assert [s['server'] for s in FX.QueryAllActiveHTTPServers() | run] == [server]
standing.close()
FX.StopHTTPServer(server=server) | run
print('all well')
"""
    assert sessions.run_script([code], tmp_path).strip().endswith("all well")


def test_a_handle_unpickled_in_another_process_raises_and_says_so(tmp_path):
    server = FX.StartHTTPServer(routes={"/": "hello"}, port=0) | run
    handles = {"server": server, "timer": ET.Timer(generate_uid()), "actor": ET.Actor(generate_uid())}
    (tmp_path / "handles").write_bytes(pickle.dumps(handles))
    code = f"""
import pathlib, pickle
from zefnb import *
handles = pickle.loads(pathlib.Path({str(tmp_path / "handles")!r}).read_bytes())
print(handles['server'].port == {server.port})
for effect in (FX.StopHTTPServer(server=handles['server']), FX.QueryHTTPServer(server=handles['server']),
               FX.StopTimer(timer=handles['timer']), FX.QueryActorState(actor=handles['actor'])):
    try:
        effect | run
    except Exception as error:
        print(type(error).__name__, 'belongs to another process' in str(error))
"""
    assert sessions.run_script([code], tmp_path).split() == ["True", *(["NotRunning", "True"] * 4)]


def test_a_script_that_ends_with_running_servers_exits_soon_and_clients_get_1001():
    code = (
        "from zefnb import *\n"
        "t = ET.Topic('t')\n"
        "s = [FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[t])}, port=0) | run for _ in 'ab']\n"
        "FX.StartTimer(interval=0.01, target=t, content='tick') | run\n"
        "print(s[0].port, s[1].port, flush=True)\n"
        "input()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=sessions.environment(),
    )
    with process:
        ports = process.stdout.readline().split()
        clients = [open_connection(f"ws://127.0.0.1:{int(port)}/ws").__enter__() for port in ports]
        process.stdin.write(b"\n")
        process.stdin.flush()
        for client in clients:
            assert set(client) <= {"tick"}
            assert client.protocol.close_rcvd.code == 1001
        assert process.wait(20) == 0
        assert process.stdout.read() == b"", "and nothing was printed"
        for client in clients:
            client.close()


def test_disconnect_handlers_finish_when_the_script_ends(tmp_path):
    code = """
from zefnb import *
from websockets.sync.client import connect
import time
@zef_function
def handle(msg, state):
    if match(ET.WSClientDisconnected, msg):
        time.sleep(0.2)
        print('left', flush=True)
    return [[], state]
actor = FX.StartActor(initial_state=0, handler=handle)
s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(actor=actor)}, port=0) | run
c = [connect(f'ws://127.0.0.1:{s.port}/ws').__enter__() for _ in range(3)]
"""
    # `print` writes a text and its end apart, and the handlers run in threads.
    assert sessions.run_script([code], tmp_path).replace("\n", "") == "left" * 3


def test_a_script_with_an_endless_handler_still_exits(tmp_path):
    code = """
from zefnb import *
import time
def handle(msg, state):
    time.sleep(600)
async def handle_async(msg, state):
    import asyncio
    await asyncio.sleep(600)
for h in (handle, handle_async):
    a = FX.StartActor(initial_state=0, handler=h) | run
    FX.Publish(target=a.input, content=1) | run
time.sleep(0.1)
"""
    assert sessions.run_script([code], tmp_path) == ""


FORKS_DURING_IMPORT = """
import os, signal, sys, threading, time
from zefnb import *

class Slow:
    '''Takes its time over one of the modules that the first server needs.'''
    def find_spec(self, name, path=None, target=None):
        if name == 'h11':
            importing.set()
            time.sleep(0.3)

importing = threading.Event()
sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=lambda: FX.StartHTTPServer(routes={'/': 'x'}, port=0) | run)
thread.start()
importing.wait()
child = os.fork()
if not child:
    signal.alarm(30)
    os._exit(0 if (FX.StartHTTPServer(routes={'/': 'y'}, port=0) | run).port else 1)
print(os.waitpid(child, 0)[1])
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_was_forked_while_the_first_server_was_loaded_can_start_one():
    done = subprocess.run([sys.executable, "-c", FORKS_DURING_IMPORT], capture_output=True, text=True, timeout=90)
    assert done.stdout.strip() == "0", done.stderr


HOOKS_BEFORE_FORKS = """
import os, sys
hooks, register = [], os.register_at_fork

def note(*, before=None, **others):
    hooks.extend([sys._getframe(1).f_globals["__name__"]] if before else [])
    register(before=before or (lambda: None), **others)

os.register_at_fork = note
from zefnb import *
print(hooks)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_waits_for_imports_before_it_takes_the_lock_of_logging():
    """Python calls such hooks in reverse order. An import of logging needs the lock that the hook of logging takes."""
    done = subprocess.run([sys.executable, "-c", HOOKS_BEFORE_FORKS], capture_output=True, text=True, timeout=90)
    hooks = eval(done.stdout)
    assert hooks.index("zefnb.engine.start") > hooks.index("logging")
