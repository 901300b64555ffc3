"""Pyright's language server, as an editor runs it: JSON-RPC with headers, on its standard streams (LSP 3.17)."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any


class LanguageServer:
    """A server for the files of `folder`. It ends with the `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        command = [sys.executable, "-m", "pyright.langserver", "--stdio"]
        self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> LanguageServer:
        folders = [{"uri": self._folder.as_uri(), "name": "user"}]
        self.request(
            "initialize", processId=None, rootUri=self._folder.as_uri(), workspaceFolders=folders, capabilities={}
        )
        self._send({"method": "initialized", "params": {}})
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, name: str, text: str) -> dict[str, str]:
        """Open a file in the editor, and return its identifier."""
        (self._folder / name).write_text(text)
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return {"uri": uri}

    def request(self, method: str, **params: Any) -> Any:
        """Send a request, and return its result."""
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message and "id" in message:  # the server's own request: no settings, and no other reply
                items = message.get("params", {}).get("items", ())
                self._send({"id": message["id"], "result": [None for _ in items] or None})
            elif message.get("id") == number:
                return message["result"]

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message
