"""A process that joins, publishes from several threads, and prints what it has received, for `test_processes`."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time

from zefnb import ET, FX, run

ROOM, READY = ET.Topic("room"), ET.Topic("ready")


def main(cluster: str, name: str, threads: int, count: int, total: int, nodes: int) -> None:
    found: list[list[str]] = []
    ready: set[str] = set()
    FX.JoinCluster(name=cluster, topics=["room", "ready"]) | run
    FX.SubscribeFX(topic=ROOM, op=lambda message: found.append(message)) | run
    FX.SubscribeFX(topic=READY, op=lambda message: ready.add(message)) | run
    while len(ready) < nodes:
        FX.Publish(target=READY, content=name) | run
        time.sleep(0.05)
    FX.Publish(target=READY, content=name) | run  # for the node that was the last to subscribe

    def publish(thread: int) -> None:
        for number in range(count):
            FX.Publish(target=ROOM, content=[f"{name}{thread}", number]) | run

    workers = [threading.Thread(target=publish, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    end = time.monotonic() + 60
    while len(found) < total and time.monotonic() < end:
        time.sleep(0.01)
    order = hashlib.sha256(json.dumps(found).encode()).hexdigest()
    each = {publisher: [n for p, n in found if p == publisher] for publisher in {p for p, _ in found}}
    in_order = all(numbers == list(range(count)) for numbers in each.values())
    print(json.dumps({"order": order, "count": len(found), "publishers": len(each), "in_order": in_order}))
    sys.stdout.flush()
    sys.stdin.readline()  # the cluster's other processes may still need this one's broker


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
