"""The locale of the process: all threads share it, so a handler that changes it would change it for every client."""

from __future__ import annotations

import contextlib
from locale import LC_ALL, Error

try:  # the C function, which is faster, since it is called after each call of a plain handler
    from _locale import setlocale
except ImportError:
    from locale import setlocale


def locale_now() -> str:
    """Return the current locale of all categories, in one string; takes 0.2 to 0.6 us."""
    return setlocale(LC_ALL, None)


def restore_locale(setting: str) -> str:
    """Set the locale back to `setting`. Returns a description of the locale before."""
    found = locale_now()
    with contextlib.suppress(Error):  # the files of the locale may have been removed
        setlocale(LC_ALL, setting)
    return _difference(setting, found)


def _difference(setting: str, found: str) -> str:
    """Return the categories that differ, or the whole setting if the system does not name the categories."""
    before, after = set(setting.split(";")), [part for part in found.split(";") if "=" in part]
    return ", ".join(part for part in after if part not in before) or found
