"""The limits of a route for a slow client: how many bytes may wait for it, for how long, and what happens then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from zefnb.core.entity import ET, Entity
from zefnb.core.frozen import Frozen
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES
from zefnb.errors import FieldError, shown

Policy = Literal["close", "drop_oldest", "drop_newest"]
POLICIES: tuple[Policy, ...] = ("close", "drop_oldest", "drop_newest")

# Seconds in which a client takes nothing; after these, only few bytes may wait for it.
STALL_TIMEOUT = 5.0
# Bytes that may wait for a client that has taken nothing for so long, and for one that takes nothing at the moment
# (no publisher waits for it, so its queue grows quickly); in each case at least so many times the longest message.
STALLED_LIMIT, STALLED_MESSAGES = 1 << 20, 4
UNREAD_LIMIT, UNREAD_MESSAGES = 4 << 20, 32
# Bytes that may wait for any client.
QUEUE_LIMIT = 16 << 20
# Long messages raise the limits up to this, and to at least four times the longest message.
RAISED_LIMIT = 64 << 20
# Publishers wait for a client that reads and for which more bytes wait.
PAUSE_ABOVE = 256 << 10


class SlowClient(Frozen):
    """An `ET.SlowClient` that has been checked. `None` means the default: see the constants above."""

    policy: Policy = "close"
    max_bytes: int | None = None
    max_seconds: float | None = None

    def stalled_limit(self, longest: int) -> int:
        """Bytes that may wait for a client that has taken nothing for `seconds`; `longest` is the longest message."""
        if self.max_seconds is not None:
            return 0
        return max(STALLED_LIMIT, STALLED_MESSAGES * longest)

    @property
    def seconds(self) -> float:
        """How long a client may take nothing while more bytes wait than `stalled_limit`."""
        return STALL_TIMEOUT if self.max_seconds is None else self.max_seconds

    def unread_limit(self, longest: int) -> int:
        """Bytes that may wait for a client that takes nothing at the moment."""
        if self.max_bytes is not None:
            return self.max_bytes
        many = min(UNREAD_MESSAGES * longest, RAISED_LIMIT)
        return max(UNREAD_LIMIT, many, STALLED_MESSAGES * longest)

    def queue_limit(self, longest: int) -> int:
        """Bytes that may wait for any client."""
        return self.max_bytes if self.max_bytes is not None else max(QUEUE_LIMIT, self.unread_limit(longest))

    @property
    def pause_above(self) -> int:
        """Bytes that wait for a client that reads; with more, publishers wait for it."""
        return PAUSE_ABOVE if self.max_bytes is None else min(PAUSE_ABOVE, self.max_bytes // 4)

    def retained_limit(self, longest: int) -> int:
        """Bytes that a policy that drops messages keeps."""
        return self.max_bytes if self.max_bytes is not None else max(STALLED_LIMIT, STALLED_MESSAGES * longest)


DEFAULT = SlowClient()


def check_slow_client(where: str, given: Any, faults: list[FieldError]) -> SlowClient:
    """The `slow_client` of a route: a policy's name, an `ET.SlowClient` or a dict; adds mistakes to `faults`.

    >>> check_slow_client("slow_client", {"max_bytes": 64 << 20, "max_seconds": 30}, [])
    SlowClient(policy='close', max_bytes=67108864, max_seconds=30)
    """
    policies, original = " | ".join(map(repr, POLICIES)), given
    if isinstance(given, str):
        given = {"policy": given} if given in POLICIES else None
    elif isinstance(given, Entity):
        given = fields_of(given) if type(given) is ET.SlowClient else None
    if not isinstance(given, Mapping):
        allowed = f"{policies}, or ET.SlowClient(policy='close', max_bytes=64 << 20, max_seconds=30)"
        faults.append(FieldError(where, f"got {shown(original)}", allowed))
        return SlowClient()
    before = len(faults)
    faults.extend(SHAPES["SlowClient"].unknown(where, given))
    checks: dict[str, tuple[Any, str]] = {
        "policy": (lambda v: isinstance(v, str) and v in POLICIES, policies),
        "max_bytes": (lambda v: type(v) is int and v > 0, "bytes that may wait for a client, such as 64 << 20"),
        "max_seconds": (
            lambda v: type(v) in (int, float) and 0 < v < float("inf"),
            "seconds in which a client may take nothing, such as 30",
        ),
    }
    for name, (fits, allowed) in checks.items():
        if name in given and not fits(given[name]):
            faults.append(FieldError(f"{where}.{name}", f"got {shown(given[name])}", allowed))
    return SlowClient(**given) if len(faults) == before else SlowClient()
