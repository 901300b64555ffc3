"""Outgoing messages: encoded, queued for the log, and awaited by callers until the broker has accepted them.

The callers also wait for the delivery in this process, but that is never an error: see `Unread`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from zefnb.cluster.batch import EVENT, FAR, LONGEST_KEY, TOPIC, packed
from zefnb.cluster.homes import Homes
from zefnb.cluster.log_writer import LogWriter
from zefnb.cluster.publishing import Publishing, WaitingCallers
from zefnb.cluster.send_queue import Batch, Message, SendQueue
from zefnb.cluster.sharing import Receivers, Sharing
from zefnb.cluster.unread import Unread
from zefnb.core.codec.codec import Destination, encode
from zefnb.core.effect import FX, Effect
from zefnb.core.entity import Success
from zefnb.engine.perform import SUCCESS
from zefnb.engine.runtime import Runtime
from zefnb.errors import ClusterUnavailable, FieldError, InvalidValue

# Of characters, each of which has four bytes at most.
_LONG_KEY = LONGEST_KEY // 4
MOST_CONTENT = 8 << 20
# Of messages whose topics are remembered, to name them when other nodes could not read them.
_LEDGER = 200_000
_DESTINATION = Destination("FX.Publish", "Publish", "A topic that is not shared can carry any value", "content")


class Outgoing:
    """The messages of this node on their way to the broker."""

    def __init__(self, runtime: Runtime, queue: SendQueue, writer: LogWriter, sharing: Sharing, homes: Homes) -> None:
        self._runtime = runtime
        self._queue = queue
        self._writer = writer
        self._sharing = sharing
        self._homes = homes
        self.unread = Unread(runtime.loop, queue)
        self._callers = WaitingCallers(runtime.loop, queue, self._timed_out)
        # The topics of the last numbered messages, the newest last.
        self._ledger: deque[str] = deque(maxlen=_LEDGER)
        self.on_pause: Callable[[], None] = lambda: None
        self._has_capacity = asyncio.Event()
        self._is_closed = False
        sharing.call_after = self.unread.call_after
        sharing.publish_effect = self.publish_effect
        writer.on_numbered = self.unread.add
        writer.on_accept = self._accepted

    @property
    def waiting(self) -> int:
        """The number of messages that the broker has not accepted yet."""
        return len(self._queue)

    @property
    def problem(self) -> str:
        """Why the broker does not accept messages; empty while it does."""
        return self._writer.problem

    def publish(self, key: str, content: Any, cause: Any, sender: Any, receivers: Receivers) -> None:
        """Publish a message without waiting, as sockets, timers and subscriptions do."""
        self._homes.check(key)
        self._add(Message(key, self._encoded(key, content), cause, sender, receivers))

    def publish_effect(self, key: str, content: Any, cause: Any, is_awaited: bool) -> Awaitable[Success] | None:
        """Publish for an effect. The caller waits for the broker, or only while there is no capacity."""
        self._homes.check(key)
        state = self._sharing.get(key)
        receivers = None if state is None else state.receivers
        message = Message(key, self._encoded(key, content), cause, None, receivers)
        self._add(message)
        if is_awaited:
            message.waiter = Publishing(self._callers, message, cause, self.begin_next)
            return message.waiter
        return self._capacity() if self._queue.is_paused else None

    def begin_next(self, effect: Effect, cause: Any) -> Publishing | None:
        """Publish the next effect of a list, if it is a message to a shared topic and there is capacity."""
        if type(effect) is not FX.Publish or self._queue.is_paused:
            return None
        key = effect.target._uid
        if not isinstance(key, str) or self._sharing[key] is None:
            return None
        return cast("Publishing", self.publish_effect(key, effect.content, cause, True))

    def announce(self, event: str, value: Any) -> None:
        """Send an event to all nodes, this one too, in one order with the messages."""
        self._add(Message(event, packed(EVENT, event, encode(value, _DESTINATION)), is_event=True))

    def _encoded(self, key: str, content: Any) -> bytes:
        uids: set[str] = set()
        encoded, kind = encode(content, _DESTINATION, uids), TOPIC
        if homes := self._homes.of(uids) if uids else None:
            encoded, kind = encode((content, homes), _DESTINATION), FAR
        if len(encoded) > MOST_CONTENT:
            problem = f"it has {len(encoded):,} bytes"
            raise InvalidValue("FX.Publish", [FieldError("content", problem, f"{MOST_CONTENT >> 20} MiB at most")])
        if len(key) > _LONG_KEY and len(key.encode()) > LONGEST_KEY:
            raise InvalidValue("FX.Publish", [FieldError("target", "its name is too long", f"{LONGEST_KEY:,} bytes")])
        return packed(kind, key, encoded)

    def _add(self, message: Message) -> None:
        if self._is_closed:
            raise ClusterUnavailable("not sent: this process has left the cluster")
        if not self._queue.add(message):
            problem = self._writer.problem or "it is slow"
            raise ClusterUnavailable(f"not sent: too many messages wait for the broker: {problem}")
        self._writer.wake()
        if self._queue.is_paused:
            self.on_pause()

    def _timed_out(self, publishing: Publishing) -> None:
        message = publishing.message
        if message.is_accepted:
            return publishing.end()  # only the reader of the log is behind
        outcome = "not sent" if self._queue.withdraw(message) else "outcome unknown"
        reason = self._writer.problem or "it does not reply"
        also = f" nor the {count:,} sent with it" if (count := publishing.close_following()) else ""
        publishing.end(ClusterUnavailable(f"{outcome}: the broker has not accepted the message{also}: {reason}"))

    async def _capacity(self) -> Success:
        while self._queue.is_paused and not self._is_closed:
            self._has_capacity.clear()
            await self._has_capacity.wait()
        return SUCCESS

    def topics_of(self, first: int, count: int) -> dict[str, int]:
        """Return how many of these messages went to each topic; those of long ago under an empty name."""
        sent = self._queue.sent
        known = [*self._ledger, *(message.topic for message in sent.messages if sent)] if sent else list(self._ledger)
        oldest = self._queue.accepted + 1 - len(self._ledger)
        found = Counter(known[max(first - oldest, 0) : max(first + count - oldest, 0)])
        if missing := count - found.total():
            found[""] += missing
        return dict(found.most_common(100))

    def _accepted(self, batch: Batch) -> None:
        self._ledger.extend([message.topic for message in batch.messages])
        self.unread.accepted(batch)
        if not self._queue.is_paused:
            self._has_capacity.set()

    def may_send_soon(self) -> bool:
        """Whether messages wait for the broker, or coroutines that may publish have been woken."""
        has_woken, self._callers.has_woken = self._callers.has_woken, False
        return has_woken or bool(self._queue.waiting)

    def skip_to(self, number: int) -> bool:
        """Number the next messages from `number`, if this node has not used the one before: others have.

        Readers would take the next messages for repeated ones, and drop them.
        """
        if number <= self._queue.next_number:
            return False
        self._queue.next_number = number
        self._ledger.clear()
        return True

    async def flush(self, timeout: float) -> None:
        """Wait until the broker has accepted everything, at most `timeout` seconds."""
        end = self._runtime.loop.time() + timeout
        while len(self._queue) and self._runtime.loop.time() < end:
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Refuse all further messages, and end the waits of callers."""
        self._is_closed = True
        self.unread.close()
        self._queue.close("outcome unknown: this process has left the cluster")
        self._callers.close()
        self._has_capacity.set()
