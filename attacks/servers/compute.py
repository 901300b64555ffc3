"""A computing cell: only Python code, in the main thread."""

from __future__ import annotations

import time
from typing import Any


def compute(seconds: float) -> dict[str, Any]:
    """Compute for `seconds`."""
    total, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        total += sum(number * number % 7 for number in range(1_000))
    return {"total": total}
