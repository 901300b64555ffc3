"""Routes that drop messages of slow clients: they are counted and shown, and the client sees the gap."""

from __future__ import annotations

import threading
import time
from functools import partial

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import TEXT, Wire, connect

_SIZE = 16_384
_DIGITS = 64


def number_of(payload: bytes) -> int:
    """Return the sequence number of a message of `bench.servers.control.numbered_messages`."""
    number = 0
    for digit in payload[3:8]:
        number = number * _DIGITS + digit - ord("0")
    return number


def hear_until(wire: Wire, last: int) -> list[int]:
    """Return the numbers that arrive, up to `last`."""
    arrived: list[int] = []
    while not arrived or arrived[-1] != last:
        each = wire.read()
        assert each.opcode == TEXT, f"closed with {each.code} {each.reason!r}"
        arrived.append(number_of(each.payload))
    return arrived


def drops(path: str, server: Server, settings: Settings) -> Outcome:
    """A client reads nothing while much is published, then everything. The missing messages must be those counted."""
    count = settings.pick(1_000, 400)
    with connect(server, path, receive_buffer=4096) as slow, connect(server, "/feed") as witness:
        began = time.monotonic()
        publishing = threading.Thread(target=server.command, args=["publish"], kwargs={"count": count, "size": _SIZE})
        publishing.start()
        received_by_witness = hear_until(witness, count - 1)
        publishing.join()
        took = time.monotonic() - began
        time.sleep(0.3)
        dropped = int(server.command("clients", path=path)["dropped"][0])
        missing = count - dropped
        arrived = [number_of(slow.read().payload) for _ in range(missing)]
        # A client that reads again receives new messages after a gap in the numbers.
        server.command("publish", count=1, size=_SIZE)
        again = number_of(slow.read().payload)
        rows = server.command("clients", path=path)
    in_order = arrived == sorted(set(arrived)) and received_by_witness == list(range(count))
    # The kernel accepts a little more now and then, so one of the newest may still be sent.
    first = next((at for at, number in enumerate(arrived) if number != at), len(arrived))
    is_as_chosen = arrived[-1] == count - 1 if path == "/oldest" else first >= 0.9 * len(arrived)
    stored = "the newest" if path == "/oldest" else "the oldest"
    ok = dropped > 0 and in_order and again == 0 and rows["dropped"] == [dropped]
    return Outcome(
        f"{dropped:,} of {count:,} dropped and shown, the other {len(arrived)} in order, {stored} kept "
        f"(gap at {first}), connection open; a healthy client had all in {took:.1f} s",
        ok=ok and is_as_chosen,
        details={"dropped": dropped, "arrived": len(arrived)},
    )


ATTACKS = tuple(
    Attack(
        f"drop-{kind}",
        f"slow_client='drop_{kind}': dropped messages are counted and shown, the rest arrives in order, "
        "the client stays and sees the gap",
        partial(drops, f"/{kind}"),
        quick=True,
        peers=False,
    )
    for kind in ("oldest", "newest")
)
