"""Printing: lines on the output, whole, whatever other threads print."""

from __future__ import annotations

import sys


def write_line(content: object) -> None:
    """Print one line, whole, whatever other threads print."""
    sys.stdout.write(f"{content}\n")
    sys.stdout.flush()


def log_value(value: object, prefix: str = "") -> None:
    """What the op `log` does with a value: a line on the output."""
    write_line(f"{prefix}{' ' if prefix else ''}{value if isinstance(value, str) else repr(value)}")
