"""Access: whom a route of a server with `auth=` serves."""

from __future__ import annotations

from typing import NamedTuple

from zefnb.core.function import ZefFunction


class Access(NamedTuple):
    """Whether any visitor may use a route (`public`), or only the users for whom `allow(user)` is true."""

    public: bool = False
    allow: ZefFunction | None = None


# The default: all users with a session.
USERS = Access()
