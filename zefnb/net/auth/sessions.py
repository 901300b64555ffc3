"""Sessions: the logins of a server that have not ended, by the hash of their secret id."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

# 4000 to 4999 are codes of the program (RFC 6455, section 7.4.2); the digits are those of HTTP's 401.
SESSION_ENDED = 4401
# The oldest session ends when there are more, of one user or together.
USER_SESSIONS_LIMIT = 100
SESSIONS_LIMIT = 10_000
# Seconds after which a session ends, also when it is in use; longer if `session_duration` is.
ABSOLUTE_DURATION = 30 * 86_400.0


class Socket(Protocol):
    """A connection, as its session uses it."""

    def close_now(self, code: int, reason: str) -> None:
        """Drop everything that waits for the client, and close."""


class Session:
    """One login of one user. `number` names it in tables; it is not a secret."""

    __slots__ = ("absolute_end", "credential", "digest", "duration", "is_sliding", "number", "proof", "recheck_data",
                 "rechecked", "seen", "since", "sockets", "user")  # fmt: skip

    def __init__(self, digest: bytes, user: dict[str, Any], now: float, duration: float, is_sliding: bool) -> None:
        self.digest = digest
        self.number = secrets.token_hex(6)
        self.user = user
        self.since = self.seen = self.rechecked = now
        self.duration = duration
        self.is_sliding = is_sliding
        self.absolute_end = now + (max(ABSOLUTE_DURATION, duration) if is_sliding else duration)
        self.sockets: set[Socket] = set()
        # The proof of the login, which is compared with a changed `auth`; and the data for `Provider.recheck`.
        self.credential: Any = None
        self.recheck_data: Any = None
        # In another process, shows whether the password is still the same; `None` for other kinds of logins.
        self.proof: bytes | None = None

    @property
    def end(self) -> float:
        """When the session ends if there is no further request."""
        return min(self.absolute_end, self.seen + self.duration) if self.is_sliding else self.absolute_end

    def close_sockets(self, reason: str) -> None:
        """Close the connections of the session."""
        for socket in list(self.sockets):
            socket.close_now(SESSION_ENDED, reason)
        self.sockets.clear()


def digest_of(secret: str) -> bytes:
    """The hash under which a secret of 256 random bits is stored."""
    return hashlib.sha256(secret.encode(errors="replace")).digest()


class Sessions:
    """The sessions of one server. `on_change` is called with each session that begins or ends."""

    def __init__(self, duration: float, is_sliding: bool, clock: Callable[[], float] = time.time) -> None:
        self.duration = duration
        self._is_sliding = is_sliding
        self.clock = clock
        self._by_digest: dict[bytes, Session] = {}
        self.on_begin: Callable[[Session], None] = lambda session: None
        self.on_end: Callable[[Session], None] = lambda session: None

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_digest.values()))

    def begin(self, user: dict[str, Any]) -> tuple[Session, str]:
        """A new session, and its secret id. Call `on_begin` once it is complete."""
        secret = secrets.token_urlsafe(32)
        session = self.make(digest_of(secret), user, self.clock())
        self._make_room(user)
        self.adopt(session)
        return session, secret

    def make(self, digest: bytes, user: dict[str, Any], since: float) -> Session:
        """A session with the durations of this server, which is not added."""
        return Session(digest, user, since, self.duration, self._is_sliding)

    def adopt(self, session: Session) -> None:
        """Add a session that has begun elsewhere: at the server that this one replaces, or in another process."""
        self._by_digest[session.digest] = session

    def find(self, secret: str) -> Session | None:
        """The session with this id, if it has not ended."""
        session = self._by_digest.get(digest_of(secret)) if secret else None
        return session if session is not None and self.is_current(session) else None

    def is_current(self, session: Session) -> bool:
        """Whether the session has not ended."""
        return session.digest in self._by_digest and self.clock() < session.end

    def touch(self, session: Session) -> None:
        """Note that the user has sent a request."""
        session.seen = self.clock()

    def end(self, session: Session, reason: str) -> None:
        """End a session and close its connections with 4401."""
        if self._by_digest.pop(session.digest, None) is not None:
            self.on_end(session)
        session.close_sockets(reason)

    def end_late(self) -> None:
        """End the sessions whose time is over."""
        now = self.clock()
        for session in self:
            if now >= session.end:
                self.end(session, "the session has expired")

    def next_end(self) -> float | None:
        """When the next session ends."""
        return min((session.end for session in self._by_digest.values()), default=None)

    def of(self, name: str) -> list[Session]:
        """The sessions of a user, by `id`, `name` or `email`."""
        return [each for each in self if name in (each.user.get("id"), each.user.get("name"), each.user.get("email"))]

    def _make_room(self, user: dict[str, Any]) -> None:
        same = [each for each in self._by_digest.values() if is_same_user(each.user, user)]
        for crowd, limit in ((same, USER_SESSIONS_LIMIT), (self._by_digest.values(), SESSIONS_LIMIT)):
            if len(crowd) >= limit:
                self.end(min(crowd, key=lambda each: each.seen), "there are too many sessions")


def is_same_user(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two users are the same: the same `id` at the same provider."""
    return bool(one.get("id") == other.get("id") and one.get("provider") == other.get("provider"))
