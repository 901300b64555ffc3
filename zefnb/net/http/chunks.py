"""Chunks: h11's reader of chunked bodies, with a limit of their extensions (RFC 9112, section 7.1.1)."""

from __future__ import annotations

import re
from typing import Any

import h11
from h11._readers import ChunkedReader

# Bytes of the extensions of all chunks of a body. They are dropped, and common clients send none.
EXTENSIONS_LIMIT = 16_384
# h11 accepts these, but other parsers end the line there, so that a proxy may see other chunks.
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class LimitedChunks(ChunkedReader):
    """Reads chunks, and refuses long extensions and control characters in them."""

    def __init__(self) -> None:
        super().__init__()
        self._extensions = 0

    def __call__(self, buffer: Any) -> Any:
        """The next event, or `None` when more bytes are needed."""
        if not self._bytes_in_chunk and not self._reading_trailer:
            self._check_line(buffer._data)
        return super().__call__(buffer)

    def _check_line(self, received: bytearray) -> None:
        """Check the line before a chunk, if it is complete. The end of the previous chunk comes first."""
        begin = len(self._bytes_to_discard)
        end = received.find(b"\r\n", begin)
        extension = received.find(b";", begin, end) if end > 0 else -1
        if extension < 0:
            return
        self._extensions += end - extension
        if self._extensions > EXTENSIONS_LIMIT:
            raise h11.RemoteProtocolError("the extensions of chunks are too long", error_status_hint=431)
        if _CONTROL.search(received, extension, end):
            raise h11.RemoteProtocolError("control character in the extension of a chunk", error_status_hint=400)


def limit_chunks(reader: Any) -> Any:
    """The reader to use instead of `reader`."""
    return LimitedChunks() if type(reader) is ChunkedReader else reader
