"""A node of `bench.cluster_costs`: it joins, publishes or reads, and prints its processor time."""

from __future__ import annotations

import json
import sys
import threading
import time

from zefnb import ET, FX, op, run

ROOM, END, SOURCE = ET.Topic("room"), ET.Topic("end"), ET.Topic("source")


def publish(count: int, content: str, burst: int) -> None:
    """Publish alone and wait for the broker each time, or through a local topic, as the sockets of a server do."""
    passed: list[None] = []

    @op(inline=True)
    def pass_on(message: str) -> str:
        passed.append(None)
        return message

    if burst > 1:
        FX.MapTopic(source=SOURCE, target=ROOM, op=pass_on) | run
    target = ROOM if burst == 1 else SOURCE
    for _ in range(count):
        FX.Publish(target=target, content=content) | run
    while burst > 1 and len(passed) < count:
        time.sleep(0.001)
    FX.Publish(target=END, content="end") | run


def main(url: str, role: str, count: int, size: int, burst: int) -> None:
    """Join, wait for a line, work, print the processor time, wait for a line, and leave."""
    has_ended = threading.Event()
    FX.JoinCluster(url=url, topics=["room", "end"]) | run
    FX.SubscribeFX(topic=END, op=lambda message: has_ended.set()) | run
    if role == "subscribe":
        FX.SubscribeFX(topic=ROOM, op=op(inline=True)(lambda message: None)) | run
    print(json.dumps({"ready": 1}), flush=True)
    sys.stdin.readline()
    before = time.process_time()
    if role == "publish":
        publish(count, "x" * size, burst)
    has_ended.wait()
    print(json.dumps({"cpu": time.process_time() - before}), flush=True)
    sys.stdin.readline()
    FX.LeaveCluster() | run


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
