"""An exchange: one request, and what its response needs."""

from __future__ import annotations

from typing import NamedTuple

from zefnb.net.budget import Share
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.request_head import RequestHead
from zefnb.net.http.response import Receive, Scope, Send


class Exchange(NamedTuple):
    """A request, its connection, and the share of its response in the budget."""

    scope: Scope
    head: RequestHead
    receive: Receive
    send: Send
    peer: GuardedHTTP
    share: Share

    @property
    def path(self) -> str:
        """The path, for the journal."""
        return str(self.scope["path"])

    @property
    def raw_path(self) -> str:
        """The path as the client has sent it."""
        return bytes(self.scope["raw_path"]).decode("latin-1")
