"""The writer of a database in the broker: one thread a process, which sends many changes as one batch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import ResponseError

from zefnb.cluster.blocking import TIMEOUT, NoReply
from zefnb.cluster.remote_table import RemoteTable
from zefnb.core.codec.scan import Undecodable
from zefnb.errors import ClusterUnavailable, StorageFailed
from zefnb.store.batch_thread import BatchThread, Job, Outcome
from zefnb.store.store import Work

# The longest pause before a batch is tried again, since another node has changed what it had read: seconds.
_LONGEST_PAUSE = 0.02
_SHORTEST_PAUSE = 0.0005

# The most work in a batch whose contents are remembered.
_MOST_KNOWN = 10

Known = dict[bytes, bytes | None]
# Sends the checks and changes of a batch with this number. Returns `None`, or what has changed meanwhile.
Send = Callable[[int, RemoteTable], Known | None]


class DatabaseWriter:
    """Runs work on a table, in the order of submission. Work that fails is undone without the rest."""

    def __init__(self, make_table: Callable[[Known], RemoteTable], send: Send, closed: Callable[[], Exception]) -> None:
        self._make_table = make_table
        self._send = send
        self._number = 0
        # The contents after the last batch, so that the next one need not read them.
        self._known: Known = {}
        self._batches = BatchThread("zefnb-cluster-database", self._perform, closed)
        # `done(result, error)` is called in the writer's thread when the broker has the changes.
        self.submit = self._batches.submit
        self.close = self._batches.close

    def _perform(self, jobs: list[Job]) -> None:
        for (_, done), outcome in zip(jobs, self._outcomes(jobs), strict=True):
            done(*outcome)

    def _outcomes(self, jobs: list[Job]) -> list[Outcome]:
        self._number += 1
        try:
            return self._performed(jobs)
        except NoReply as error:
            outcome = "outcome unknown" if error.was_sent else "not sent"
            failed: Exception = ClusterUnavailable(f"{outcome}: the broker has not accepted the change: {error}")
        except ResponseError as error:
            failed = ClusterUnavailable(f"not sent: the broker refuses the change: {error}")
        except Exception as error:
            failed = error
        return [(None, failed) for _ in jobs]

    def _performed(self, jobs: list[Job]) -> list[Outcome]:
        known, is_first = self._known, bool(self._known)
        self._known = {}
        pause, end = _SHORTEST_PAUSE, time.monotonic() + TIMEOUT
        while True:
            table = self._make_table(known)
            outcomes = [_outcome(table, work) for work, _ in jobs]
            changed = self._send(self._number, table)
            if changed is None:
                if len(jobs) <= _MOST_KNOWN:
                    self._known = table.contents()
                return outcomes
            if time.monotonic() > end:
                raise StorageFailed("others have changed the database too often; nothing of this change was stored")
            known = changed
            if is_first:  # that took as long as reading
                is_first = False
                continue
            # Some time, and not always the same, so that the nodes do not meet again and again.
            time.sleep(pause * random.random())
            pause = min(pause * 2, _LONGEST_PAUSE)


def _outcome(table: RemoteTable, work: Work[Any]) -> Outcome:
    """Return the result of work, or its error, after which its changes are undone."""
    before = dict(table.changes)
    try:
        return work(table), None
    except NoReply as error:
        raise NoReply(str(error), was_sent=False) from None  # it read: changes are sent after all reads
    except (ResponseError, Undecodable):
        raise
    except Exception as error:
        table.changes = before
        return None, error
