"""`python -m tests.typing.stub` writes `zefnb/__init__.pyi`: the public names for editors and type checkers.

The names are loaded lazily and `FX.` is a namespace made by decorators, so neither is visible without running the code.
The stub is made from the signatures, and a test compares it with them.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import zefnb
from zefnb.core.effect import DEFAULT_REGISTRY, Spec
from zefnb.core.shapes import SHAPES, of_kind
from zefnb.core.shapes.shape import Shape

STUB = Path(zefnb.__file__).with_suffix(".pyi")
_INDENT = " " * 4
# The types of fields whose annotation is a pattern of their own.
_PATTERNS = {
    "DatabaseType": "type[DictDatabase]",
    "RecordingType": "Recording",
    "SourceType": "Iterable[Any]",
    "StartActorType": "FX.StartActor",
    "AuthType": (
        "Literal['token'] | Mapping[str, str] | Callable[[str, str], Any] | ET.Auth | ET.GoogleOAuth | "
        "ET.GitHubOAuth | ET.OIDC | ET.JupyterHub | None"
    ),
}
# What the stub itself defines, or imports in its head.
_OWN = ("ET", "FX", "Any")

_HEAD = '''"""Live servers in a notebook cell.

Generated from the signatures by `python -m tests.typing.stub`; do not edit.
"""

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from ssl import SSLContext
from typing import Any as Any
from typing import Generic, Literal, TypeAlias, TypeVar, overload

from zefnb.core.entity import Actor, Entity, HTTPServer, Replay, Subscription, Success, Timer, Topic
from zefnb.core.entity import WebSocketClient
from zefnb.core.record import Record
from zefnb.core.rows import Rows
from zefnb.core.time import Time as _Time
from zefnb.recording.recording import Recording
from zefnb.rehearsal.difference import Differences
'''

_EFFECT = '''
R = TypeVar("R")

class _Effect(Record, Generic[R]):
    """An effect whose performing gives an `R`."""

    @overload
    def __or__(self, other: Run, /) -> R: ...
    @overload
    def __or__(self, other: object, /) -> Any: ...
    def __await__(self) -> Generator[Any, None, R]: ...

class _EntityTypes(type):
    def __getattr__(self, name: str, /) -> type[Entity]: ...

'''


def stub() -> str:
    """The text of the stub."""
    zefnb.FX  # noqa: B018  (declares every effect)
    # Classes, though both are objects: an annotation such as `message: ET.WSClientConnected` needs a class.
    handles = (f"from zefnb.core.entity import {shape.name} as _{shape.name}\n" for shape in of_kind("handle"))
    parts = [_HEAD, *handles, *_imports(), _EFFECT, "class ET(metaclass=_EntityTypes):\n"]
    parts += [line for shape in SHAPES.values() for line in _entity(shape)]
    parts += ["\nclass FX:\n"]
    parts += [line for name, spec in sorted(DEFAULT_REGISTRY.specs.items()) for line in _effect(name, spec)]
    parts += [f"\n__version__: str\n__all__ = {zefnb.__all__}\n"]
    return "".join(parts)


def _imports() -> Iterator[str]:
    for module, names in sorted({**zefnb._NAMES, "zefnb.engine.run": "Run run"}.items()):
        public = [name if name == "Run" else f"{name} as {name}" for name in sorted(names.split()) if name not in _OWN]
        if public:
            yield f"from {module} import {', '.join(public)}\n"


def _entity(shape: Shape) -> Iterator[str]:
    if shape.kind == "handle":  # a class of the code, which effects take and return
        # Within the class, pyright would take a name on both sides as a reference to itself.
        yield f"{_INDENT}{shape.name}: TypeAlias = _{shape.name}\n"
        return
    yield f"{_INDENT}class {shape.name}(Entity):\n"
    yield f'{_INDENT * 2}"""{shape.summary}"""\n\n'
    fields = {name: _named(field.type) for name, field in shape.fields.items()}
    yield from (f"{_INDENT * 2}{name}: {kind}\n" for name, kind in fields.items())
    yield from (f"{_INDENT * 2}{name}: {_named(field.type)}\n" for name, field in shape.derived.items())
    # Messages are also written as patterns, with `Time(...)` for any time.
    is_pattern = shape.kind == "message"
    parameters = [f"{name}: {'Any' if is_pattern else kind} = ..." for name, kind in fields.items()]
    parameters += ["**more: Any"] if shape.more else []
    first = ["self", "uid: str = ...", "/"] if shape.uid else ["self"]
    given = ", ".join([*first, "*", *parameters] if parameters else first)
    yield f"{_INDENT * 2}def __init__({given}) -> None: ...\n\n"


def _named(written: str) -> str:
    """A field's type, with the names that the stub has for the types of entities and effects."""
    handles = "|".join(shape.name for shape in of_kind("handle"))
    return _annotation(re.sub(rf"\bET\.(?=(?:{handles})\b)", "", written))


def _effect(name: str, spec: Spec) -> Iterator[str]:
    result = _result(str(spec.signature.return_annotation))
    yield f"{_INDENT}class {name}(_Effect[{result}]):\n"
    summary = spec.doc.partition("\n")[0]
    yield f'{_INDENT * 2}"""{summary}"""\n\n'
    fields = [f"{field}: {_annotation(p.annotation)} = ..." for field, p in spec.signature.parameters.items()]
    parameters = ", ".join(["self", "*", *fields] if fields else ["self"])
    yield f"{_INDENT * 2}def __init__({parameters}) -> None: ...\n\n"


def _annotation(written: object) -> str:
    text = written if isinstance(written, str) else inspect.formatannotation(written)
    for name, kind in _PATTERNS.items():
        text = re.sub(rf"\b{name}\b", kind, text)
    return re.sub(r"\bTime\b", "_Time", text)


def _result(written: str) -> str:
    """Return the result of `| run`: an effect that takes time returns it later, which no caller sees."""
    return re.sub(r" \| Awaitable\[.*\]$", "", written)


def formatted(text: str) -> str:
    """The text as `make lint` wants it."""
    for command in (["check", "--fix-only", "--select", "I,RUF022"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "-", "--stdin-filename", str(STUB)]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    STUB.write_text(formatted(stub()))
    print(f"{STUB.name}: {len(DEFAULT_REGISTRY.specs)} effects")
