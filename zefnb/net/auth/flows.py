"""Flows: logins that another server confirms, between the redirect to it and the one back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from zefnb.net.auth.expiring import Expiring
from zefnb.net.hosts import network_of

# Seconds within which a user must come back from the provider, and the most flows at once.
FLOW_TIMEOUT = 600.0
FLOWS_LIMIT = 10_000
# A crowd behind one proxy has one address.
ADDRESS_FLOWS_LIMIT = 1_000


@dataclass(frozen=True, repr=False)
class Flow:
    """One login. All its values stay on the server, except those that the url to the provider contains.

    `state` (RFC 6749, section 10.12), `nonce` (OpenID Connect Core, section 3.1.2.1) and `verifier` (RFC 7636) have 256
    random bits each. `next` is the path to which the user returns.
    """

    provider: str
    redirect_uri: str
    next: str
    state: str
    nonce: str
    verifier: str
    # The hash of the value of the cookie that binds the flow to its browser.
    binding: bytes

    @property
    def challenge(self) -> str:
        """The code challenge for `verifier`, by the method S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Flows:
    """The flows of one server. Each can be finished once, by the browser that has started it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._flows: Expiring[str, Flow] = Expiring(FLOW_TIMEOUT, FLOWS_LIMIT, ADDRESS_FLOWS_LIMIT, clock)

    def start(self, provider: str, redirect_uri: str, next: str, address: str = "") -> tuple[Flow, str]:
        """A new flow of a browser at this address, and the value for its cookie."""
        cookie = secrets.token_urlsafe(32)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        flow = Flow(provider, redirect_uri, next, state, nonce, verifier, _digest(cookie))
        self._flows.add(state, flow, network_of(address))
        return flow, cookie

    def finish(self, state: str, cookie: str) -> Flow | None:
        """The flow of this state, which is then used up; `None` for another browser, another state, or a late one."""
        flow = self._flows.get(state)
        if flow is None or not hmac.compare_digest(flow.binding, _digest(cookie)):
            return None
        self._flows.remove(state)
        return flow


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
