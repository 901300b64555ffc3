"""The budget: the memory that all peers together may use in this process, with a limit for each kind."""

from __future__ import annotations

import threading
from types import TracebackType

from zefnb.engine.c_memory import MUCH
from zefnb.engine.runtime import Runtime

# Bytes for the peers of all servers together.
BODIES_LIMIT = 64 << 20
MESSAGES_LIMIT = 64 << 20
WAITING_LIMIT = 64 << 20
RECEIVED_LIMIT = 16 << 20
RESPONSES_LIMIT = 64 << 20


class Account:
    """The exact number of held bytes of one kind. Used on the loop only.

    >>> account = Account(10)
    >>> account.take(7), account.take(4), account.take(3), account.held
    (True, False, True, 10)
    >>> account.release(10)
    >>> account.held
    0
    """

    __slots__ = ("held", "limit", "peak")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        # The most that shares have held since `Budget.has_freed_much` was last true.
        self.peak = 0

    def is_scarce(self) -> bool:
        """Whether more than a quarter of the limit is held."""
        return self.held * 4 > self.limit

    def take(self, amount: int) -> bool:
        """Hold `amount` more. Returns False, and holds nothing more, when that would exceed the limit."""
        if self.held + amount > self.limit:
            return False
        self.held += amount
        return True

    def hold(self, amount: int) -> None:
        """Hold `amount` more, also beyond the limit."""
        self.held += amount

    def release(self, amount: int) -> None:
        """Hold `amount` less. Raises `ValueError` for more than is held, which would be an error in zefnb itself."""
        if amount > self.held:
            raise ValueError(f"{amount} released, but {self.held} held")
        self.held -= amount


class SharedAccount(Account):
    """An account that any thread can use."""

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


class Share:
    """The share of one request in an account, released when its block ends."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._amount = 0

    def take(self, amount: int) -> bool:
        """Hold `amount` more. Returns False when all requests together would exceed the limit."""
        account = self._account
        if not account.take(amount):
            return False
        if account.held > account.peak:
            account.peak = account.held
        self._amount += amount
        return True

    @property
    def amount(self) -> int:
        """The amount that is held now."""
        return self._amount

    @property
    def limit(self) -> int:
        """The limit of the account."""
        return self._account.limit

    def settle(self, amount: int) -> bool:
        """Hold `amount` in all, more or less than before. Returns False, and changes nothing, when that is too much."""
        if amount == self._amount:
            return True
        if amount > self._amount:
            return self.take(amount - self._amount)
        self._account.release(self._amount - amount)
        self._amount = amount
        return True

    def release(self) -> None:
        """Release everything."""
        if self._amount:
            self._account.release(self._amount)
            self._amount = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


# For each byte of a body: the bytes themselves while they arrive, and its text, with at most four bytes a character.
_HELD_FOR_EACH_BYTE = 6


class Budget:
    """A service of the runtime: one account for each kind.

    `bodies`: bytes of HTTP requests that wait, or are being read or handled. `messages`: bytes of WebSocket messages
    that have begun and are not complete. `waiting`: bytes of WebSocket messages that wait for a handler or are being
    handled. `received`: received bytes of WebSocket clients that have yet to be parsed. `responses`: bytes of HTTP
    responses that have yet to be sent.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.bodies = Account(BODIES_LIMIT)
        self.messages = Account(MESSAGES_LIMIT)
        self.waiting = Account(WAITING_LIMIT)
        self.received = Account(RECEIVED_LIMIT)
        # Shared, because handlers' threads use it: a response that does not fit is dropped before the next one is made.
        self.responses = SharedAccount(RESPONSES_LIMIT)

    def has_freed_much(self) -> bool:
        """Whether requests have held much memory, and hold none now. Then false until they have done so again."""
        accounts = (self.bodies, self.responses)
        if any(each.held for each in accounts) or all(each.peak < MUCH for each in accounts):
            return False
        for each in accounts:
            each.peak = 0
        return True

    def make_room_for_body(self, size: int) -> None:
        """Raise the limit so that a body of `size` bytes fits, which a server or a route allows."""
        self.bodies.limit = max(self.bodies.limit, _HELD_FOR_EACH_BYTE * size)
