"""permessage-deflate (RFC 7692), unpacking in steps: what is too long is noticed before it is there twice."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from websockets.exceptions import NegotiationError, PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

from zefnb.net.websocket.frames import FIN, PACKED

# Bytes that are unpacked between two looks at the clock: some 50 us.
STEP = 16_384
_LEAST_WINDOW_BITS = 9
# What every message ends with, and is sent without (section 7.2.1).
_LAST_BYTES = b"\x00\x00\xff\xff"


class SteppedDeflate(Extension):
    """Unpacks in steps. What is sent is packed by `Packer`."""

    name = PerMessageDeflate.name

    def __init__(self, agreed: PerMessageDeflate) -> None:
        self._agreed = agreed
        self._inflate: Any = None

    @property
    def window_bits(self) -> int:
        """How far back what we send may refer, as a power of two."""
        return self._agreed.local_max_window_bits

    def encode(self, frame: Frame) -> Frame:
        """Control frames, which is all that passes here, are not packed."""
        return frame

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Control frames, which is all that passes here, are not packed: `unpack` is for the others."""
        return frame

    def unpack(self, first: int, payload: bytes, limit: int) -> Iterator[bytes]:
        """Unpack the payload of a packed message's frame, of which `first` is the first byte (section 6).

        Yields steps of at most `STEP` bytes. Raises `ProtocolError` for what does not unpack, `PayloadTooBig` as soon
        as there are more than `limit` bytes.
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
                    raise ProtocolError("it does not unpack") from None
                limit -= len(step)
                if limit < 0:
                    raise PayloadTooBig(None, 0)
                yield step
                rest = self._inflate.unconsumed_tail
                # A full step may have left something behind even when all that came has been taken.
                if not rest and len(step) < STEP:
                    break


class SteppedDeflateFactory(ServerPerMessageDeflateFactory):
    """Agrees on it as the library does, but that each message is packed by itself, either way.

    Then an idle connection needs no memory for it, and a broadcast is packed once.
    """

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Any]:
        """What is answered to an offer, and who packs and unpacks from then on."""
        answer, agreed = super().process_request_params(params, accepted_extensions)
        if agreed.local_max_window_bits < _LEAST_WINDOW_BITS:
            raise NegotiationError("zlib has no window so small")
        return answer, SteppedDeflate(agreed)
