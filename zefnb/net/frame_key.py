"""The key of the frames in which the pages of a notebook show pages of its servers.

A browser treats the page of some notebooks (VS Code, Colab) as a foreign site, whose frames a server refuses. The
notebook receives this key through its kernel, which no foreign page can do.
"""

from __future__ import annotations

import hmac
import secrets

from zefnb.engine.runtime import Runtime

# The parameter of the query with the key.
FRAME_KEY = "zef-frame"
_KEY_BYTES = 18


class FrameKey:
    """The key of this process: a service of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._key = secrets.token_urlsafe(_KEY_BYTES)

    def reveal(self) -> str:
        """The key, for the authenticated channel between a kernel and its page."""
        return self._key

    def fits(self, given: str) -> bool:
        """Whether it is the key."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._key.encode())
