"""Hostile database files: values that would fill the process, tables without end."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

HEAD = b"\x80\x05"
TOLD = b"\x8c\x11zefnb.store.codec\x8c\x04told\x93"


def told(*parts: bytes) -> bytes:
    """Return a pickle made of those parts."""
    return HEAD + TOLD + b"(" + b"".join(parts) + b"tR."


def text(content: str) -> bytes:
    raw = content.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


# What may be stored under a key, and should not be read.
VALUES: dict[str, bytes] = {
    "lists nested 100,000 deep": HEAD + b"]" * 100_000 + b"a" * 99_999 + b".",
    "a key nested 100,000 deep": HEAD + b"})" + b"\x85" * 100_000 + b"K\x01s.",
    "dicts nested 100,000 deep": HEAD + b"}K\x01" * 100_000 + b"N" + b"s" * 100_000 + b".",
    "lists that name one another": HEAD + b"]\x94" + b"".join(b"](h%ch%ce\x94" % (n, n) for n in range(30)) + b".",
    "tuples that name one another": HEAD
    + b")\x94"
    + b"".join(b"h%ch%c\x86\x94" % (max(n - 1, 0), max(n - 1, 0)) for n in range(1, 60))
    + b".",
    "a list that holds itself": HEAD + b"]\x94h\x00a.",
    "an array of 2,000,000,000": HEAD + b"\x96" + struct.pack("<Q", 2_000_000_000) + b"x" * 47,
    "bytes of 2,000,000,000": HEAD + b"\x8e" + struct.pack("<Q", 2_000_000_000) + b"x" * 47,
    "text of 2^63": HEAD + b"\x8d" + struct.pack("<Q", 1 << 63) + b"x" * 47,
    "zeros by their number": told(text("bytes"), b"J" + struct.pack("<i", 2_000_000_000)),
    "a memo of 200,000,000": HEAD + b"Nr" + struct.pack("<I", 200_000_000) + b".",
    "a type that writes to the terminal": told(text("entity"), text("A\x1b]0;owned\x07"), b"N", b"}"),
    "a type that is code": told(text("entity type"), text("A(); import os")),
    "a function": HEAD + text("os") + text("system") + b"\x93(" + text("touch /nowhere/trace") + b"tR.",
    "not a pickle": b"hello",
    "nothing": b"",
}
# Other values in the column than bytes.
KINDS: dict[str, Any] = {"text": "x", "a number": 5, "nothing": None, "infinity": float("inf")}


def executed(*statements: str) -> Callable[[Path], None]:
    """A change of the file by SQL."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return change


def rewritten(name: str, sql: str) -> Callable[[Path], None]:
    """Change the SQL text of a table in the file, which SQLite itself would never do."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))
            connection.execute("PRAGMA schema_version = 99")

    return change


_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT"
_ENTRIES = "position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, name BLOB NOT NULL"

# What may be wrong with a file so that it is refused as it is opened.
FILES: dict[str, Callable[[Path], None]] = {
    "an endless view for the identity": executed(
        "DROP TABLE identity", f"CREATE VIEW identity AS {_ENDLESS} 'x' AS uid FROM c"
    ),
    "an endless view for the entries": executed(
        "DROP TABLE entries", f"CREATE VIEW entries AS {_ENDLESS} x AS position, x AS key, x AS name, x AS value FROM c"
    ),
    "a trigger": executed("CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END"),
    "a further table": executed("CREATE TABLE more (x)"),
    "a further index": executed("CREATE INDEX more ON entries (value)"),
    "a virtual table": executed("CREATE VIRTUAL TABLE more USING fts5(x)"),
    "a generated column": executed(
        "DROP TABLE entries", f"CREATE TABLE entries ({_ENTRIES}, value AS (zeroblob(1000000000)))"
    ),
    "no rowid": executed(
        "DROP TABLE entries",
        "CREATE TABLE entries (position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, name BLOB NOT NULL, "
        "value BLOB) WITHOUT ROWID",
    ),
    "a default that is a function": executed(
        "DROP TABLE entries", f"CREATE TABLE entries ({_ENTRIES}, value BLOB DEFAULT (randomblob(1000000000)))"
    ),
    "no table of entries": executed("DROP TABLE entries"),
    "no identity": executed("DELETE FROM identity"),
    "two identities": executed("INSERT INTO identity VALUES ('🍃-87f83f06bfec2ba79b96')"),
    "an identity that is a number": executed("UPDATE identity SET uid = x'05'"),
    "an identity that is no UTF-8": executed("UPDATE identity SET uid = CAST(x'fffe' AS TEXT)"),
    "tables under a false text": rewritten("entries", "CREATE TABLE entries (position, key, name, value)"),
    "a hundred thousand tables": executed(
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_master WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000) "
        "SELECT 'table', 't' || x, 't' || x, 2, 'CREATE TABLE t' || x || '(a)' FROM c",
        "PRAGMA schema_version = 99",
    ),
    "a text that is no SQL": rewritten("entries", "CREATE nonsense"),
    "pages that lead in circles": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + path.read_bytes()[:4096] * (path.stat().st_size // 4096 - 1)
    ),
}


def stored(path: Path, value: Any, column: str = "value") -> None:
    """Put that into the row of the key 'evil'."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE entries SET {column} = ? WHERE key = ?", (value, b"sevil"))


def endless(path: Path) -> None:
    """A table whose inner pages all lead to the same page, many times at each of several levels."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entries'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    raw = bytearray(path.read_bytes())
    leaf = bytes(raw[(root - 1) * size : root * size])
    pages = len(raw) // size
    # The leaf moves to the end; above it are four levels of inner pages, each of which names the next 400 times.
    levels = 4
    for level in range(levels):
        at = root if level == 0 else pages + level
        below = pages + level + 1
        cells = [struct.pack(">IB", below, n % 120 + 1) for n in range(400)]
        page = bytearray(size)
        end, pointers = size, b""
        for cell in cells:
            end -= len(cell)
            page[end : end + len(cell)] = cell
            pointers += struct.pack(">H", end)
        page[0:12] = struct.pack(">BHHHBI", 5, 0, len(cells), end, 0, below)
        page[12 : 12 + len(pointers)] = pointers
        begin = (at - 1) * size
        raw[begin : begin + size] = page
    begin = (pages + levels - 1) * size
    raw[begin : begin + size] = leaf
    count = len(raw) // size
    raw[28:32] = struct.pack(">I", count)
    path.write_bytes(raw)


def make_special(kind: str, path: Path) -> None:
    """Something at `path` that is no file."""
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(path)


SPECIAL = ("a pipe", "a device", "links in a circle")
