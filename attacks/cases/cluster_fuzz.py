"""Entries of a cluster's log that anyone with access to the broker may write: no code runs, and no reader stops."""

from __future__ import annotations

import pickle
import random
import struct
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

from attacks.attack import Attack, Outcome, Settings
from attacks.cluster import cluster
from attacks.targets import Server
from zefnb.cluster.batch import EVENT, FAR, TOPIC
from zefnb.core.codec.codec import decode, encode
from zefnb.core.time import Time

_EVENTS = ("joined", "left", "ask", "missing")
_HOSTILE = "this"  # a module that a pickle could import, and that nothing else imports


class _Import:
    def __reduce__(self) -> Any:
        return __import__, (_HOSTILE,)


def _packed(kind: int, key: bytes, content: bytes) -> bytes:
    return struct.pack(">BHI", kind, len(key), len(content)) + key + content


def _changed(random_: random.Random, data: bytes) -> bytes:
    """Return the bytes with some of them changed, removed or repeated."""
    changed = bytearray(data)
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(changed) + 1)
        choice = random_.random()
        if choice < 0.5 and at < len(changed):
            changed[at] = random_.randrange(256)
        elif choice < 0.75:
            del changed[at : at + random_.randint(1, 8)]
        else:
            changed[at:at] = changed[at : at + random_.randint(1, 8)] or b"\x80"
    return bytes(changed)


def _is_readable(content: bytes) -> bool:
    try:
        decode(content)
    except Exception:
        return False
    return True


def _entries(seed: int) -> Iterator[tuple[list[bytes], bool]]:
    """Yield entries, and whether each must be counted as damaged."""
    values = ["text 1", {"a": [1, (2, {3})]}, Time("2026-11-29T00:00:00Z"), 2**70, b"bytes", encode("nested")]
    hostile = pickle.dumps(_Import())
    number, random_ = 0, random.Random(seed)
    while True:
        number += 1
        publisher = b"f%d" % number
        content = encode(random_.choice(values))
        choice = random_.randrange(6)
        if choice == 0:  # a content that may be damaged
            content = _changed(random_, content)
            yield [b"p", publisher, b"q", b"1", b"b", _packed(TOPIC, b"room", content)], not _is_readable(content)
        elif choice == 1:  # code
            kind = random_.choice((TOPIC, FAR))
            yield [b"p", publisher, b"q", b"1", b"b", _packed(kind, b"room", hostile)], True
        elif choice == 2:  # lengths that do not fit
            batch = _packed(TOPIC, b"room", content)
            yield [b"p", publisher, b"q", b"1", b"b", batch[: random_.randint(1, len(batch) - 1)]], True
        elif choice == 3:  # fields that are missing or not valid
            fields = [b"p", publisher, b"q", b"1", b"b", _packed(TOPIC, b"room", content)]
            at = random_.randrange(4)
            if at == 0:
                yield fields[2:], True
            else:
                fields[1 if at == 1 else 3] = random_.choice([b"", b"../..", b"-1", b"\xff\xfe", b"9" * 100])
                yield fields, True
        elif choice == 4:  # an event with a value that none of zefnb's has
            event = random_.choice(_EVENTS).encode()
            yield [b"p", publisher, b"q", b"1", b"b", _packed(EVENT, event, encode([random_.random()]))], True
        else:  # homes of handles that are not valid
            yield [b"p", publisher, b"q", b"1", b"b", _packed(FAR, b"room", content)], True


def fuzzed(server: Server, settings: Settings) -> Outcome:
    """Write the entries beside a node that publishes."""
    count = settings.pick(10_000, 300)
    assert _HOSTILE not in sys.modules
    with cluster(2) as attacked:
        node, reader = attacked.nodes
        before = set(reader.command("loaded")["modules"])
        entries = list(islice(_entries(20261129), count))
        expected, rounds = sum(is_damaged for _, is_damaged in entries), range(0, count, 100)
        for begin in rounds:
            attacked.broker.add([fields for fields, _ in entries[begin : begin + 100]])
            node.command("publish", content=f"between {begin}")
        attacked.publish_end()
        received = reader.command("received")["each"]
        journal = reader.command("journal")
        imported = set(reader.command("loaded")["modules"]) - before
    counted = sum(
        entry for text, entry in zip(journal["messages"], journal["counts"], strict=True) if "is not valid" in text
    )
    between = received.get("between", 0)
    return Outcome(
        f"{count:,} entries, {expected:,} of them not valid, {counted:,} counted; {between} of "
        f"{len(rounds)} messages between them received; imported: {', '.join(sorted(imported)) or 'nothing'}",
        ok=counted == expected and between == len(rounds) and _HOSTILE not in imported,
    )


ATTACKS = (
    Attack(
        "cluster-fuzz",
        "10,000 fuzzed entries in the log of a cluster: no code runs, no reader stops, and each is counted",
        fuzzed,
        peers=False,
    ),
)
