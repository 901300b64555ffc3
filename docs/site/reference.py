"""The reference, made from the code: effects, entities, ops, `%zef`, errors and environment variables.

Signatures, docstrings and shapes are the only source, so that a page cannot differ from what runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from html import escape

from docstring import Docstring, parse

import zefnb
from zefnb import errors, ops
from zefnb.core.effect import DEFAULT_REGISTRY, FX, Spec
from zefnb.core.shapes import of_kind
from zefnb.core.shapes.shape import Kind, Presence, Shape
from zefnb.core.types import describe
from zefnb.notebook.magics import SUBCOMMANDS, command

PAGES = ("effects", "entities", "ops", "magics", "errors", "environment")

_FENCE = "```"


def pages() -> dict[str, str]:
    """Return each page's text, by its name."""
    dir(FX)  # declares every effect
    zefnb.FX  # noqa: B018
    return {name: globals()[f"_{name}"]() for name in PAGES}


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def _effects() -> str:
    intro = (
        "An effect is a value that describes an action; `| run` or `await` performs it. An unknown field and a value "
        "of another type raise `InvalidEffect` when the effect is built, a missing field when it is performed. Each "
        "effect lists its other errors; [Errors](errors.md) has all of them."
    )
    return _page("Effects", intro, *(_effect(name, spec) for name, spec in sorted(DEFAULT_REGISTRY.specs.items())))


def _effect(name: str, spec: Spec) -> str:
    doc = parse(spec.doc)
    meanings = doc.entries("Args")
    rows = [
        f"| `{field}` | {_code(describe(known.annotation))} | {_default(spec, field)} | {meanings[field]} |"
        for field, known in spec.fields.items()
    ]
    head = ["| field | takes | default | meaning |", "|---|---|---|---|"]
    table = "\n".join([*head, *rows]) if rows else "It has no fields."
    return "\n\n".join([f"## `FX.{name}`", *_prose(doc, table)])


def _default(spec: Spec, field: str) -> str:
    default = spec.signature.parameters[field].default
    if default is inspect.Parameter.empty:
        return "required"
    return _code(repr(default)) if default is not ... else "none"


def _code(text: str) -> str:
    """Return code for the cell of a table, where Markdown's backticks would show an escaped `|` with its backslash."""
    return f"<code>{escape(text).replace('|', '&#124;')}</code>"


def _prose(doc: Docstring, table: str = "") -> Iterator[str]:
    """Yield a docstring in Markdown: the text, the parameters as a table, the other sections, and the example."""
    yield from filter(None, (doc.summary, doc.text, table))
    if "Returns" in doc.sections:
        yield f"**Returns**: {' '.join(doc.sections['Returns'].split())}"
    if raised := doc.entries("Raises"):
        yield "**Raises**:"
        yield "\n".join(f"- `{error}`: {text}" for error, text in raised.items())
    if "Source" in doc.sections:
        yield f"**Source**: {' '.join(doc.sections['Source'].split())}"
    if doc.example:
        yield f"{_FENCE}pycon\n{doc.example}\n{_FENCE}"


_KINDS: dict[Kind, tuple[str, str]] = {
    "route": ("Routes", "They describe a route of `FX.StartHTTPServer`. An unknown field raises `InvalidEffect`."),
    "response": (
        "Responses",
        "They are the value of a route, or the result of its handler. A missing or wrong field of a route raises "
        "`InvalidEffect`; when the result of a handler has one, the response is 500, and the journal names the field.",
    ),
    "auth": ("Logins", "They are the `auth` of `FX.StartHTTPServer`. An unknown field raises `InvalidEffect`."),
    "change": ("Changes of routes", "They are the `delta` of `FX.UpdateRunningHTTPServer`."),
    "certificate": ("Certificates", "They are the `certificates` of `FX.StartHTTPServer`."),
    "message": ("Messages", "zefnb makes them, and handlers receive them."),
    "handle": ("Handles and results", "Effects return them."),
}


def _entities() -> str:
    intro = (
        "These are the entity types whose fields zefnb reads or writes. Any other `ET.Name(...)` is a type of your "
        "program and takes any fields. `ET.WebSocket?` shows the same in a notebook."
    )
    return _page("Entities", intro, *(part for kind in _KINDS for part in _entities_of(kind)))


def _entities_of(kind: Kind) -> Iterator[str]:
    title, words = _KINDS[kind]
    yield f"## {title}\n\n{words}"
    yield from map(_entity, of_kind(kind))


def _entity(shape: Shape) -> str:
    rows = [f"| `uid` | `str` | | {shape.uid} |"] if shape.uid else []
    for name, field in [*shape.fields.items(), *shape.derived.items()]:
        default = field.default_text if isinstance(field.default, Presence) else _code(field.default_text)
        rows.append(f"| `{name}` | {_code(field.type)} | {default} | {field.meaning} |")
    head = ["| field | type | default | meaning |", "|---|---|---|---|"]
    table = "\n".join([*head, *rows]) if rows else "It has no fields of its own."
    example = f"{_FENCE}pycon\n{shape.example.strip()}\n{_FENCE}"
    parts = [f"### `ET.{shape.name}`", shape.summary, table, shape.more, example]
    return "\n\n".join(part for part in parts if part)


def _ops() -> str:
    intro = (
        "Ops are data, and `|` joins them into a chain. Apply a chain with `value | chain | collect`, with "
        "`FX.SubscribeFX(op=...)`, or by calling it."
    )
    named = [name for name in ops.__all__ if name != "collect"]
    return _page("Ops", intro, *(_op(name) for name in named))


def _op(name: str) -> str:
    found = getattr(ops, name)
    doc = parse(inspect.getdoc(found) or "")
    rows = [f"| `{parameter}` | {text} |" for parameter, text in doc.entries("Args").items()]
    table = "\n".join(["| argument | meaning |", "|---|---|", *rows]) if rows else ""
    return "\n\n".join([f"## `{name}{_signature(getattr(found, 'function', found))}`", *_prose(doc, table)])


def _signature(function: object) -> str:
    """Return the parameters without their types, which the text explains."""
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    return f"({', '.join(map(_parameter, parameters))})"


def _parameter(parameter: inspect.Parameter) -> str:
    star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = parameter.default
    if default is parameter.empty:
        return f"{star}{parameter.name}"
    # A default without a literal marks "not given".
    return f"{parameter.name}={default!r}" if repr(default)[0] != "<" else f"{parameter.name}=..."


def _magics() -> str:
    intro = (
        "`%load_ext zefnb` adds them. In a line, `{expr}` and `$name` are replaced by values. `%zef` alone lists "
        "everything that runs."
    )
    return _page("`%zef`", intro, *(_magic(name) for name in SUBCOMMANDS))


def _magic(name: str) -> str:
    purpose = SUBCOMMANDS[name]
    help_text = command(name).parser().format_help().rstrip()
    return f"## `{name}`\n\n{purpose[0].upper()}{purpose[1:]}.\n\n{_FENCE}text\n{help_text}\n{_FENCE}"


def _errors() -> str:
    tree = inspect.getdoc(errors) or ""
    classes = [found for found in vars(errors).values() if inspect.isclass(found) and issubclass(found, Exception)]
    parts = [f"## `{found.__name__}`\n\n{inspect.getdoc(found)}" for found in classes]
    first, _, rest = tree.partition("\n\n")
    return _page("Errors", first, f"{_FENCE}text\n{rest}\n{_FENCE}", *parts)


_ENVIRONMENT = {
    "ZEFNB_DATA_DIR": "The folder for keys and certificates, in place of the system's folder for data.",
    "ZEFNB_HUB_CLIENT_ID": "The id of the service at the JupyterHub, for `ET.JupyterHub()`.",
    "ZEFNB_HUB_API_TOKEN": "The token of that service. It is never shown.",
    "ZEFNB_CLUSTER": "The address of the broker that `FX.JoinCluster` uses without `url=`.",
    "ZEFNB_LOOP": "`asyncio` declines uvloop where it is installed (`zefnb[speed]`).",
    "ZEFNB_SWITCH_INTERVAL": "`keep` leaves the interpreter's switch interval; otherwise a server sets it to 0.5 ms.",
    "ZEFNB_PUBLIC_URL": "The url by which a browser reaches the servers, with `{port}` for the port: `https://host/proxy/{port}`.",
}


def _environment() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in sorted(_ENVIRONMENT.items())]
    return _page("Environment variables", "\n".join(["| variable | effect |", "|---|---|", *rows]))


if __name__ == "__main__":
    for page in pages().values():
        print(page)
