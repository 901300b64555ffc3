"""permessage-deflate (RFC 7692), unpacking in steps: a message that is too long is found before it fills memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

from zefnb.net.websocket.frames import FIN, PACKED

# Bytes that are unpacked between two reads of the clock: some 50 us.
STEP = 16_384
# The last bytes of every packed message, which are not sent (section 7.2.1).
_LAST_BYTES = b"\x00\x00\xff\xff"


class SteppedDeflate(Extension):
    """Unpacks messages in steps. `Packer` packs the messages that are sent."""

    name = PerMessageDeflate.name

    def __init__(self, agreed: PerMessageDeflate) -> None:
        self._agreed = agreed
        self._inflate: Any = None

    @property
    def window_bits(self) -> int:
        """The size of the window for sent messages, as a power of two."""
        return self._agreed.local_max_window_bits

    def encode(self, frame: Frame) -> Frame:
        """Return the frame unchanged: only control frames pass here, and they are not packed."""
        return frame

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Return the frame unchanged: only control frames pass here. `unpack` is for the others."""
        return frame

    def unpack(self, first: int, payload: bytes, limit: int) -> Iterator[bytes]:
        """Unpack the payload of a packed message's frame, of which `first` is the first byte (section 6).

        Yields steps of at most `STEP` bytes. Raises `ProtocolError` when the payload does not unpack, and
        `PayloadTooBig` as soon as there are more than `limit` bytes.
        """
        if self._inflate is None or (first & PACKED and self._agreed.remote_no_context_takeover):
            self._inflate = zlib.decompressobj(-self._agreed.remote_max_window_bits)
        pieces = [memoryview(payload)[at : at + STEP] for at in range(0, len(payload), STEP)]
        for piece in (*pieces, _LAST_BYTES) if first & FIN else pieces:
            rest: Any = piece
            while True:
                try:
                    step = self._inflate.decompress(rest, STEP)
                except zlib.error:
                    raise ProtocolError("the data cannot be decompressed") from None
                limit -= len(step)
                if limit < 0:
                    raise PayloadTooBig(None, 0)
                yield step
                rest = self._inflate.unconsumed_tail
                # zlib may still hold output after a full step, even when it has taken all input.
                if not rest and len(step) < STEP:
                    break


class SteppedDeflateFactory(ServerPerMessageDeflateFactory):
    """Negotiates as the library does, except that each message is packed by itself, in both directions.

    An idle connection then needs no memory for it, and a broadcast is packed once.
    """

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Any]:
        """Return the response to an offer, and the extension that packs and unpacks from then on."""
        response, agreed = super().process_request_params(params, accepted_extensions)
        return response, SteppedDeflate(agreed)
