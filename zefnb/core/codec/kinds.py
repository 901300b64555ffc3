"""Kinds of values that can be encoded: how each is split into plain parts, and made of them.

Higher packages register the kinds of their values here when they are imported. A value of such a kind may be decoded
before that, so the modules are known by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """The functions that split a value of a kind into plain parts (`take`), and make a value of the parts (`make`)."""

    take: Callable[[Any], tuple[Any, ...]]
    make: Callable[..., Any]


# The class of each registered kind, and the module that registers it when it is imported.
_KNOWN = {"database": ("DictDatabase", "zefnb.store.dict_database")}
_registered: dict[str, tuple[type, Kind]] = {}
_kind_of_type: dict[type, str] = {}


def register_kind(name: str, cls: type, kind: Kind) -> None:
    """Let values of exactly the class `cls`, and the class itself, be encoded."""
    _registered[name] = cls, kind
    _kind_of_type[cls] = name


def registered_kind_of(cls: type) -> str | None:
    """Return the name of the registered kind of values of class `cls`."""
    return _kind_of_type.get(cls)


def registered_kind(name: str) -> Kind:
    """Return the registered kind of that name. Raises `KeyError` if there is none."""
    return _find(name)[1]


def is_registered_class(value: Any) -> bool:
    """Whether `value` is the class of a registered kind."""
    return isinstance(value, type) and value in _kind_of_type


def registered_class(class_name: str) -> type:
    """Return the class of that name which has a registered kind. Raises `KeyError` if there is none."""
    names = [name for name, (known, _) in _KNOWN.items() if known == class_name]
    if not names:
        raise KeyError(class_name)
    return _find(names[0])[0]


def _find(name: str) -> tuple[type, Kind]:
    if name not in _registered:
        importlib.import_module(_KNOWN[name][1])
    return _registered[name]
