"""The process's locale: one for all threads, so a handler that changes it changes it for every client."""

from __future__ import annotations

import contextlib
from locale import LC_ALL, Error

try:  # past a function of Python's, since it is looked at after each call of a plain handler
    from _locale import setlocale
except ImportError:
    from locale import setlocale


def locale_now() -> str:
    """What `locale.setlocale` has set, for all categories in one string: 0.2 to 0.6 us."""
    return setlocale(LC_ALL, None)


def restore_locale(setting: str) -> str:
    """Set the locale back to `setting`; returns in words what it was."""
    found = locale_now()
    with contextlib.suppress(Error):  # its files have been removed meanwhile
        setlocale(LC_ALL, setting)
    return _difference(setting, found)


def _difference(setting: str, found: str) -> str:
    """The categories that differ; where the system writes no names of them, all that it writes."""
    before, after = set(setting.split(";")), [part for part in found.split(";") if "=" in part]
    return ", ".join(part for part in after if part not in before) or found
