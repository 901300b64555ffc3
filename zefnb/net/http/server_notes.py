"""Server notes: the journal entries of a server about refused requests."""

from __future__ import annotations

from zefnb.core.entity import HTTPServer
from zefnb.engine.journal import Journal
from zefnb.net.http.decision import Reply

# The journal shows no more characters of a name that a peer has sent.
_LONGEST_NAME = 200


class ServerNotes:
    """The journal entries of one server. Counts the requests that were refused because of their Host or origin."""

    def __init__(self, journal: Journal, server: HTTPServer) -> None:
        self._journal = journal
        self._server = server
        self.refused = 0

    def refused_request(self, reply: Reply) -> None:
        """Note that the gate has refused a request."""
        if reply.foreign is None:
            if reply.status == 400:
                self.bad_request(reply.status, reply.reason)
            return
        self.refused += 1
        header, value = reply.foreign[0], reply.foreign[1][:_LONGEST_NAME]
        text = f"refused a request with {header} {value!r}; {_advice(header, value)}"
        # One line for all of them: a peer can send any number of different names.
        key = ("refused", self._server, header)
        self._journal.note("warning", text, key=key, example=value, server=self._server)

    def bad_request(self, status: int, reason: str) -> None:
        """Note an invalid request, or with status 0 a client that was disconnected."""
        text = f"refused a request with {status}: {reason}" if status else f"disconnected a client that {reason}"
        self._journal.note("info", text, key=("bad request", self._server.port, text), server=self._server)

    def full(self, reason: str) -> None:
        """Note a connection that was refused because the server is full."""
        key = ("full", self._server)
        self._journal.note("warning", f"refused a connection: {reason}", key=key, server=self._server)

    def fault(self, error: Exception) -> None:
        """Note an error of zefnb itself."""
        self._journal.exception("a request could not be read", error, server=self._server)


def _advice(header: str, value: str) -> str:
    if header == "Host":
        return f"to accept it, pass allowed_hosts=[{value!r}]"
    if header == "Origin" or "://" in value:
        return f"to accept it, pass allowed_origins=[{value!r}]"
    return "to accept its page, pass allowed_origins=[...] with the page's scheme, host and port"
