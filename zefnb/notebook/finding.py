"""Findings: the lines of the report of `zefnb doctor`."""

from __future__ import annotations

from typing import Literal, NamedTuple

Verdict = Literal["ok", "note", "fault"]


class Finding(NamedTuple):
    """One line of the report. A `fault` is missing or broken, and zefnb needs it."""

    verdict: Verdict
    subject: str
    text: str
