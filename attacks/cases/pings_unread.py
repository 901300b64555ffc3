"""Clients that ping as fast as they can and do not read the pongs: memory, and the pongs that they read at the end."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from attacks.attack import Attack, Outcome, Settings
from attacks.peak import Peak
from attacks.targets import Server
from attacks.wire import PING, PONG, Wire, connected, frame

_CLIENTS = 5
_BLOCK = 500
_DIGITS = 125


class Pinger(threading.Thread):
    """Sends pings that are numbered, and reads nothing until `read_pongs` is called."""

    def __init__(self, wire: Wire, seconds: float) -> None:
        super().__init__(daemon=True)
        self._wire = wire
        self._end = time.monotonic() + seconds
        self.sent = 0  # pings, of which the last may not be whole
        self._unsent = b""
        self.start()

    def run(self) -> None:
        self._wire.socket.settimeout(0.1)
        while time.monotonic() < self._end:
            if not self._unsent:
                numbers = range(self.sent + 1, self.sent + 1 + _BLOCK)
                self._unsent = b"".join([frame(b"%0*d" % (_DIGITS, number), PING) for number in numbers])
                self.sent += _BLOCK
            with suppress(TimeoutError):
                self._unsent = self._unsent[self._wire.socket.send(self._unsent) :]

    def read_pongs(self) -> bool:
        """Return whether the pongs arrive in the order of their pings, and the last is that of the newest ping."""
        finisher = threading.Thread(target=self._finish, daemon=True)
        self._wire.socket.settimeout(15)
        finisher.start()
        newest = 0
        while newest < self.sent:
            pong = self._wire.read()
            if pong.opcode != PONG or int(pong.payload) <= newest:
                return False
            newest = int(pong.payload)
        finisher.join(15)
        return True

    def _finish(self) -> None:
        with suppress(OSError):
            self._wire.socket.sendall(self._unsent)


def pings_unread(server: Server, settings: Settings) -> Outcome:
    seconds = settings.pick(10, 3)
    with connected(server, _CLIENTS, "/echo", receive_buffer=4096) as wires:
        peak = Peak(server)
        pingers = [Pinger(wire, seconds) for wire in wires]
        for pinger in pingers:
            pinger.join()
        grown = peak.grown / 1e6
        in_order = sum(pinger.read_pongs() for pinger in pingers)
    return Outcome(
        f"{_CLIENTS} clients, +{grown:.1f} MB in {seconds} s; {in_order} read pongs in order, the newest ping's last",
        ok=grown <= 8 and in_order == _CLIENTS,
        details={"grown": grown, "sent": [pinger.sent for pinger in pingers]},
    )


ATTACKS = (
    Attack(
        "pings-unread",
        "five clients ping without end and read no pong: the server grows by at most 8 MB; the pongs that they "
        "finally read are in order, and the last one is that of the newest ping",
        pings_unread,
        quick=True,
    ),
)
