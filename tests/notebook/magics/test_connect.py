"""`%zef connect` in a real kernel."""

from __future__ import annotations

from tests.net.client.outsider import Outsider
from tests.notebook.magics.listener import listen


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


def test_a_secret_that_is_no_variable_is_an_error_and_nothing_is_sent(kernel):
    server = Outsider()
    for given in ("X-Api-Key: $NOPE", "Authorization: Bearer $NOPE", "$NOPE: x"):
        line = f'%zef connect ws://127.0.0.1:{server.port}/ws --in room -H "{given}"'
        assert "there is no variable NOPE; NOPE = os.environ['NOPE']" in kernel.run(line).text
    assert server.requests == []
    line = f'c = %zef connect ws://127.0.0.1:{server.port}/ws --in room -H "X-Price: $5 or $$NOPE"'
    assert kernel.run(line).error is None
    assert server.requests[0].headers["X-Price"] == "$5 or $NOPE"
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
