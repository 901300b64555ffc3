"""The feed of pictures: the current diagram, which all views of a runtime share, with the rate of each box."""

from __future__ import annotations

import time
from typing import Any

from zefnb.engine.runtime import Runtime
from zefnb.notebook.overview import Rates
from zefnb.notebook.picture.build import diagram_of
from zefnb.notebook.picture.diagram import Diagram, Node
from zefnb.notebook.picture.faults import Entry, Faults
from zefnb.notebook.picture.observed import Observed

# Seconds between two diagrams: two updates a second.
INTERVAL = 0.5
# Reading the journal takes more time than the diagram, if there are many errors.
_JOURNAL_INTERVAL = 1.0
_MOST_ERRORS = 5


class PictureFeed:
    """The diagram of everything that runs: a service of the runtime, used on the loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._rates = Rates(runtime)
        self._errors: list[Entry] = []
        self._read_at = self._made_at = float("-inf")
        self.diagram = Diagram()
        # The number of the diagram.
        self.number = 0

    def refresh(self) -> None:
        """Make a new diagram, if the last one is old enough."""
        # A tick may come a little early.
        if time.monotonic() - self._made_at >= INTERVAL * 0.95:
            self.renew()

    def renew(self) -> None:
        """Make a new diagram."""
        self._made_at = now = time.monotonic()
        if now - self._read_at >= _JOURNAL_INTERVAL * 0.95:
            self._errors, self._read_at = list(self._runtime.journal.entries("error")), now
        observed = self._runtime.service(Observed)
        self.diagram = diagram_of(self._runtime, observed.all(), self._errors)
        observed.keep(self.diagram.sources.keys())
        self._rates.forget_old()
        for node in self.diagram.nodes.values():
            if node.total is not None:
                node.rate = self._rates.of(node.id, node.total)
        self.number += 1

    def errors_of(self, node: Node) -> list[dict[str, Any]]:
        """Return the latest errors of a box, the newest first, as JSON values."""
        faults = Faults(self.diagram.nodes.values())
        found = (entry for entry in self._errors if faults.node_of(entry) is node)
        return [_shown(entry) for entry, _ in zip(found, range(_MOST_ERRORS), strict=False)]


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry["last"].seconds,
        "text": entry["message"],
        "count": entry["count"],
        "traceback": entry.get("traceback", ""),
    }
