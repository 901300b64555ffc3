"""An editor completes user code: `FX.`, the fields of an effect and of an entity, and their types."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.typing.blocks import ROOT
from tests.typing.language_server import LanguageServer
from zefnb import FX
from zefnb.core.effect import DEFAULT_REGISTRY
from zefnb.core.shapes import SHAPES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("editor")
    settings = f'{{"extraPaths": ["{ROOT}"], "pythonVersion": "3.{sys.version_info.minor}"}}'
    (folder / "pyrightconfig.json").write_text(settings)
    with LanguageServer(folder) as started:
        yield started


def at_end_of(server: LanguageServer, line: str, method: str) -> Any:
    """Return the result of a request at the end of a line, below the import of zefnb."""
    document = server.open(f"user_{abs(hash(line))}.py", f"from zefnb import *\n{line}")
    return server.request(f"textDocument/{method}", textDocument=document, position={"line": 1, "character": len(line)})


def completions(server: LanguageServer, line: str) -> set[str]:
    return {item["label"] for item in at_end_of(server, line, "completion")["items"]}


def test_fx_completes_to_every_effect(server: LanguageServer):
    assert set(dir(FX)) <= completions(server, "FX.")


@pytest.mark.parametrize("name", ["Publish", "StartHTTPServer", "StartActor", "StartWebSocketClient", "StopTimer"])
def test_an_effect_completes_with_its_fields(server: LanguageServer, name: str):
    fields = {f"{field}=" for field in DEFAULT_REGISTRY.specs[name].fields}
    assert fields <= completions(server, f"FX.{name}(")


@pytest.mark.parametrize("name", ["WebSocket", "Response", "SlowClient"])
def test_an_entity_completes_with_its_fields(server: LanguageServer, name: str):
    assert {f"{field}=" for field in SHAPES[name].fields} <= completions(server, f"ET.{name}(")


def test_the_signature_of_an_effect_shows_the_types_of_its_fields(server: LanguageServer):
    [signature] = at_end_of(server, "FX.Publish(", "signatureHelp")["signatures"]
    assert "target: Topic" in signature["label"]
    assert "content: Any" in signature["label"]


def test_a_handle_completes_with_its_fields(server: LanguageServer):
    assert "port" in completions(server, "(FX.StartHTTPServer(routes={}) | run).")
