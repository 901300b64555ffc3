"""For each block of the specification: the code before it, and what real clients see after it has run.

The checks run inside the session that has run the block, so that they can publish from there; the
clients are those of the `websockets` library, over real sockets.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

from websockets.sync.client import ClientConnection, connect

Names = dict[str, Any]


class Case(NamedTuple):
    """A block, known by a piece of its text; the code before it; the check after it."""

    name: str
    known_by: str
    prelude: str
    check: Callable[[Names, str], None]


def client(url: str) -> ClientConnection:
    return connect(url, open_timeout=30, close_timeout=1)


def until(condition: Callable[[], Any], within: float = 20.0) -> Any:
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.002)
    return value


def hears_nothing(who: ClientConnection, within: float = 0.1) -> bool:
    try:
        who.recv(within)
    except TimeoutError:
        return True
    return False


def chatroom(names: Names, block: str) -> None:
    with client("ws://127.0.0.1:8000/ws") as ada, client("ws://127.0.0.1:8000/ws") as bob:
        for n in range(100):
            ada.send(f"hello {n}")
        bob.send(b"\x00\xff")
        heard = [[who.recv(20) for _ in range(101)] for who in (ada, bob)]
        assert heard[0] == heard[1]
        assert [m for m in heard[0] if isinstance(m, str)] == [f"hello {n}" for n in range(100)]
        assert b"\x00\xff" in heard[0]


def feed(names: Names, block: str) -> None:
    with client("ws://127.0.0.1:8000/feed") as reader, client("ws://127.0.0.1:8000/feed") as other:
        reader.send("may I?")
        for statement in ast.parse(block).body:
            if "FX.Publish" in ast.unparse(statement):
                exec(ast.unparse(statement), names)
        assert reader.recv(20) == "breaking news!"
        assert other.recv(20) == "breaking news!"
        assert hears_nothing(other)


def actors(names: Names, block: str) -> None:
    FX, run = names["FX"], names["run"]
    with client("ws://127.0.0.1:8000/ws") as ada, client("ws://127.0.0.1:8000/ws") as bob:
        assert (ada.recv(20), bob.recv(20)) == ("seen: WSClientConnected", "seen: WSClientConnected")
        ada.send("one")
        ada.send("two")
        assert (ada.recv(20), ada.recv(20)) == ("1: one", "2: two")
        bob.send("three")
        assert bob.recv(20) == "1: three", "each connection has a state of its own"
        assert len(FX.ListActors() | run) == 2
    until(lambda: not FX.ListActors() | run)
    assert sorted(names["left"]) == [1, 2]


def shapes(names: Names, block: str) -> None:
    FX, ET, Any_, match, run = (names[n] for n in ("FX", "ET", "Any", "match", "run"))
    expressions = [statement.value for statement in ast.parse(block).body if isinstance(statement, ast.Expr)]
    connected, text, binary, disconnected = (eval(ast.unparse(e), names) for e in expressions)
    seen: list[Any] = []
    server = (
        FX.StartHTTPServer(
            routes={
                "/ws": ET.WebSocket(
                    actor=FX.StartActor(
                        initial_state=0, rules={(Any_, Any_): lambda msg, state: seen.append(msg) or [[], state]}
                    )
                )
            },
            port=0,
        )
        | run
    )
    with connect(f"ws://127.0.0.1:{server.port}/ws", origin=f"http://127.0.0.1:{server.port}") as ada:
        ada.send(text)
        ada.send(binary)
        until(lambda: len(seen) == 3)
    until(lambda: len(seen) == 4)
    assert seen[1:3] == [text, binary]
    assert (type(seen[1]), type(seen[2])) == (str, bytes)
    for shape, message in ((connected, seen[0]), (disconnected, seen[3])):
        assert type(message) is type(shape)
        for name, wanted in vars(shape).items():
            given = getattr(message, name)
            assert match(str if name == "origin" else wanted, given), (name, wanted, given)


def echo(names: Names, block: str) -> None:
    with client("ws://127.0.0.1:8000/ws") as ada:
        assert ada.recv(20) == "welcome!"
        ada.send("hi")
        assert ada.recv(20) == "you said: hi"
        ada.send("ho")
        assert ada.recv(20) == "you said: ho"
    until(lambda: not names["FX"].ListActors() | names["run"])
    assert not names["FX"].QueryLog(level="warning") | names["run"]


def binary(names: Names, block: str) -> None:
    with client(f"ws://127.0.0.1:{names['server'].port}/ws") as ada:
        for frame in (b"", b"\x00\x01\xfe\xff", bytes(range(256)) * 300):
            ada.send(frame)
            assert ada.recv(20) == frame
    assert not names["FX"].QueryLog(level="warning") | names["run"]


def shared_state(names: Names, block: str) -> None:
    FX, ET, run, db = (names[n] for n in ("FX", "ET", "run", "db"))
    with ExitStack() as stack:
        ada, bob = (connected_in_turn(stack) for _ in range(2))
        for number, (who, topic) in enumerate(zip((ada, bob), names["inputs"], strict=True)):
            FX.Publish(target=topic, content=ET.StoreRequest(key=f"k{number}", value=number)) | run
            assert who.recv(20) == f"stored k{number}"
        assert (db["k0"], db["k1"]) == (0, 1)
        assert (FX.QueryDB(db=db, get="k1") | run) == 1


def connected_in_turn(stack: ExitStack) -> ClientConnection:
    """A client whose handler has noted its input: handlers of clients run in threads, in any order."""
    who = stack.enter_context(client("ws://127.0.0.1:8000/ws"))
    assert who.recv(20) == "connected"
    return who


def monitoring(names: Names, block: str) -> None:
    server, match, Time = (names[n] for n in ("server", "match", "Time"))
    answers = [
        eval(ast.unparse(statement), names) for statement in ast.parse(block).body if isinstance(statement, ast.Expr)
    ]
    servers, endpoints, clients = answers
    assert [(s["server"], s["port"]) for s in servers] == [(server, server.port)]
    assert [(e["path"], e["port"]) for e in endpoints] == [("/ws", server.port)]
    assert [c["channel_id"] for c in clients] == [0, 1]
    for row in clients:
        assert row["client_ip"] == "127.0.0.1"
        assert match(Time(...), row["connect_time"])
    names["connected"].close()


def outward(names: Names, block: str) -> None:
    until(lambda: names["remote_heard"])
    assert names["remote_heard"] == ["hello remote!"]
    assert (names["FX"].ListWebSocketClients() | names["run"]) == []


def usernames(names: Names, block: str) -> None:
    FX, ET, run = names["FX"], names["ET"], names["run"]
    actor = FX.StartActor(initial_state=ET.Guest(), rules=names["rules"])
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
    url = f"ws://127.0.0.1:{server.port}/ws"
    with client(url) as ada, client(url) as bob, client(url) as nameless:
        assert {ada.recv(20), bob.recv(20), nameless.recv(20)} == {"send your name"}
        ada.send("Ada")
        until(lambda: len([b for b in FX.StreamGraphSnapshot() | run if b["source"] == names["chat"]]) == 1)
        bob.send("Bob")
        assert ada.recv(20) == "* Bob joined"
        until(lambda: len([b for b in FX.StreamGraphSnapshot() | run if b["source"] == names["chat"]]) == 2)
        ada.send("hello")
        assert ada.recv(20) == bob.recv(20) == "[Ada]: hello"
        bob.send("hi")
        assert ada.recv(20) == bob.recv(20) == "[Bob]: hi"
        assert hears_nothing(nameless)
    until(lambda: not [b for b in FX.StreamGraphSnapshot() | run if b["source"] == names["chat"]])
    assert not FX.QueryLog(level="warning") | run


_HANDLERS = """
left = []

@zef_function
def on_connect(input):
    msg, state = input
    seen = f'seen: {type(msg).__name__}'
    return [[FX.Publish(target=msg.topic_out, content=seen)], ET.Connected(topic_out=msg.topic_out, count=0)]

@zef_function
def on_message(input):
    msg, state = input
    count = state.count + 1
    return [
        [FX.Publish(target=state.topic_out, content=f'{count}: {msg}')],
        ET.Connected(topic_out=state.topic_out, count=count),
    ]

@zef_function
def on_disconnect(input):
    left.append(input[1].count)
    return [[], ET.Done()]
"""

_STORE = """
inputs = []

@zef_function
def on_connect(input):
    msg, state = input
    inputs.append(msg.topic_in)
    answer = [FX.Publish(target=msg.topic_out, content='connected')]
    return [answer, ET.Connected(db=state.db, topic_out=msg.topic_out)]

@zef_function
def on_store(input):
    msg, state = input
    FX.UpdateDB(db=state.db, insert={msg.key: msg.value}) | run
    return [[FX.Publish(target=state.topic_out, content=f'stored {msg.key}')], state]
"""

_BINARY = """
from_clients, to_clients = ET.Topic('from clients'), ET.Topic('to clients')
server = FX.StartHTTPServer(
    routes={'/ws': ET.WebSocket(clients_subscribe_to=[to_clients], clients_push_into_=[from_clients])}, port=0
) | run
"""

_MONITORING = """
from contextlib import ExitStack
from tests.spec.cases import client
chat = ET.Topic('chat')
server = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_subscribe_to=[chat])}, port=0) | run
connected = ExitStack()
for _ in range(2):
    connected.enter_context(client(f'ws://127.0.0.1:{server.port}/ws'))
"""

_OUTWARD = """
from tests.spec.remote import start_remote
remote_heard = start_remote('echo.example.com')
"""

CASES = [
    Case("a chatroom", "all clients\n", "", chatroom),
    Case("a one-way feed", "breaking news!", "", feed),
    Case("an actor for each connection", "(String,                ET.Connected):   on_message", _HANDLERS, actors),
    Case("the shapes of lifecycle messages", "ET.WSClientDisconnected(\n    client_ip", "", shapes),
    Case("the polite echo server", "'welcome!'", "", echo),
    Case("binary frames", "array_to_bytes", _BINARY, binary),
    Case("a shared database", "FX.CreateDB", _STORE, shared_state),
    Case("monitoring", "FX.QueryAllActiveHTTPServers", _MONITORING, monitoring),
    Case("a client outward", "FX.StartWebSocketClient", _OUTWARD, outward),
    Case("chat with user names", "ET.AwaitingName", "", usernames),
]
