"""The attacks, a file for each kind; whatever file lies here and has `ATTACKS` takes part."""

from __future__ import annotations

import importlib
import pkgutil

from attacks.attack import Attack


def find_attacks() -> tuple[Attack, ...]:
    """Every attack of every file in this folder, those that judge the whole process last."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found = (attack for module in modules for attack in getattr(module, "ATTACKS", ()))
    return tuple(sorted(found, key=lambda attack: (attack.last, attack.name)))
