"""Findings: the lines of the report of `zefnb doctor`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal, NamedTuple

Verdict = Literal["ok", "note", "fault"]


class Finding(NamedTuple):
    """One line of the report. A `fault` is missing or broken, and zefnb needs it."""

    verdict: Verdict
    subject: str
    text: str


def extra_finding(extra: str, purpose: str) -> Iterator[Finding]:
    """Check whether the packages of an extra are installed."""
    try:
        lines = [line for line in requires("zefnb") or () if f"extra == '{extra}'" in line.replace('"', "'")]
    except PackageNotFoundError:
        lines = []
    if not lines:
        return
    names = [line.partition(";")[0] for line in lines]
    missing = [name for name in (re.split(r"[^\w.-]", each)[0] for each in names) if _lacks(name)]
    if missing:
        text = f"not installed: {', '.join(missing)}; pip install 'zefnb[{extra}]' for {purpose}"
        yield Finding("note", f"zefnb[{extra}]", text)
    else:
        yield Finding("ok", f"zefnb[{extra}]", f"installed: {purpose}")


def _lacks(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return True
    return False
