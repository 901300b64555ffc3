"""zefnb: live servers in a notebook cell.

    from zefnb import *

    chat = ET.Topic('chat')
    server = FX.StartHTTPServer(
        routes={'/ws': ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat])},
        port=8000,
    ) | run

The packages, from the bottom up; each imports only lower ones:

    errors                       every exception, on one page
    core/                        values: entities, effects, patterns, ops, rules     (no I/O)
    engine/                      one background event loop: run, actors, handlers, journal
    topics/   net/   store/      services: the hub, the servers and connections, the databases
    recording/                   the messages of clients, and the results of their handlers
    rehearsal/                   the messages of a recording, handled again by other rules
    replay/                      the messages of recordings and tables, published at their times
    effects/  ops/               one small function for each FX.…, and the ops
    notebook/                    magics, live tables, display, links
    cli/                         `zefnb demo | lab | shell | doctor`

Each name is loaded when it is first used, so that the import is quick.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "zefnb.core.entity": "ET",
    "zefnb.core.effect": "FX effect",
    "zefnb.core.op": "op collect",
    "zefnb.core.function": "zef_function",
    "zefnb.core.time": "Time",
    "zefnb.core.uid": "EntityUid generate_uid",
    "zefnb.core.types": "Any String Bytes Int Float Bool Nil Array1 u8 match",
    "zefnb.core.converters": "converter",
    "zefnb.engine.run": "run",
    "zefnb.store.dict_database": "DictDatabase",
    "zefnb.notebook.watch.watch": "watch",
    "zefnb.notebook.plot.plot": "plot",
    "zefnb.notebook.picture.picture": "picture",
    "zefnb.notebook.links.links": "public_url set_public_url",
    "zefnb.ops": (
        "insert_into array_to_bytes bytes_to_array log identity apply reduce one_of first last nth take drop length "
        "reverse sort unique join split trim replace_text to_upper_case to_lower_case contains starts_with "
        "parse_json to_json get insert add equals greater_than less_than is_a constant_func match_ F"
    ),
}
_module_of = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_module_of)

if TYPE_CHECKING:
    from typing import Any as Any

    from zefnb.core.effect import FX as FX
    from zefnb.core.entity import ET as ET


def __getattr__(name: str) -> Any:
    module = _module_of.get(name)
    if module is None:
        raise AttributeError(f"module 'zefnb' has no attribute {name!r}")
    if name == "FX":
        importlib.import_module("zefnb.effects")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Add `%zef`, `%%zef` and their completion to the shell; `%load_ext zefnb` calls it."""
    from zefnb.notebook.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Remove `%zef` and `%%zef` from the shell; `%unload_ext zefnb` calls it."""
    from zefnb.notebook.extension import unload

    unload(shell)


# Inside IPython the import alone is enough to display handles and to show handlers' output under its cell.
if "IPython" in sys.modules:
    from zefnb.notebook.extension import attach_running_shell

    attach_running_shell()

if "marimo" in sys.modules:
    from zefnb.notebook.marimo.attached import attach

    attach()
