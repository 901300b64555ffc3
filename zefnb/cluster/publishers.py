"""Publishers: which messages of each node have been read, so that repeated ones are dropped and lost ones are found."""

from __future__ import annotations

from collections import OrderedDict

_REMEMBERED = 10_000


class Publishers:
    """The number of the last message of each node, by the incarnation of the node."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()

    def copy(self) -> Publishers:
        """Return a copy, for a reader that lags behind this one."""
        copy = Publishers()
        copy._last = self._last.copy()
        return copy

    def last(self, publisher: str) -> int | None:
        """Return the number of the last message of a node that has been read."""
        return self._last.get(publisher)

    def take(self, publisher: str, first: int, count: int) -> tuple[int, int]:
        """Record messages `first` and following. Returns how many of them are repeated, and how many before are lost.

        >>> publishers = Publishers()
        >>> publishers.take('a', 1, 3), publishers.take('a', 2, 3), publishers.take('a', 7, 1)
        ((0, 0), (2, 0), (0, 2))
        """
        last = self._last.get(publisher)
        if last is None:
            self._last[publisher] = first + count - 1
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
            return 0, 0
        repeated = min(max(last + 1 - first, 0), count)
        lost = max(first - last - 1, 0)
        self._last[publisher] = max(last, first + count - 1)
        self._last.move_to_end(publisher)
        return repeated, lost

    def lost_tail(self, publisher: str, accepted: int) -> int:
        """Record that a node has sent messages up to `accepted`, and return how many of them were not read."""
        last = self._last.get(publisher)
        if last is None or accepted <= last:
            return 0
        self._last[publisher] = accepted
        return accepted - last
