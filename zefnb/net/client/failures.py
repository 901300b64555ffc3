"""Failures of outward connections: why an attempt failed, and how a connection was lost, in plain words.

The texts do not come from the library, whose errors can contain the url with its secrets.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from http import HTTPStatus
from typing import NamedTuple

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    NegotiationError,
    ProxyError,
)

from zefnb.errors import ConnectionFailed
from zefnb.net.client.redirects import RedirectRefused
from zefnb.text.controls import strip_controls

CONNECT_TIMEOUT = 10.0
ABNORMAL = 1006
_TOO_BIG = 1009
TOO_BIG = "a message from the server is larger than `max_size`; pass a larger one to FX.StartWebSocketClient"

_CLOSED_EARLY = "the server closed the connection during the handshake: try wss:// instead of ws://, or the reverse"
# The library refuses HTTP/1.0, in which simple servers respond. Its error has the line with the status.
_OLD_STATUS = re.compile(r": HTTP/1\.0 ([3-5]\d\d)\b")
_ERRNO = re.compile(r"\[Errno (\d+)\]")


def failure_text(error: Exception) -> str:
    """Why a connection could not be made, in plain words and without secrets.

    >>> failure_text(ConnectionRefusedError(111, 'Connection refused'))
    'connection refused: nothing listens there'
    """
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate verify failed: {error.verify_message or error.reason}"
        case ssl.SSLError():
            return f"no TLS: {(error.reason or 'the handshake failed').replace('_', ' ').lower()}"
        case TimeoutError():
            return f"timed out: no response within {CONNECT_TIMEOUT:.0f} s"
        case socket.gaierror():
            return f"the host's name has no address: {error.strerror}"
        case InvalidStatus():
            return _status_failure(error.response.status_code)
        case NegotiationError():
            return "the server chose an extension or a subprotocol that was not offered"
        case RedirectRefused():
            return str(error)
        case ProxyError() | InvalidProxy() | ImportError():
            return f"the proxy named in the environment refuses the connection ({type(error).__name__})"
        case ConnectionResetError() | ConnectionAbortedError():
            return _CLOSED_EARLY
        case InvalidHandshake() if isinstance(error.__cause__, EOFError | ConnectionError):
            return _CLOSED_EARLY
        case InvalidHandshake() if status := _OLD_STATUS.search(str(error.__cause__)):
            return _status_failure(int(status[1]))
        case InvalidHandshake():
            return "the response is not a WebSocket handshake: another kind of server, or one that needs wss://"
        case OSError():
            return _os_failure(error)
        case UnicodeError():
            return "the host's name has no address: it is not a valid name"
        case _:
            return type(error).__name__


class ServerNotReady(ConnectionFailed):
    """The connection could not be made now, but the server may be starting."""


def may_be_starting(error: Exception) -> bool:
    """Whether the server may be starting, so that a later attempt can succeed."""
    match error:
        case ssl.SSLError():
            return False
        case InvalidStatus():
            # A proxy sends these while the server behind it has not started.
            return error.response.status_code in (502, 503, 504)
        case OSError():
            return True
        case InvalidHandshake():
            return isinstance(error.__cause__, EOFError | ConnectionError)
        case _:
            return False


def _status_failure(code: int) -> str:
    text = f"the server returned HTTP {_status(code)} instead of opening a WebSocket"
    return f"{text}; pass the credentials that it requires with `headers`" if code == HTTPStatus.UNAUTHORIZED else text


def _os_failure(error: OSError) -> str:
    # For a host with several addresses asyncio joins all errors into one text, without `errno`.
    numbers = {error.errno} if error.errno is not None else {int(n) for n in _ERRNO.findall(str(error))}
    if numbers == {errno.ECONNREFUSED}:
        return "connection refused: nothing listens there"
    return "; ".join(os.strerror(number) for number in sorted(numbers)) or type(error).__name__


def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}" if code in set(HTTPStatus) else str(code)


class Disconnect(NamedTuple):
    """How a connection ended: the peer's close code and reason, or 1006 and the client's reason when it sent none."""

    code: int
    reason: str

    @property
    def may_be_unread(self) -> bool:
        """Whether the peer may have left without reading the last messages.

        A peer that closes for its own reason has read them, and would close again if it got them again.
        """
        return self.code in (ABNORMAL, 1001, 1012, 1013)

    def __str__(self) -> str:
        return f"{self.code}: {strip_controls(self.reason)}" if self.reason else str(self.code)


def disconnect_of(closed: ConnectionClosed) -> Disconnect:
    """The reason why a connection ended."""
    if closed.rcvd is not None and not (closed.rcvd_then_sent is False and closed.rcvd.code == _TOO_BIG):
        return Disconnect(closed.rcvd.code, closed.rcvd.reason)
    if closed.sent is not None and closed.sent.code == _TOO_BIG:
        return Disconnect(_TOO_BIG, TOO_BIG)
    if closed.sent is not None and closed.sent.reason:
        return Disconnect(ABNORMAL, closed.sent.reason)
    cause = closed.__cause__
    text = _os_failure(cause).lower() if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) else ""
    return Disconnect(ABNORMAL, text or "it ended without a close frame")
