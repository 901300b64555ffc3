"""Server notes: the entries of a server in the journal, and in the access log if it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zefnb.core.entity import HTTPServer
from zefnb.core.time import Time
from zefnb.engine.runtime import Runtime
from zefnb.net.http.admission import list_faults
from zefnb.net.http.decision import Reply
from zefnb.net.http.request_head import RequestHead
from zefnb.net.websocket.connection import Connection

if TYPE_CHECKING:
    from zefnb.net.http.access_log import AccessLog

# The journal shows no more characters of a name that a peer has sent.
_LONGEST_NAME = 200


class ServerNotes:
    """The entries of one server. Counts the requests that were refused because of their Host or origin.

    With `logs_requests`, the access log has each request, and the journal each client that connects or disconnects.
    """

    def __init__(self, runtime: Runtime, server: HTTPServer, logs_requests: bool) -> None:
        self._journal = runtime.journal
        self._access_log = _access_log(runtime) if logs_requests else None
        self._server = server
        self.refused = 0

    def request(
        self,
        client_ip: str,
        method: str,
        path: str,
        status: int | None,
        seconds: float | None = None,
        channel_id: int | None = None,
    ) -> None:
        """Add a request to the access log."""
        if self._access_log is not None:
            self._access_log.note(self._server, client_ip, method, path, status, seconds, channel_id)

    def reply(self, status: int, client_ip: str, head: RequestHead | None) -> None:
        """Add a request to the access log that the guard has refused. Without `head`, it was not readable."""
        if head is None:
            self.request(client_ip, "", "", status)
        else:  # behind a proxy, it has the client's address
            self.request(head.client_ip, head.method, head.path, status)

    def connected(self, connection: Connection, head: RequestHead) -> None:
        """Note that a client has connected."""
        if self._access_log is not None:
            self._client(connection, "connected")
            self.request(head.client_ip, head.method, head.path, 101, channel_id=connection.channel_id)

    def disconnected(self, connection: Connection) -> None:
        """Note that a client has disconnected."""
        if self._access_log is None:
            return
        self._client(connection, "left")
        seconds = None if connection.connect_time is None else Time.now() - connection.connect_time
        ip, code = connection.client_ip, connection.close_code
        self.request(ip, "CLOSE", connection.path, code, seconds, connection.channel_id)

    def _client(self, connection: Connection, event: str) -> None:
        text = f"client {connection.channel_id} {event}"
        self._journal.note("info", text, server=self._server, path=connection.path)

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


def _access_log(runtime: Runtime) -> AccessLog:
    # Loaded here, since most servers have none.
    from zefnb.net.http.access_log import AccessLog

    return runtime.service(AccessLog)


def _advice(header: str, value: str) -> str:
    if header == "Host":
        return f"to accept it, pass allowed_hosts=[{value!r}]"
    if header == "Origin" and list_faults("allowed_origins", [value]):
        return "a page of a file or of a sandboxed frame has no origin that can be allowed; serve it by a route instead"
    if header == "Origin" or "://" in value:
        return f"to accept it, pass allowed_origins=[{value!r}]"
    return "to accept its page, pass allowed_origins=[...] with the page's scheme, host and port"
