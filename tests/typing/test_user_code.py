"""Editors see zefnb: the code of the README, the tutorials and the specification checks without an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.typing.blocks import ROOT, modules
from tests.typing.stub import STUB, formatted, stub

PYRIGHT = """{
  "include": ["."], "typeCheckingMode": "standard", "pythonVersion": "3.11", "extraPaths": ["ROOT"],
  "reportRedeclaration": false, "reportSelfClsParameterName": false, "reportUnusedExpression": false,
  "reportUnusedCoroutine": false, "reportAttributeAccessIssue": "error"
}"""
WRONG = {
    "an_unknown_field": "FX.Publish(topic=ET.Topic('t'))",
    "a_wrong_type": "FX.StartHTTPServer(routes={}, port='8000')",
    "an_unknown_effect": "FX.Publisch",
    "a_result_of_another_type": "text: str = FX.ListActors() | run",
    "an_unknown_field_of_an_entity": "ET.WebSocket(topics=[ET.Topic('t')])",
    "a_wrong_type_of_an_entitys_field": "ET.Redirect(url='/', status='302')",
    "a_field_of_a_message_of_another_type": "port: str = ET.WSClientConnected().channel_id",
    "a_text_for_a_topic": "FX.StartActor(initial_state=0, handler=print, input='chat')",
    "a_list_of_texts_for_topics": "ET.WebSocket(clients_subscribe_to=['chat'])",
    "a_handle_of_another_kind": "FX.QueryActorState(actor=ET.Topic('chat'))",
    "a_number_for_logins": "FX.StartHTTPServer(routes={}, auth=5)",
    "a_topic_for_a_timer": "FX.StopTimer(timer=ET.Topic('chat'))",
    "a_field_that_a_handle_does_not_have": "port: str = (FX.StartHTTPServer(routes={}) | run).port",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user_code")
    for name, text in modules().items():
        (folder / f"{name}.py").write_text(text)
    (folder / "pyrightconfig.json").write_text(PYRIGHT.replace("ROOT", str(ROOT)))
    return folder


def mypy(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", "--allow-untyped-globals"]
    # A page may show two versions of a function; a list that begins empty is no mistake of a beginner's.
    lenient = [f"--disable-error-code={code}" for code in ("no-redef", "var-annotated")]
    options = [*lenient, "--cache-dir", str(folder / "cache"), str(folder)]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)


def pyright(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_every_block_and_tutorial_checks_without_an_error(checker, folder: Path):
    done = checker(folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_mistake_in_user_code_is_found(checker, tmp_path: Path):
    (tmp_path / "pyrightconfig.json").write_text(PYRIGHT.replace("ROOT", str(ROOT)))
    for name, line in WRONG.items():
        (tmp_path / f"{name}.py").write_text(f"from zefnb import *\n\n{line}\n")
    output = checker(tmp_path).stdout
    assert [name for name in WRONG if f"{name}.py:3" not in output] == []


# User code that no page or tutorial shows.
RIGHT = """from zefnb import *

a, b = ET.Topic('a'), ET.Topic('b')


@zef_function
def on_connect(message: ET.WSClientConnected, state: int):
    return [[FX.Publish(target=message.topic_out, content=message.channel_id)], state + 1]


@zef_function
async def page(request: ET.Request) -> ET.HTML:
    return ET.HTML(content=f'<p>{request.path}</p>')


def topics(message: ET.WSClientConnected | ET.WSClientDisconnected, more: ET.Topic | None = None) -> list[ET.Topic]:
    return [a, b] if more is None else [more]


def greet(text: str) -> FX.Publish:
    return FX.Publish(target=a, content=text)


actor: ET.Actor = FX.StartActor(initial_state=0, input=[a, b], rules={(ET.A | ET.B | None, Any): on_connect}) | run
FX.StartHTTPServer(
    routes={'/': page}, port=443, certificates=ET.LetsEncrypt('demo.example.com', email='ada@example.com')
) | run
"""


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_annotations_with_entity_types_check_without_an_error(checker, tmp_path: Path):
    (tmp_path / "pyrightconfig.json").write_text(PYRIGHT.replace("ROOT", str(ROOT)))
    (tmp_path / "right.py").write_text(RIGHT)
    done = checker(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_agrees_with_the_signatures():
    assert STUB.read_text() == formatted(stub()), "run `python -m tests.typing.stub`"
