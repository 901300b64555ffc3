"""The packer: packs messages for compressed connections, long ones in a separate thread.

Packing a mebibyte takes some 25 ms, which would block the loop. A long message is therefore a `Packing` at first:
it has its place in the backlog of each of its receivers, and later messages wait behind it.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from zefnb.core.wire import Nan, encode_content
from zefnb.engine.runtime import Runtime
from zefnb.engine.unawaited_thread import UnawaitedThread
from zefnb.errors import Interrupted
from zefnb.net.websocket.frames import PACKED, build

# Bytes of a message that is packed at once: passing it to the thread and back would take as long.
AT_ONCE = 16_384
# Bytes of messages that wait to be packed. Further ones are sent unpacked, which section 6 allows for each message.
PACKING_LIMIT = 4 << 20
# Longer messages are packed in a quarter of the time, and get some percent longer.
_QUICK_ABOVE = 65_536
_QUICK_LEVEL = 1
# The last bytes of every packed message, which are not sent (section 7.2.1).
_LAST_BYTES = b"\x00\x00\xff\xff"


class Packing:
    """A message that is being packed, once for all its receivers."""

    __slots__ = ("_opcode", "_payload", "_window_bits", "frame", "on_packed")

    def __init__(self, opcode: int, payload: bytes, window_bits: int) -> None:
        self._opcode, self._payload, self._window_bits = opcode, payload, window_bits
        # Set on the loop, before the calls in `on_packed`.
        self.frame: bytes | None = None
        self.on_packed: list[Callable[[], None]] = []

    def __len__(self) -> int:
        """The number of bytes of the message until it is packed, and then of its frame."""
        return len(self._payload) if self.frame is None else len(self.frame)

    def done(self, frame: bytes) -> None:
        """Set the packed frame and call `on_packed`. On the loop."""
        self.frame, self._payload = frame, b""
        calls, self.on_packed = self.on_packed, []
        for call in calls:
            call()

    def pack(self) -> bytes:
        """Return the packed frame. Any thread may call it."""
        try:
            return build(self._opcode | PACKED, packed(self._payload, self._window_bits))
        except MemoryError:
            return build(self._opcode, self._payload)


class Packer:
    """Packs messages, each once for all receivers in this loop iteration that have the same parameters."""

    def __init__(self, runtime: Runtime) -> None:
        self._loop = runtime.loop
        self._put = runtime.call_queue.put
        self._content: Any = None
        self._frames: dict[tuple[int, Nan], bytes | Packing] = {}
        self._jobs: deque[Packing] = deque()
        self._is_at_work = False
        self._waiting_bytes = 0

    def frame(self, content: Any, window_bits: int, nan: Nan) -> bytes | Packing:
        """The frame that carries `content`, packed by itself, so that it is the same for every receiver."""
        if content is not self._content:
            if not self._frames:
                self._loop.at_iteration_end(self._forget)
            self._content, self._frames = content, {}
        frame = self._frames.get((window_bits, nan))
        if frame is None:
            frame = self._frames[window_bits, nan] = self._begin(*encode_content(content, nan), window_bits)
        return frame

    def _forget(self) -> None:
        self._content, self._frames = None, {}

    def _begin(self, opcode: int, payload: bytes, window_bits: int) -> bytes | Packing:
        size = len(payload)
        if size <= AT_ONCE:
            return build(opcode | PACKED, packed(payload, window_bits))
        if self._waiting_bytes and self._waiting_bytes + size > PACKING_LIMIT:
            return build(opcode, payload)
        packing = Packing(opcode, payload, window_bits)
        self._waiting_bytes += size
        self._jobs.append(packing)
        if not self._is_at_work:
            self._start()
        return packing

    def _start(self) -> None:
        self._is_at_work = True
        try:
            UnawaitedThread(target=self._work, name="zefnb-packer").start()
        except RuntimeError:  # no new thread can be started
            self._put(self._work)

    def _work(self) -> None:
        """Pack all jobs. Runs in the thread, which ends when no job is left."""
        try:
            while self._jobs:
                packing = self._jobs.popleft()
                self._put(self._done, packing, packing.pack())
            self._put(self._has_ended)
        except Interrupted:
            pass  # the runtime has been closed: no connection waits

    def _done(self, packing: Packing, frame: bytes) -> None:
        self._waiting_bytes -= len(packing)
        packing.done(frame)

    def _has_ended(self) -> None:
        self._is_at_work = False
        if self._jobs:
            self._start()


def packed(payload: bytes, window_bits: int = 15) -> bytes:
    """`payload` packed by itself (section 7.2.1).

    >>> zlib.decompress(packed(b"hello") + b"\\x00\\x00\\xff\\xff\\x01\\x00\\x00\\xff\\xff", -15)
    b'hello'
    """
    level = _QUICK_LEVEL if len(payload) > _QUICK_ABOVE else zlib.Z_DEFAULT_COMPRESSION
    packer = zlib.compressobj(level, zlib.DEFLATED, -window_bits)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[: -len(_LAST_BYTES)]
