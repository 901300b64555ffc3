"""Files: generated paths below an `ET.FromDirectory`, none of which may lead to a file outside."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server
from attacks.wire import Wire

SECRET = b"the secret of another directory"
_PROGRAM = """
import sys
from zefnb import *

server = FX.StartHTTPServer(routes={'/site/{path...}': ET.FromDirectory(path=sys.argv[1])}, port=0) | run
print(server.port, flush=True)
sys.stdin.read()
"""
PARTS = (
    *("..", ".", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..%2f", "..%252f", "%2f", "%5c", "..%5c", "....//", "..;"),
    *("%00", "..%00", "~", "C:", "con", "%c0%ae%c0%ae", "%ef%bc%8e%ef%bc%8e", "%uff0e", "", "//", "%0a", "%0dX:%20y"),
    *("out", "out.txt", "loop", "in.txt", "sub", "site", "site-2", "outside", "secret.txt", ".hidden", "index.html"),
)
_PIPELINED = 50


def _make(folder: Path) -> Path:
    """Make a directory to serve, with links that lead out of it, and secrets beside it."""
    root = folder / "site"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("index")
    (root / "in.txt").symlink_to(root / "index.html")
    (root / ".hidden").write_bytes(SECRET)
    for name in ("outside", "site-2"):
        (folder / name).mkdir()
        (folder / name / "secret.txt").write_bytes(SECRET)
    (root / "out").symlink_to(folder / "outside")
    (root / "out.txt").symlink_to(folder / "outside" / "secret.txt")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    return root


def _paths(count: int) -> list[str]:
    chosen = random.Random(11)
    return [
        "/site/" + chosen.choice(("/", "", "%2f", "%5c")).join(chosen.choices(PARTS, k=chosen.randint(1, 8)))
        for _ in range(count)
    ]


def files_outside(server: Server, settings: Settings) -> Outcome:
    """Request all paths from another server, which has a directory."""
    paths, statuses, leaked = _paths(settings.pick(10_000, 500)), dict[int, int](), []
    with tempfile.TemporaryDirectory() as folder:
        root = _make(Path(folder))
        with subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            for first in range(0, len(paths), _PIPELINED):
                some = paths[first : first + _PIPELINED]
                with Wire(port) as wire:
                    wire.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in some))
                    for path in some:
                        status, headers, body = wire.read_response()
                        statuses[status] = statuses.get(status, 0) + 1
                        if SECRET in body or headers.get("location", "/site/")[:6] != "/site/":
                            leaked.append(path)
            process.communicate("")
    known = {200, 307, 404}
    return Outcome(
        f"{len(leaked)} of {len(paths):,} paths; statuses {dict(sorted(statuses.items()))}",
        ok=not leaked and set(statuses) <= known and bool(statuses.get(200)) and bool(statuses.get(404)),
        details={"leaked": leaked[:5]},
    )


ATTACKS = (
    Attack(
        "files-outside",
        "no path below an `ET.FromDirectory` reaches a file outside, a hidden one or another place: encoded, doubly "
        "encoded, links, NUL, and forms of Windows",
        files_outside,
        quick=True,
        peers=False,
    ),
)
