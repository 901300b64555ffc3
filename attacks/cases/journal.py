"""The journal: text from peers neither delays it, nor fills it, nor forges a line in it."""

from __future__ import annotations

import time
import unicodedata
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

from attacks.attack import Attack, Outcome, Settings
from attacks.probe import Probe
from attacks.second_server import against_second_server
from attacks.servers.long_errors import ERRORS, RESPONSES
from attacks.targets import Server
from attacks.wire import Wire, connect, frame, handshake

REFUSALS = 1_100
# A colour, clearing the screen, writing to the clipboard (OSC 52), a title, the same in C1, a forged line, a line
# separator, and a change of direction.
ESCAPES = (
    "\x1b[31mred",
    "\x1b[2J\x1b[H",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b]0;title\x1b\\",
    "\x9b2J\x9d52;c;eA==\x9c",
    "x\n2026-01-01 ERROR forged",
    "x\r\nforged",
    "x\u2028forged\u2029\x85forged",
    "gnp.\u202eexe\u2066x\u2069",
    # A link (OSC 8), a device's reply (DCS), an overwritten line, a NUL, a backspace, and stacked marks.
    "\x1b]8;;http://forged.example\x1b\\link\x1b]8;;\x1b\\",
    "\x90q\x9c\x1bP0q\x1b\\",
    "over\rforged\x00\x08\x7f\x0b\x0c",
    "\ufeff\u200b\u061ca" + "\u0301" * 30,
)


def long_errors(server: Server, settings: Settings) -> Outcome:
    """A handler fails with 20 MiB of text, in every way, again and again."""
    times = settings.pick(5, 1)
    kinds = (*ERRORS, *RESPONSES)
    with Probe(server) as probe, connect(server, "/long") as wire:
        for kind in kinds * times:
            wire.send(frame(kind))
            time.sleep(0.1)
        deadline = time.monotonic() + 60
        while (counted := _count(server, "on_long")) < len(kinds) * times and time.monotonic() < deadline:
            time.sleep(0.2)
    journal = server.command("journal", level="error")
    longest = max(len(text) for key in ("messages", "tracebacks") for text in journal[key])
    return Outcome(
        f"{counted:,} errors of {len(kinds)} kinds with 20 MiB each; worst of others: {probe}; "
        f"the longest text kept has {longest:,} characters",
        ok=counted == len(kinds) * times and probe.worst <= 50 and longest <= 8_000,
        details={"worst": probe.worst, "counted": counted},
    )


def _count(server: Server, handler: str) -> int:
    journal = server.command("journal", level="error")
    found = zip(journal["messages"], journal["counts"], strict=True)
    return sum(count for message, count in found if handler in message)


def refusals(server: Server, settings: Settings) -> Outcome:
    """A client uses another Host for each request, after one real error of a handler."""
    with connect(server, "/complains") as wire:
        wire.send(frame("before"))
        wire.silent(0.2)
    lines = len(server.log.read_text(errors="replace").splitlines())
    for number in range(REFUSALS):
        requested = handshake(host=f"host-{number}.example") if number % 2 else _plain(f"host-{number}.example")
        with Wire(server.port) as wire:
            wire.send(requested)
            assert wire.read_head()[0] == 403
    entries: list[dict[str, Any]] = server.command("entries")["entries"]
    refused = [entry for entry in entries if "refused" in entry["message"]]
    faults = [entry for entry in entries if "on_anything" in entry["message"]]
    reported = [
        line for line in server.log.read_text(errors="replace").splitlines()[lines:] if "refused a request" in line
    ]
    return Outcome(
        f"{REFUSALS:,} refusals: {len(refused)} entry that counts {sum(entry['count'] for entry in refused):,}, "
        f"{len(reported)} lines in the log; the earlier error is kept",
        ok=len(refused) == 1
        and refused[0]["count"] == REFUSALS
        and 2 <= len(refused[0]["examples"]) <= 5
        and bool(faults)
        and 1 <= len(reported) <= 10,
        details={"entries": refused, "reported": reported},
    )


def _plain(host: str, path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def escapes(server: Server, settings: Settings) -> Outcome:
    """Names, paths, messages and close reasons with escape sequences and line ends."""
    for text in ESCAPES:
        with connect(server, f"/complains?{quote(text)}={quote(text)}") as wire:
            wire.send(frame(text))
            wire.send(frame(text.encode()))
            wire.send(frame(b"\x03\xe8" + text.encode()[:120], opcode=8))
            wire.silent(0.1)
        for requested in (_plain("localhost", f"/page/{quote(text)}"), _plain("localhost", f"/page?x={quote(text)}")):
            _ask(server, requested)
        # A Host cannot contain a line end; the rest is sent unchanged.
        host = text.replace("\r", "").replace("\n", "")
        _ask(server, _plain(host))
        _ask(server, handshake(Origin=f"http://{host}"))
    # These stay connected, so that the tables show them.
    with ExitStack() as staying:
        for text in ESCAPES:
            staying.enter_context(connect(server, f"/echo?{quote(text)}={quote(text)}"))
        shown: dict[str, str] = dict(server.command("drawn"))
    shown["log"] = server.log.read_bytes().decode("utf-8", "replace")
    raw = {place: found for place, text in shown.items() if (found := _raw(text))}
    forged = [line for text in shown.values() for line in text.splitlines() if line.lstrip().startswith(_FORGED)]
    reached = "x1b" in shown["journal"] and "forged" in shown["journal"] and "x1b" in shown["faults"]
    return Outcome(
        f"{len(ESCAPES)} texts by 8 ways in; in {len(shown)} places: {len(raw)} raw, {len(forged)} forged lines",
        ok=not raw and not forged and reached,
        details={"raw": raw, "forged": forged[:5]},
    )


_FORGED = ("forged", "2026-01-01")


def _ask(server: Server, request: bytes) -> None:
    with Wire(server.port) as wire:
        wire.socket.settimeout(1)
        wire.send(request)
        try:
            wire.read_end()
        except (TimeoutError, OSError):
            return


def _raw(text: str) -> list[str]:
    """Return the characters in `text` that control a terminal, except line ends and blanks of a table."""
    acting = {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} - {"\n", "\t"}
    return sorted(map(ascii, acting | ({"\u202e", "\u2066", "\u2069"} & set(text))))


ATTACKS = (
    Attack(
        "long-errors",
        "handlers fail with 20 MiB of text, as text, key, repr, note, cause, group and result: worst delay of others "
        "50 ms, "
        "each counted, no text longer than 8,000 characters kept",
        long_errors,
        quick=True,
        peers=False,
        attempts=3,
    ),
    Attack(
        "refusals",
        "1,100 requests, each with another Host: one entry with the count and some examples, ten lines in the log at "
        "most, and no error pushed out",
        against_second_server(refusals),
        quick=True,
        peers=False,
    ),
    Attack(
        "escapes",
        "escape sequences and line ends in messages, paths, queries, hosts, origins and close reasons: none of them "
        "raw in the journal, the log, the tables, `%zef faults`, `%zef watch` in a terminal or `zefnb doctor`",
        against_second_server(escapes),
        quick=True,
        peers=False,
    ),
)
