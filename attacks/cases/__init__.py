"""The attacks, a file for each kind; every file here that has `ATTACKS` takes part."""

from __future__ import annotations

import importlib
import pkgutil

from attacks.attack import Attack


def find_attacks() -> tuple[Attack, ...]:
    """Return every attack of every file in this folder, `last` ones at the end."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found = (attack for module in modules for attack in getattr(module, "ATTACKS", ()))
    return tuple(sorted(found, key=lambda attack: (attack.last, attack.name)))
