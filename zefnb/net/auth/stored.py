"""Stored sessions: a `session_db` keeps the sessions of a server when its program starts again.

The database has hashes, users and times, and no secret. Passwords cannot be guessed with it, since the proof of
a password is keyed by the secret id of the session. It is used in a thread, since a write may wait for a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

from zefnb.net.auth.sessions import Session, Sessions

_KEY = "zefnb session "
# Seconds between two writes of the times at which users were seen.
_SEEN_INTERVAL = 60.0


class StoredSessions:
    """The sessions in a database. Writes are in order; `flush` waits for them."""

    def __init__(self, db: MutableMapping[Any, Any], port: int, on_error: Callable[[Exception], None]) -> None:
        self._db = db
        self._key = f"{_KEY}{port} "
        self._on_error = on_error
        self._written: dict[bytes, float] = {}
        self._last: asyncio.Task[None] | None = None

    async def load(self, sessions: Sessions) -> None:
        """Add the sessions of the database that have not ended, and remove the others from it."""
        for key, record in await asyncio.to_thread(self._read):
            session = _restored(key.removeprefix(self._key), record, sessions)
            if session is None:
                self._put(partial(self._db.pop, key, None))
            else:
                sessions.adopt(session)
                self._written[session.digest] = session.seen

    def _read(self) -> list[tuple[str, Any]]:
        return [(key, value) for key, value in self._db.items() if isinstance(key, str) and key.startswith(self._key)]

    def write(self, session: Session) -> None:
        """Write a session that has begun, or whose user was seen."""
        self._written[session.digest] = session.seen
        key, record = self._key + session.digest.hex(), _record(session)
        self._put(lambda: self._db.__setitem__(key, record))

    def write_seen(self, sessions: Sessions) -> None:
        """Write the sessions whose user was seen since a minute after their last write."""
        for session in sessions:
            if session.is_sliding and session.seen - self._written.get(session.digest, 0.0) >= _SEEN_INTERVAL:
                self.write(session)

    def remove(self, session: Session) -> None:
        """Remove a session that has ended."""
        self._written.pop(session.digest, None)
        key = self._key + session.digest.hex()
        self._put(lambda: self._db.pop(key, None))

    def _put(self, work: Callable[[], Any]) -> None:
        self._last = asyncio.get_running_loop().create_task(self._after(self._last, work))

    async def _after(self, before: asyncio.Task[None] | None, work: Callable[[], Any]) -> None:
        if before is not None:
            await before
        try:
            await asyncio.to_thread(work)
        except Exception as error:
            self._on_error(error)

    async def flush(self) -> None:
        """Wait until everything is written."""
        while (last := self._last) is not None and not last.done():
            await asyncio.shield(last)


def _record(session: Session) -> dict[str, Any]:
    return {
        "user": session.user,
        "since": session.since,
        "seen": session.seen,
        "number": session.number,
        "proof": session.proof.hex() if session.proof is not None else "",
    }


def _restored(digest: str, record: Any, sessions: Sessions) -> Session | None:
    try:
        session = sessions.make(bytes.fromhex(digest), dict(record["user"]), float(record["since"]))
        session.seen, session.number = float(record["seen"]), str(record["number"])
        session.proof = bytes.fromhex(record.get("proof", "")) or None
    except (ValueError, KeyError, TypeError):
        return None
    return session if sessions.clock() < session.end else None
