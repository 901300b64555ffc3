"""A recording has no cookies, tokens or Authorization headers, in its rows, its results, its display and its file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.recording.conftest import stop
from zefnb import ET, FX, run, zef_function
from zefnb.notebook.display.display import as_html, plain_text
from zefnb.recording.hidden import is_hidden

SECRETS = {
    "cookie": "c00kie-s3cret",
    "bearer": "b3arer-s3cret",
    "header": "h3ader-s3cret",
    "query": "qu3ry-s3cret",
    "ticket": "t1cket-s3cret",
    "key": "k3y-s3cret",
    "referer": "r3ferer-s3cret",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.s3cret-signature",
    "path": "p4th-s3cret",
    "proto": "pr0to-s3cret",
    "ws": "ws-t1cket-s3cret",
    "bearer name": "b3arer-name-s3cret",
    "php": "php-s3cret",
    "bare": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkxIn0.bare-s3cret-signature",
}
QUERY = f"token={SECRETS['query']}&ticket={SECRETS['ticket']}&api_key={SECRETS['key']}&q={SECRETS['jwt']}&room=kitchen"
QUERY += f"&wsTicket={SECRETS['ws']}&bearer={SECRETS['bearer name']}&PHPSESSID={SECRETS['php']}&{SECRETS['bare']}"
HEADERS = {
    "Cookie": f"session={SECRETS['cookie']}",
    "Authorization": f"Bearer {SECRETS['bearer']}",
    "X-Api-Key": SECRETS["header"],
    "X-Access": SECRETS["header"],
    "X-Client-Cert": SECRETS["header"],
    "Authentication": SECRETS["header"],
    "Referer": f"http://localhost/?ticket={SECRETS['referer']}",
    "X-Room": "kitchen",
}


def leaks(tape: Any, path: Any) -> list[str]:
    """The names of the secrets that are anywhere in a recording or its file."""
    FX.SaveRecording(recording=tape, path=path) | run
    texts = [repr(list(tape)), as_html(tape) or "", plain_text(tape, colour=False, width=5_000) or "", repr(tape)]
    texts += [repr([tape.outcome(index) for index in range(len(tape))]), repr(tape.connections())]
    texts += [repr(list(tape.steps(each.number))) for each in tape.connections()]
    stored = path.read_bytes()
    return [name for name, value in SECRETS.items() if any(value in text for text in texts) or value.encode() in stored]


def test_credentials_of_a_connection_are_in_no_part_of_a_recording(serve, room, record, connect, until, tmp_path):
    @zef_function
    def keep_everything(message: Any, state: Any) -> Any:
        # It keeps the credentials that a handler gets, in its state and its effects.
        if isinstance(message, ET.WSClientConnected):
            return [[FX.Publish(target=message.topic_out, content=dict(message.query_params))], message]
        return [[FX.Publish(target=ET.Topic("all"), content=str(state))], state]

    actor = FX.StartActor(initial_state=None, handler=keep_everything)
    server = serve(
        {
            "/ws": ET.WebSocket(clients_push_into_=[room]),
            "/actor": ET.WebSocket(actor=actor, subprotocols=[SECRETS["proto"]]),
            "/rooms/{token}": ET.WebSocket(clients_push_into_=[room]),
        }
    )
    tape = record(server=server)
    paths = [f"/ws?{QUERY}", f"/actor?{QUERY}", f"/rooms/{SECRETS['path']}?{QUERY}"]
    for path in paths:
        with connect(server, path, additional_headers=HEADERS) as client:
            client.send("hello")
    until(lambda: [row.kind for row in tape].count("disconnected") == 3)
    stop(tape)
    assert leaks(tape, tmp_path / "evening.zeft") == []
    connected = [row.content for row in tape if row.kind == "connected"]
    assert [each.query_params["room"] for each in connected] == ["kitchen"] * 3
    assert connected[1].headers["x-room"] == "kitchen"
    assert connected[2].path == "/rooms/…"


@pytest.mark.parametrize("name", ["room", "author", "keyboard", "zipcode", "design", "authority", "compass", "pinned"])
def test_names_that_are_no_secrets_are_kept(name):
    assert not is_hidden(name, "kitchen")


def test_results_of_other_connections_are_recorded_beside_one_with_a_token(serve, record, connect, until):
    actor = FX.StartActor(initial_state=0, handler=lambda message, state: [[], state + 1])
    server = serve({"/ws": ET.WebSocket(actor=actor)})
    tape = record(server=server)
    with connect(server, f"/ws?{QUERY}") as client:
        client.send("hello")
    until(lambda: len(tape) == 3 and tape.outcome(2) is not None)
    assert [tape.outcome(index).state for index in range(3)] == [1, 2, 3]


def test_passwords_in_the_effects_of_handlers_are_in_no_file(serve, room, record, connect, until, tmp_path):
    secret = "hush5f3a"
    effects = [
        FX.StartHTTPServer(routes={}, auth={"ada": secret}),
        FX.StartWebSocketClient(url=f"ws://127.0.0.1:1/?key={secret}", headers={"Authorization": f"Bearer {secret}"}),
        FX.Publish(target=room, content=[ET.Auth(providers=[{"ada": secret}])]),
        FX.Publish(target=room, content="public"),
    ]
    handler = zef_function(
        lambda message, state: [effects if message == "effects" else [], ET.Auth(providers={"ada": secret})]
    )
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=handler))})
    path = tmp_path / "evening.zeft"
    tape = record(server=server, path=path)
    with connect(server) as client:
        client.send("effects")
        until(lambda: len(tape) == 2 and tape.outcome(1) is not None)
    stop(tape)
    assert secret.encode() not in path.read_bytes()
    kept = (FX.LoadRecording(path=path) | run).outcome(1)
    assert [type(each) for each in kept.effects] == [ET.NotStored] * 3 + [FX.Publish]
    assert kept.effects[0].text == repr(effects[0])
    assert kept.state == ET.NotStored(text="ET.Auth(providers={'ada': …})")
