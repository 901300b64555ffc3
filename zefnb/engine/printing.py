"""Printing: whole lines on the output, also while other threads print."""

from __future__ import annotations

import sys


def write_line(content: object) -> None:
    """Print one line in a single write, so that the output of other threads cannot split it."""
    sys.stdout.write(f"{content}\n")
    sys.stdout.flush()


def log_value(value: object, prefix: str = "") -> None:
    """Print a value as one line, after `prefix`; the op `log` calls it."""
    write_line(f"{prefix}{' ' if prefix else ''}{value if isinstance(value, str) else repr(value)}")
