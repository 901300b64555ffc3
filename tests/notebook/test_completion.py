"""Completion by a real kernel's replies to the Tab key, with and without jedi."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from tests.notebook.kernel import Kernel, a_kernel
from zefnb.core.shapes import SHAPES
from zefnb.notebook.completion import fields_before

SETTING = """
%load_ext zefnb
from zefnb import *
lobby = ET.Topic('the lobby')
server = FX.StartHTTPServer(routes={'/': 'hi', '/ws': ET.WebSocket(clients_push_into_=[lobby])}, port=0) | run
FX.SubscribeFX(topic=ET.Topic('chat'), op=identity) | run
"""


@pytest.fixture(scope="module", params=[False, True], ids=["without jedi", "with jedi"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with a_kernel(SETTING, f"%config Completer.use_jedi = {request.param}") as started:
        yield started


def test_a_question_mark_shows_the_fields_of_an_entity_type_and_of_its_values(kernel):
    for asked in ("ET.WSClientConnected", "lobby"):
        text = kernel.value(f"get_ipython().object_inspect_text({asked!r})")
        shape = SHAPES["Topic" if asked == "lobby" else "WSClientConnected"]
        assert shape.summary in text
        assert all(f"{name}: {field.type}" in text and field.meaning in text for name, field in shape.fields.items())


def test_entity_types_and_their_fields_complete_before_their_first_use(kernel):
    assert kernel.complete("ET.WSClientDis") == ["ET.WSClientDisconnected"]
    assert kernel.complete("ET.SlowClient(max_s") == ["ET.SlowClient(max_seconds="]


def test_subcommands_complete(kernel):
    assert kernel.complete("%zef st") == ["%zef start", "%zef stop"]
    assert "%%zef page" in kernel.complete("%%zef ")
    assert kernel.complete("s = %zef star") == ["s = %zef start"]


def test_options_complete(kernel):
    assert kernel.complete("%zef doctor ") == ["%zef doctor --help"]
    assert kernel.complete("%%zef page --p") == ["%%zef page --port"]
    assert kernel.complete("%zef start --t") == ["%zef start --topic"]
    assert kernel.complete("%zef log --level w") == ["%zef log --level warning"]


def test_topics_complete_by_name_and_by_the_names_bound_to_them(kernel):
    assert kernel.complete("%zef publish ch") == ["%zef publish chat"]
    assert kernel.complete("%zef tail lob") == ["%zef tail lobby"]
    assert kernel.complete("%zef start /ws --topic lob") == ["%zef start /ws --topic lobby"]
    assert kernel.complete("%%zef on ch") == ["%%zef on chat"]
    assert kernel.complete("%zef connect ws://example/ws --in ch") == ["%zef connect ws://example/ws --in chat"]


def test_topics_of_a_route_complete_before_a_client_is_connected(kernel):
    kernel.run("%zef start /feed --port 0 --out headlines --name feed")
    assert kernel.complete("%zef publish he") == ["%zef publish headlines"]
    kernel.run("%zef stop feed")


def test_servers_and_paths_complete(kernel):
    assert kernel.complete("%zef stop ser") == ["%zef stop server"]
    assert kernel.complete("%zef stop " + str(kernel.value("server.port"))[:3])
    assert kernel.complete("%zef clients /w") == ["%zef clients /ws"]
    assert kernel.complete("%zef watch server/") == ["%zef watch server/ws"]
    assert kernel.complete("%zef clients server/w") == ["%zef clients server/ws"]
    port = kernel.value("server.port")
    assert kernel.complete(f"%zef url {port}/") == [f"%zef url {port}/", f"%zef url {port}/ws"]
    assert "%zef start /ws" in kernel.complete("%zef start ")
    assert kernel.complete("%zef client /") == ["%zef client /ws"]


def test_what_can_be_plotted_completes_with_the_options(kernel):
    assert kernel.complete("%zef plot lob") == ["%zef plot lobby"]
    assert kernel.complete("%zef plot ch") == ["%zef plot chat"]
    assert kernel.complete("%zef plot ser") == ["%zef plot server"]
    assert kernel.complete("%zef plot chat --w") == ["%zef plot chat --window"]
    assert kernel.complete("%zef pict") == ["%zef picture"]


def test_channels_complete(kernel):
    with connect(f"ws://127.0.0.1:{kernel.value('server.port')}/ws", proxy=None):
        assert kernel.complete("%zef kick ") == ["%zef kick 0"]
        assert kernel.complete("%zef send ") == ["%zef send 0"]


def test_names_are_completed_where_a_value_is_possible(kernel):
    assert kernel.complete("%zef publish chat $lob") == ["%zef publish chat $lobby"]
    assert kernel.complete("%zef publish chat {lob") == ["%zef publish chat {lobby"]


def test_fields_of_an_effect_are_completed_once_without_given_ones(kernel):
    offered = kernel.complete("FX.StartHTTPServer(")
    assert sorted(offered) == sorted(set(offered))
    assert {"FX.StartHTTPServer(routes=", "FX.StartHTTPServer(port="} <= set(offered)
    assert not [text for text in kernel.complete("FX.StartHTTPServer(port=8000, po") if text.endswith("port=")]
    assert kernel.complete("x = [\n    FX.Publish(\n        target=lobby,\n        con")[0].endswith("content=")


def test_fields_of_a_route_complete(kernel):
    assert kernel.complete("ET.WebSocket(clients_s") == ["ET.WebSocket(clients_subscribe_to="]


def test_all_else_completes_as_ever(kernel):
    assert "%zef" in kernel.complete("%ze")
    assert kernel.complete("lob") == ["lobby"]
    assert "FX.Publish" in kernel.complete("FX.Publ")


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("FX.StopTimer(", ["timer="]),
        ("FX.StopTimer(ti", ["timer="]),
        ("FX.StopTimer(timer=", []),
        ("FX.StopTimer(timer=f(", []),
        ("FX.StopTimer('(", []),
        ("FX.StopTimer(  # comment (", []),
        ("FX.StopTimer()", []),
        ("FX.Nothing(", []),
        ("ET.Guest(", []),
        ("f(FX.StopTimer(\n", ["timer="]),
        ('x = """FX.', []),
    ],
)
def test_fields_are_completed_where_a_name_is_possible(text, offered):
    assert fields_before(text)[0] == offered


@pytest.mark.parametrize(
    "name",
    ["chat {print(1)}", "cha{1}", "cha$lobby", "cha two", "cha'", 'cha"', "cha;x", "cha?", "cha\x1b[31m", "-cha"],
)
def test_a_topic_whose_name_would_be_parsed_differently_is_not_offered(kernel, name):
    """A client may have chosen the name: as an expression in the line it would be run."""
    kernel.run(f"odd = FX.SubscribeFX(topic=ET.Topic({name!r}), op=identity) | run", "odd")
    assert kernel.complete("%zef publish ch") == ["%zef publish chat"]
    assert not [text for text in kernel.complete("%zef tail ") if name in text]
    assert kernel.complete("%zef tail -") == ["%zef tail --help"]
    kernel.run("FX.Unsubscribe(subscription=odd.subscription) | run")
