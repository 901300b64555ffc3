"""A crowd with compressed connections: a long text for all of them, and the memory of idle ones."""

from __future__ import annotations

import base64
import random
import time
from contextlib import ExitStack

from attacks.attack import Attack, Outcome, Settings
from attacks.cases.sizes import DEFLATE, deflated
from attacks.probe import Probe
from attacks.targets import Server, memory
from attacks.wire import TEXT, connect, connected, frame


def one_text_for_all(server: Server, settings: Settings) -> Outcome:
    """A text of 1 MiB that compresses to some 800 KB. `memory` before the first message is that of idle connections."""
    count = settings.pick(100, 50)
    text = base64.b64encode(random.Random(1).randbytes(3 << 18))
    message = frame(deflated(text), TEXT, rsv=4)
    before = memory(server)
    with connected(server, count, "/crowd"):
        plain = (memory(server) - before) / count
    with ExitStack() as stack:
        before = memory(server)
        wires = [stack.enter_context(connect(server, "/packed", **DEFLATE)) for _ in range(count)]
        idle = (memory(server) - before) / count
        with Probe(server) as probe:
            began = time.monotonic()
            wires[0].send(message)
            frames = [wire.read() for wire in wires]
            took = time.monotonic() - began
    same = all(each == frames[0] and each.rsv == 4 for each in frames)
    worst = probe.worst
    return Outcome(
        f"{count} clients have the text after {took:.2f} s{'' if same else ', NOT THE SAME'}; worst of others {probe}; "
        f"an idle connection needs {idle / 1e3:.1f} KB (one without compression {plain / 1e3:.1f})",
        ok=same and worst <= 80 and idle <= plain + 16_384,
        details={"idle": idle, "worst": worst},
    )


ATTACKS = (
    Attack(
        "compressed-crowd",
        "a text of 1 MiB to 100 clients with compression: compressed once and outside the loop, worst delay of others "
        "80 ms; an idle connection needs at most 16 KB more than one without",
        one_text_for_all,
        quick=True,
        peers=False,
        attempts=3,
    ),
)
