"""The budget: what all peers together may hold of this process, by kind, each kind with its limit."""

from __future__ import annotations

import threading
from types import TracebackType

from zefnb.engine.runtime import Runtime

# Bytes that are held for peers of all servers together.
BODIES_LIMIT = 64 << 20
MESSAGES_LIMIT = 64 << 20
ANSWERS_LIMIT = 64 << 20


class Account:
    """What is held of one kind, exactly. Used on the loop only.

    >>> account = Account(10)
    >>> account.take(7), account.take(4), account.take(3), account.held
    (True, False, True, 10)
    >>> account.release(10)
    >>> account.held
    0
    """

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def is_scarce(self) -> bool:
        """Whether more than a quarter of the limit is held."""
        return self.held * 4 > self.limit

    def take(self, amount: int) -> bool:
        """Hold `amount` more; returns False, and holds nothing more, where that would exceed the limit."""
        if self.held + amount > self.limit:
            return False
        self.held += amount
        return True

    def release(self, amount: int) -> None:
        """Hold `amount` less. Raises `ValueError` for more than is held, which would be an error in our own code."""
        if amount > self.held:
            raise ValueError(f"{amount} released, but {self.held} held")
        self.held -= amount


class SharedAccount(Account):
    """The same for any thread."""

    __slots__ = ("_lock",)

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._lock = threading.Lock()

    def take(self, amount: int) -> bool:
        with self._lock:
            return super().take(amount)

    def release(self, amount: int) -> None:
        with self._lock:
            super().release(amount)


class Held:
    """What one request holds of an account, released when its block ends."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._amount = 0

    def take(self, amount: int) -> bool:
        """Hold more; returns False where all together would hold too much."""
        if not self._account.take(amount):
            return False
        self._amount += amount
        return True

    @property
    def amount(self) -> int:
        """What is held now."""
        return self._amount

    def settle(self, amount: int) -> bool:
        """Hold this much, more or less than before; returns False, and changes nothing, where that is too much."""
        if amount > self._amount:
            return self.take(amount - self._amount)
        self._account.release(self._amount - amount)
        self._amount = amount
        return True

    def release(self) -> None:
        """Hold nothing any more."""
        self._account.release(self._amount)
        self._amount = 0

    def __enter__(self) -> Held:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


# Of a body: its bytes while they come, and its text, whose characters take four bytes each at most.
_HELD_FOR_EACH_BYTE = 6


class Budget:
    """A service of the runtime: one account for each kind.

    `bodies`: bytes of HTTP requests that wait, are read or handled. `messages`: bytes of WebSocket messages that have
    begun and are not whole. `answers`: bytes of HTTP answers that have yet to be sent.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.bodies = Account(BODIES_LIMIT)
        self.messages = Account(MESSAGES_LIMIT)
        # Taken where a handler runs: what does not fit is let go there, before the next is made.
        self.answers = SharedAccount(ANSWERS_LIMIT)

    def make_room_for_body(self, size: int) -> None:
        """Let a body of `size` bytes be held, which a server or a route allows."""
        self.bodies.limit = max(self.bodies.limit, _HELD_FOR_EACH_BYTE * size)
