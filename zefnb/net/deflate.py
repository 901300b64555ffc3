"""permessage-deflate (RFC 7692), unpacking in steps: what is too long is noticed before it is there twice."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter

_STEP = 65_536
# What every message ends with, and is sent without (section 7.2.1).
_LAST_BYTES = b"\x00\x00\xff\xff"


class SteppedDeflate(Extension):
    """Packs as the library does, and unpacks in steps."""

    name = PerMessageDeflate.name

    def __init__(self, agreed: PerMessageDeflate) -> None:
        self._agreed = agreed
        self._inflate: Any = None
        self._in_packed_message = False

    def encode(self, frame: Frame) -> Frame:
        """Pack what we send."""
        return self._agreed.encode(frame)

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Unpack what came, if it is packed (section 6)."""
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return frame
        if frame.opcode is Opcode.CONT:
            if not self._in_packed_message:
                return frame
            if frame.rsv1:
                raise ProtocolError("the first reserved bit is for a message's first frame")
        elif not frame.rsv1:
            return frame
        elif self._inflate is None or self._agreed.remote_no_context_takeover:
            self._inflate = zlib.decompressobj(-self._agreed.remote_max_window_bits)
        self._in_packed_message = not frame.fin
        return dataclasses.replace(frame, data=self._unpacked(frame, max_size), rsv1=False)

    def _unpacked(self, frame: Frame, limit: int | None) -> bytearray:
        data = bytearray()
        rest: Any = bytes(frame.data) + _LAST_BYTES if frame.fin else frame.data
        while True:
            try:
                step = self._inflate.decompress(rest, _STEP)
            except zlib.error:
                raise ProtocolError("it does not unpack") from None
            data += step
            rest = self._inflate.unconsumed_tail
            if limit is not None and len(data) > limit:
                raise PayloadTooBig(None, limit)
            # A full step may have left something behind even when all that came has been taken.
            if not rest and len(step) < _STEP:
                return data


class SteppedDeflateFactory(ServerPerMessageDeflateFactory):
    """Agrees on it as the library does."""

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Any]:
        """What is answered to an offer, and who packs and unpacks from then on."""
        answer, agreed = super().process_request_params(params, accepted_extensions)
        return answer, SteppedDeflate(agreed)
