"""A process that runs cells as a script would, each list of them after it has joined a cluster.

All lists run in one process, since a new one for each would take most of the time. Between them it leaves the cluster,
and everything that runs ends. `python -m tests.spec.joined FILE` reads the lists, by name, and prints for each name the
number of messages that went through the log of the cluster.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import zefnb
from tests.conftest import end_everything, wait_until
from zefnb import ET, FX, generate_uid, run
from zefnb.cluster.cluster import Cluster
from zefnb.cluster.send_queue import _EVENTS
from zefnb.engine.runtime import default_runtime


def main(path: Path) -> None:
    counts, environment = {}, dict(os.environ)
    for number, (name, cells) in enumerate(json.loads(path.read_text()).items()):
        join_with_uids("".join(cells))
        run_cells(path.with_name(f"list_{number}.py"), cells)
        counts[name] = messages_in_the_log()
        problems = [row["message"] for row in FX.QueryLog(level="warning") | run]
        assert not [each for each in problems if "cluster" in each], f"{name}: {problems}"
        end_everything()
        os.environ.clear()
        os.environ.update(environment)  # the check of a block lets a proxy lead to its own server
        default_runtime().journal.clear()
    print(json.dumps(counts))


def join_with_uids(code: str) -> None:
    """Join, and share also the topics with the uids that are in the cells, and with those that they will make."""
    uids = [generate_uid() for _ in range(20)]
    FX.JoinCluster(topics=["*", *map(ET.Topic, [*uids, *re.findall("🍃-[0-9a-f]{20}", code)])]) | run
    zefnb.generate_uid = iter(uids).__next__


def run_cells(script: Path, cells: list[str]) -> None:
    """Run them from a file, so that their functions have a source, with names of their own."""
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(script)}
    script.write_text("\n\n".join(cells))
    exec(compile(script.read_text(), str(script), "exec"), names)


def messages_in_the_log() -> int:
    """Return how many messages to topics this node has in the log."""
    [row] = FX.QueryCluster() | run
    node = default_runtime().service(Cluster).joined
    assert row["name"] == node.name
    wait_until(lambda: node.outgoing.waiting == 0)
    return sum(key != _EVENTS for key in node.outgoing._ledger)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
