"""The store of a database that all nodes share: its keys and values are in the broker.

A change is made there by one script, and only if what it was computed from has not changed meanwhile; otherwise it is
computed again. Each batch of changes has a number, so that a repetition after a lost reply has no effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from zefnb.cluster.blocking import BlockingCommands, NoReply
from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.database_format import (
    HOMES,
    OPEN_SCRIPT,
    OWN_FIELDS,
    UID,
    VERSION,
    WRITE_SCRIPT,
    homes_of,
    keys_of,
    value_of,
    with_homes,
    without_homes,
)
from zefnb.cluster.database_writer import DatabaseWriter, Known
from zefnb.cluster.homes import Homes
from zefnb.cluster.membership import row_of
from zefnb.cluster.remote_table import RemoteTable
from zefnb.core.codec.codec import Destination, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.entity import Entity
from zefnb.core.uid import generate_uid, is_uid
from zefnb.engine.runtime import Runtime
from zefnb.engine.worker_thread import refuse_to_wait
from zefnb.errors import ClusterUnavailable, NotRunning, StorageFailed, WouldBlock
from zefnb.store.key import canonical_key
from zefnb.store.store import Done, Work
from zefnb.store.stored_value import restored_value, stored_value
from zefnb.store.waiting import Waiting

T = TypeVar("T")

_DESTINATION = Destination("DictDatabase", "Store", "A database in memory can store any value")
# The types of keys that may have handles.
_WITH_HANDLES = (Entity, tuple, frozenset)


class ClusterStore:
    """Stores zefnb's values in the broker. Reads and writes wait for it, and therefore not on the event loop."""

    quick = False

    def __init__(self, runtime: Runtime, url: BrokerUrl, cluster: str, path: str, homes: Homes) -> None:
        self._runtime = runtime
        self._cluster = cluster
        self._homes = homes
        self.name = path
        self.uid = ""
        self._count = 0
        prefix = f"zefnb:{cluster}"
        self._key, self._registry = f"{prefix}:db:{path}", f"{prefix}:dbs"
        self._nodes = f"{prefix}:nodes"
        self._last = f"{prefix}:dbw:{os.urandom(8).hex()}"
        self._commands = BlockingCommands(url)
        self._closed_text = ""
        self._writer = DatabaseWriter(self._table, self._send, self._closed)
        # Called when a user has closed it.
        self.on_close: Callable[[], None] = lambda: None

    @property
    def path(self) -> str:
        """Where it is, for displays."""
        return f"cluster {self._cluster}/{self.name}"

    @property
    def known_count(self) -> int:
        """The number of keys when this process last wrote or counted them."""
        return self._count

    def open(self) -> None:
        """Create the database in the broker if there is none. Blocks. Raises `ClusterUnavailable`."""
        with self._errors():
            reply = self._commands.call("EVAL", OPEN_SCRIPT, 2, self._key, self._registry, generate_uid(), self.name)
        uid = reply[0].decode("utf-8", "replace")
        if not is_uid(uid):
            raise StorageFailed(f"{self.path} is not a database of zefnb; choose another path")
        self.uid = uid
        self._count = reply[1] - OWN_FIELDS

    def get(self, key: Any) -> Any:
        with self._reading():
            content = self.read_field(canonical_key(key))
            if content is None:
                raise KeyError(key)
            stored = value_of(content)
        return self.restored(key, stored)

    def keys(self, limit: int = -1) -> list[Any]:
        with self._reading():
            contents = self.read_all()[1]
            keys = list(keys_of(contents).values())
            self._add_homes(map(value_of, contents.values()))
        return keys if limit < 0 else keys[:limit]

    def items(self) -> list[tuple[Any, Any]]:
        with self._reading():
            contents = self.read_all()[1]
            rows = [(key, value_of(contents[field])) for field, key in keys_of(contents).items()]
            self._add_homes(stored for _, stored in rows)
        return [(key, self._decoded(key, stored)) for key, stored in rows]

    def __len__(self) -> int:
        with self._reading():
            found = self._commands.call("EVAL", _COUNT, 1, self._key)
            self._check_uid(found[0])
        self._count = int(found[1]) - OWN_FIELDS
        return self._count

    def __contains__(self, key: object) -> bool:
        with self._reading():
            return self.read_field(canonical_key(key)) is not None

    def stored(self, key: Any, value: Any) -> bytes:
        topics: set[str] = set()
        encoded = stored_value(key, value, _DESTINATION, topics)
        if isinstance(key, _WITH_HANDLES):
            encode(key, _DESTINATION, topics)
        return with_homes(self._homes.of(topics), encoded) if topics else encoded

    def restored(self, key: Any, stored: Any) -> Any:
        if stored.startswith(HOMES):
            with self._errors():
                self._add_homes([stored])
        return self._decoded(key, stored)

    def _decoded(self, key: Any, stored: bytes) -> Any:
        """Return the value of its stored form, whose homes have been added."""
        return restored_value(self.path, key, without_homes(stored) if stored.startswith(HOMES) else stored)

    def _add_homes(self, values: Iterable[bytes]) -> None:
        """Remember the homes of the handles in these values before they are used."""
        homes: dict[str, str] = {}
        for value in values:
            if value.startswith(HOMES):
                homes.update(self._homes.new(homes_of(value)))
        if not homes:
            return
        joined = {}
        if unknown := self._homes.unknown(homes):  # they have left, or joined a moment ago
            rows = map(row_of, self._commands.call("HMGET", self._nodes, *unknown))
            joined = {home: row.get("name") for home, row in zip(unknown, rows, strict=True) if row is not None}
        self._homes.add_from_thread(homes, joined)

    def write(self, work: Work[T]) -> T:
        self._refuse_on_loop()
        waiting = Waiting()
        self.submit(work, waiting.done)
        result: T = waiting.result()
        return result

    def submit(self, work: Work[Any], done: Done) -> None:
        self._writer.submit(work, done)

    def close(self) -> None:
        """Complete the submitted work. `FX.CloseDB` calls it."""
        self.on_close()
        self.end(f"the database {self.name!r} of the cluster {self._cluster!r} has been closed")

    def end(self, text: str) -> None:
        """Refuse all further work with this text. Calls that wait for a broker without a reply end with an error."""
        self._closed_text = self._closed_text or text
        self._commands.close()
        self._writer.close()

    @property
    def is_closed(self) -> bool:
        """Whether it can be used no longer."""
        return bool(self._closed_text)

    def _closed(self) -> Exception:
        return NotRunning(self._closed_text)

    def _refuse_on_loop(self) -> None:
        refuse_to_wait()
        if self._runtime.thread.is_current:
            raise WouldBlock(
                f"this would block the event loop until the broker of {self.path} replies; use FX.QueryDB and "
                "FX.UpdateDB, or a function that is not inline"
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._refuse_on_loop()
        with self._errors():
            yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        if self._closed_text:
            raise self._closed()
        try:
            yield
        except NoReply as error:
            raise ClusterUnavailable(f"{self.path} cannot be read: {error}") from None
        except ResponseError as error:
            raise ClusterUnavailable(f"the broker refuses to read {self.path}: {error}") from None
        except Undecodable as error:
            raise StorageFailed(f"{self.path}: a key or value cannot be read: {error}") from None

    def read_field(self, field: bytes) -> bytes | None:
        """Return the content of a field. For the table, too."""
        uid, content = self._commands.call("HMGET", self._key, UID, field)
        self._check_uid(uid)
        found: bytes | None = content
        return found

    def read_all(self) -> tuple[bytes, dict[bytes, bytes]]:
        """Return the version, and the content of each field. For the table, too."""
        found = self._commands.call("HGETALL", self._key)
        contents = dict(zip(found[::2], found[1::2], strict=True))
        self._check_uid(contents.get(UID))
        version = contents.get(VERSION, b"")
        return version, {field: content for field, content in contents.items() if field[:1] != b"\0"}

    def _check_uid(self, uid: bytes | None) -> None:
        if uid != self.uid.encode():
            raise StorageFailed(f"the broker has lost the database {self.path}; create it again with FX.CreateDB")

    def _table(self, known: Known) -> RemoteTable:
        return RemoteTable(self, known)

    def _send(self, number: int, table: RemoteTable) -> Known | None:
        if table.is_certain and not table.changes and table.version is None and len(table.reads) < 2:
            return None
        arguments = [self.uid, number, *table.arguments()]
        kind, count, *now = self._commands.call("EVAL", WRITE_SCRIPT, 2, self._key, self._last, *arguments)
        if kind == b"lost":
            self._check_uid(None)
        if kind == b"done":
            self._count = count - OWN_FIELDS
            return None
        return {
            field: None if content == b"0" else content[1:] for field, content in zip(table.reads, now[0], strict=True)
        }


_COUNT = r"return {redis.call('HGET', KEYS[1], '\0uid'), redis.call('HLEN', KEYS[1])}"
