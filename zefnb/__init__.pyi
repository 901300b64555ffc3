"""Live servers in a notebook cell.

Generated from the signatures by `python -m tests.typing.stub`; do not edit.
"""

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from ssl import SSLContext
from typing import Any as Any
from typing import Generic, Literal, TypeAlias, TypeVar, overload

from zefnb.core.converters import converter as converter
from zefnb.core.effect import effect as effect
from zefnb.core.entity import Actor, Entity, HTTPServer, Replay, Subscription, Success, Timer, Topic, WebSocketClient
from zefnb.core.entity import Actor as _Actor
from zefnb.core.entity import HTTPServer as _HTTPServer
from zefnb.core.entity import Replay as _Replay
from zefnb.core.entity import Subscription as _Subscription
from zefnb.core.entity import Success as _Success
from zefnb.core.entity import Timer as _Timer
from zefnb.core.entity import Topic as _Topic
from zefnb.core.entity import WebSocketClient as _WebSocketClient
from zefnb.core.function import zef_function as zef_function
from zefnb.core.op import collect as collect
from zefnb.core.op import op as op
from zefnb.core.record import Record
from zefnb.core.rows import Rows
from zefnb.core.time import Time as Time
from zefnb.core.time import Time as _Time
from zefnb.core.types import Array1 as Array1
from zefnb.core.types import Bool as Bool
from zefnb.core.types import Bytes as Bytes
from zefnb.core.types import Float as Float
from zefnb.core.types import Int as Int
from zefnb.core.types import Nil as Nil
from zefnb.core.types import String as String
from zefnb.core.types import match as match
from zefnb.core.types import u8 as u8
from zefnb.core.uid import EntityUid as EntityUid
from zefnb.core.uid import generate_uid as generate_uid
from zefnb.engine.run import Run
from zefnb.engine.run import run as run
from zefnb.notebook.links.links import public_url as public_url
from zefnb.notebook.links.links import set_public_url as set_public_url
from zefnb.notebook.picture.picture import picture as picture
from zefnb.notebook.plot.plot import plot as plot
from zefnb.notebook.watch.watch import watch as watch
from zefnb.ops import F as F
from zefnb.ops import add as add
from zefnb.ops import apply as apply
from zefnb.ops import array_to_bytes as array_to_bytes
from zefnb.ops import bytes_to_array as bytes_to_array
from zefnb.ops import constant_func as constant_func
from zefnb.ops import contains as contains
from zefnb.ops import drop as drop
from zefnb.ops import equals as equals
from zefnb.ops import first as first
from zefnb.ops import get as get
from zefnb.ops import greater_than as greater_than
from zefnb.ops import identity as identity
from zefnb.ops import insert as insert
from zefnb.ops import insert_into as insert_into
from zefnb.ops import is_a as is_a
from zefnb.ops import join as join
from zefnb.ops import last as last
from zefnb.ops import length as length
from zefnb.ops import less_than as less_than
from zefnb.ops import log as log
from zefnb.ops import match_ as match_
from zefnb.ops import nth as nth
from zefnb.ops import one_of as one_of
from zefnb.ops import parse_json as parse_json
from zefnb.ops import reduce as reduce
from zefnb.ops import replace_text as replace_text
from zefnb.ops import reverse as reverse
from zefnb.ops import sort as sort
from zefnb.ops import split as split
from zefnb.ops import starts_with as starts_with
from zefnb.ops import take as take
from zefnb.ops import to_json as to_json
from zefnb.ops import to_lower_case as to_lower_case
from zefnb.ops import to_upper_case as to_upper_case
from zefnb.ops import trim as trim
from zefnb.ops import unique as unique
from zefnb.recording.recording import Recording
from zefnb.rehearsal.difference import Differences
from zefnb.store.dict_database import DictDatabase as DictDatabase

R = TypeVar("R")

class _Effect(Record, Generic[R]):
    """An effect whose performing gives an `R`."""

    @overload
    def __or__(self, other: Run, /) -> R: ...
    @overload
    def __or__(self, other: object, /) -> Any: ...
    def __await__(self) -> Generator[Any, None, R]: ...

class _EntityTypes(type):
    def __getattr__(self, name: str, /) -> type[Entity]: ...

class ET(metaclass=_EntityTypes):
    class WebSocket(Entity):
        """A WebSocket route. It has topics, or an actor for each client."""

        clients_subscribe_to: Topic | Sequence[Topic]
        clients_push_into_: Topic | Sequence[Topic]
        actor: FX.StartActor | None
        slow_client: Literal["close", "drop_oldest", "drop_newest"] | ET.SlowClient | Mapping[str, Any]
        resume: bool | ET.Resume | Mapping[str, Any]
        max_size: int
        compression: bool
        subprotocols: Sequence[str]
        history: int
        json: bool
        echo: bool
        sender: bool
        presence: Topic | None
        nan: Literal["null", "refuse"]
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            clients_subscribe_to: Topic | Sequence[Topic] = ...,
            clients_push_into_: Topic | Sequence[Topic] = ...,
            actor: FX.StartActor | None = ...,
            slow_client: Literal["close", "drop_oldest", "drop_newest"] | ET.SlowClient | Mapping[str, Any] = ...,
            resume: bool | ET.Resume | Mapping[str, Any] = ...,
            max_size: int = ...,
            compression: bool = ...,
            subprotocols: Sequence[str] = ...,
            history: int = ...,
            json: bool = ...,
            echo: bool = ...,
            sender: bool = ...,
            presence: Topic | None = ...,
            nan: Literal["null", "refuse"] = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class Route(Entity):
        """A handler with its options: the value of a route."""

        handler: Any
        max_body: int | None
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            handler: Any = ...,
            max_body: int | None = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class PushInto(Entity):
        """Publishes the body of each request: the value of a route with `POST`, `PUT` or `PATCH`, such as a webhook."""

        topics: Topic | Sequence[Topic]
        max_body: int | None
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            topics: Topic | Sequence[Topic] = ...,
            max_body: int | None = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class EventStream(Entity):
        """Server-sent events: each client receives the messages of topics over plain HTTP (`EventSource`, curl)."""

        clients_subscribe_to: Topic | Sequence[Topic]
        history: int
        slow_client: Literal["close", "drop_oldest", "drop_newest"] | ET.SlowClient | Mapping[str, Any]
        retry: float
        nan: Literal["null", "refuse"]
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            clients_subscribe_to: Topic | Sequence[Topic] = ...,
            history: int = ...,
            slow_client: Literal["close", "drop_oldest", "drop_newest"] | ET.SlowClient | Mapping[str, Any] = ...,
            retry: float = ...,
            nan: Literal["null", "refuse"] = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
            **more: Any,
        ) -> None: ...

    class FromDirectory(Entity):
        """The files of a directory: the value of a route whose path ends with `{path...}`."""

        path: str | os.PathLike[str]
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            path: str | os.PathLike[str] = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
            **more: Any,
        ) -> None: ...

    class SlowClient(Entity):
        """How a WebSocket route treats a client that reads too slowly; see Limits for the defaults of `None`."""

        policy: Literal["close", "drop_oldest", "drop_newest"]
        max_bytes: int | None
        max_seconds: float | None
        def __init__(
            self,
            *,
            policy: Literal["close", "drop_oldest", "drop_newest"] = ...,
            max_bytes: int | None = ...,
            max_seconds: float | None = ...,
        ) -> None: ...

    class Resume(Entity):
        """How long a WebSocket route waits for a client of `/zef.js` that has lost its connection."""

        seconds: float
        bytes: int
        def __init__(self, *, seconds: float = ..., bytes: int = ...) -> None: ...

    class HTML(Entity):
        """A page: the value of a route, or the result of a handler."""

        content: str | bytes
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self, *, content: str | bytes = ..., public: bool = ..., allow: Callable[[dict[str, Any]], Any] | None = ...
        ) -> None: ...

    class JSON(Entity):
        """A value as JSON: the value of a route, or the result of a handler."""

        content: Any
        nan: Literal["null", "refuse"]
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            content: Any = ...,
            nan: Literal["null", "refuse"] = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class Response(Entity):
        """A response with a status and headers."""

        status: int
        body: Any
        headers: Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            status: int = ...,
            body: Any = ...,
            headers: Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]] = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class Redirect(Entity):
        """A response that sends the client to another address."""

        url: str
        status: int
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            url: str = ...,
            status: int = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class FromFile(Entity):
        """A file, read when it is requested; 404 when it does not exist."""

        path: str | os.PathLike[str]
        media_type: str | None
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            path: str | os.PathLike[str] = ...,
            media_type: str | None = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class InsertIn(Entity):
        """A route to add or to replace, in the `delta` of `FX.UpdateRunningHTTPServer`."""

        path: Sequence[Any]
        value: Any
        survives: bool
        def __init__(self, *, path: Sequence[Any] = ..., value: Any = ..., survives: bool = ...) -> None: ...

    class RemoveIn(Entity):
        """A route to remove, in the `delta` of `FX.UpdateRunningHTTPServer`."""

        path: Sequence[Any]
        def __init__(self, *, path: Sequence[Any] = ...) -> None: ...

    class Page(Entity):
        """A page of parts, the value of a route. It has its own connection, at the same path."""

        title: str
        parts: Sequence[Any]
        presence: Topic | None
        public: bool
        allow: Callable[[dict[str, Any]], Any] | None
        def __init__(
            self,
            *,
            title: str = ...,
            parts: Sequence[Any] = ...,
            presence: Topic | None = ...,
            public: bool = ...,
            allow: Callable[[dict[str, Any]], Any] | None = ...,
        ) -> None: ...

    class Markdown(Entity):
        """A part of a page: text in Markdown (CommonMark, and tables). HTML in it is shown as text."""

        text: str
        def __init__(self, uid: str = ..., /, *, text: str = ...) -> None: ...

    class Choice(Entity):
        """A part of a page: options, of which a visitor chooses one. It publishes the option, as text."""

        options: Sequence[str]
        push_into: Topic | Sequence[Topic]
        once: bool
        label: str
        def __init__(
            self,
            *,
            options: Sequence[str] = ...,
            push_into: Topic | Sequence[Topic] = ...,
            once: bool = ...,
            label: str = ...,
        ) -> None: ...

    class Bars(Entity):
        """A part of a page: bars that count each value of a topic, since the start of the server."""

        topic: Topic
        field: str | None
        options: Sequence[str]
        label: str
        def __init__(
            self, *, topic: Topic = ..., field: str | None = ..., options: Sequence[str] = ..., label: str = ...
        ) -> None: ...

    class Chart(Entity):
        """A part of a page: the numbers of a topic as lines over time."""

        topic: Topic
        y: str | Sequence[str] | None
        x: str | None
        last: int
        kind: Literal["line", "points"]
        label: str
        def __init__(
            self,
            *,
            topic: Topic = ...,
            y: str | Sequence[str] | None = ...,
            x: str | None = ...,
            last: int = ...,
            kind: Literal["line", "points"] = ...,
            label: str = ...,
        ) -> None: ...

    class Value(Entity):
        """A part of a page: the last value of a topic."""

        topic: Topic
        field: str | None
        unit: str
        label: str
        def __init__(
            self, *, topic: Topic = ..., field: str | None = ..., unit: str = ..., label: str = ...
        ) -> None: ...

    class Form(Entity):
        """A part of a page: a form. It publishes a dict of its fields; the server refuses other input."""

        fields: Mapping[str, Any]
        push_into: Topic | Sequence[Topic]
        button: str
        label: str
        def __init__(
            self,
            *,
            fields: Mapping[str, Any] = ...,
            push_into: Topic | Sequence[Topic] = ...,
            button: str = ...,
            label: str = ...,
        ) -> None: ...

    class Table(Entity):
        """A part of a page: the last messages of a topic, each in a row, the newest first."""

        topic: Topic
        columns: Sequence[str]
        last: int
        label: str
        def __init__(
            self, *, topic: Topic = ..., columns: Sequence[str] = ..., last: int = ..., label: str = ...
        ) -> None: ...

    class Chat(Entity):
        """A part of a page: a chat on a topic. It publishes dicts with `name` and `text`."""

        topic: Topic
        last: int
        label: str
        def __init__(self, *, topic: Topic = ..., last: int = ..., label: str = ...) -> None: ...

    class Button(Entity):
        """A part of a page: a button. It publishes its value."""

        label: str
        push_into: Topic | Sequence[Topic]
        value: Any
        def __init__(self, *, label: str = ..., push_into: Topic | Sequence[Topic] = ..., value: Any = ...) -> None: ...

    class Part(Entity):
        """A part of a page of the program's own: a JavaScript module that exports `({ el, on, send }) => ...`."""

        module: str
        topics: Topic | Sequence[Topic]
        push_into: Topic | Sequence[Topic] | None
        last: int
        label: str
        def __init__(
            self,
            *,
            module: str = ...,
            topics: Topic | Sequence[Topic] = ...,
            push_into: Topic | Sequence[Topic] | None = ...,
            last: int = ...,
            label: str = ...,
        ) -> None: ...

    class LetsEncrypt(Entity):
        """A certificate of Let's Encrypt, or of another ACME authority, requested and renewed."""

        domains: Sequence[str]
        email: str | None
        staging: bool
        directory_url: str | None
        directory_root: str | os.PathLike[str] | None
        http_port: int
        def __init__(
            self,
            uid: str = ...,
            /,
            *,
            domains: Sequence[str] = ...,
            email: str | None = ...,
            staging: bool = ...,
            directory_url: str | None = ...,
            directory_root: str | os.PathLike[str] | None = ...,
            http_port: int = ...,
        ) -> None: ...

    class TLSCredentials(Entity):
        """A certificate and its private key, for `certificates=[...]` of a server."""

        certificates: str | bytes
        private_key: str | bytes
        domains: Sequence[str]
        def __init__(
            self, *, certificates: str | bytes = ..., private_key: str | bytes = ..., domains: Sequence[str] = ...
        ) -> None: ...

    class Auth(Entity):
        """The logins of a server, with all fields."""

        providers: Sequence[Any]
        allowed_emails: Sequence[str] | None
        public: Sequence[str]
        login_page: str | None
        after_login: str
        session_duration: float
        sliding: bool
        session_db: DictDatabase | None
        on_login: Callable[[dict[str, Any]], Any] | None
        public_url: str | None
        def __init__(
            self,
            *,
            providers: Sequence[Any] = ...,
            allowed_emails: Sequence[str] | None = ...,
            public: Sequence[str] = ...,
            login_page: str | None = ...,
            after_login: str = ...,
            session_duration: float = ...,
            sliding: bool = ...,
            session_db: DictDatabase | None = ...,
            on_login: Callable[[dict[str, Any]], Any] | None = ...,
            public_url: str | None = ...,
        ) -> None: ...

    class GoogleOAuth(Entity):
        """Logins with Google."""

        client_id: str
        client_secret: str
        issuer: str
        def __init__(self, *, client_id: str = ..., client_secret: str = ..., issuer: str = ...) -> None: ...

    class GitHubOAuth(Entity):
        """Logins with GitHub. `name` is the login, which is unique, and `full_name` the name that the user chose."""

        client_id: str
        client_secret: str
        url: str
        def __init__(self, *, client_id: str = ..., client_secret: str = ..., url: str = ...) -> None: ...

    class OIDC(Entity):
        """Logins with any OpenID Connect provider."""

        issuer: str
        client_id: str
        client_secret: str
        label: str | None
        scope: str
        def __init__(
            self,
            *,
            issuer: str = ...,
            client_id: str = ...,
            client_secret: str = ...,
            label: str | None = ...,
            scope: str = ...,
        ) -> None: ...

    class JupyterHub(Entity):
        """Logins with the JupyterHub on which the notebook runs. The server must be a registered service of the hub."""

        client_id: str | None
        api_token: str | None
        api_url: str | None
        hub_url: str | None
        def __init__(
            self,
            *,
            client_id: str | None = ...,
            api_token: str | None = ...,
            api_url: str | None = ...,
            hub_url: str | None = ...,
        ) -> None: ...

    class Request(Entity):
        """An HTTP request, the argument of a route's handler."""

        path: str
        method: str
        headers: dict[str, str]
        header_lists: dict[str, list[str]]
        query: str
        query_params: dict[str, str]
        query_lists: dict[str, list[str]]
        body: str | bytes
        form_data: dict[str, Any]
        form_lists: dict[str, list[Any]]
        client_ip: str
        base_url: str
        req_time: _Time
        path_params: dict[str, Any]
        user: dict[str, Any] | None
        body_bytes: bytes
        text: str
        json: Any
        def __init__(
            self,
            *,
            path: Any = ...,
            method: Any = ...,
            headers: Any = ...,
            header_lists: Any = ...,
            query: Any = ...,
            query_params: Any = ...,
            query_lists: Any = ...,
            body: Any = ...,
            form_data: Any = ...,
            form_lists: Any = ...,
            client_ip: Any = ...,
            base_url: Any = ...,
            req_time: Any = ...,
            path_params: Any = ...,
            user: Any = ...,
            **more: Any,
        ) -> None: ...

    class Sent(Entity):
        """A message of a client of `ET.WebSocket(sender=True)`, with its sender."""

        content: Any
        channel_id: int
        user: dict[str, Any] | None
        def __init__(self, *, content: Any = ..., channel_id: Any = ..., user: Any = ..., **more: Any) -> None: ...

    class WSClientConnected(Entity):
        """A client has connected: the first message of the actor of a WebSocket route."""

        client_ip: str
        path: str
        query_params: dict[str, str]
        query_lists: dict[str, list[str]]
        headers: dict[str, str]
        header_lists: dict[str, list[str]]
        subprotocol: str | None
        time: _Time
        topic_in: Topic
        topic_out: Topic
        origin: str
        http_server: HTTPServer
        channel_id: int
        path_params: dict[str, Any]
        user: dict[str, Any] | None
        def __init__(
            self,
            *,
            client_ip: Any = ...,
            path: Any = ...,
            query_params: Any = ...,
            query_lists: Any = ...,
            headers: Any = ...,
            header_lists: Any = ...,
            subprotocol: Any = ...,
            time: Any = ...,
            topic_in: Any = ...,
            topic_out: Any = ...,
            origin: Any = ...,
            http_server: Any = ...,
            channel_id: Any = ...,
            path_params: Any = ...,
            user: Any = ...,
        ) -> None: ...

    class WSClientDisconnected(Entity):
        """A client has disconnected: the last message of the actor of a WebSocket route."""

        client_ip: str
        path: str
        time: _Time
        origin: str
        http_server: HTTPServer
        channel_id: int
        close_code: int
        def __init__(
            self,
            *,
            client_ip: Any = ...,
            path: Any = ...,
            time: Any = ...,
            origin: Any = ...,
            http_server: Any = ...,
            channel_id: Any = ...,
            close_code: Any = ...,
        ) -> None: ...

    class ClientJoined(Entity):
        """A client of a route with `presence=` has connected: published to that topic before its first message."""

        id: str
        channel_id: int
        client_ip: str
        path: str
        query_params: dict[str, str]
        path_params: dict[str, Any]
        user: dict[str, Any] | None
        origin: str
        http_server: HTTPServer
        time: _Time
        def __init__(
            self,
            *,
            id: Any = ...,
            channel_id: Any = ...,
            client_ip: Any = ...,
            path: Any = ...,
            query_params: Any = ...,
            path_params: Any = ...,
            user: Any = ...,
            origin: Any = ...,
            http_server: Any = ...,
            time: Any = ...,
            **more: Any,
        ) -> None: ...

    class ClientLeft(Entity):
        """A client of a route with `presence=` has left: published to that topic after its last message."""

        id: str
        channel_id: int
        client_ip: str
        path: str
        query_params: dict[str, str]
        path_params: dict[str, Any]
        user: dict[str, Any] | None
        origin: str
        http_server: HTTPServer
        time: _Time
        since: _Time
        close_code: int | None
        reason: str
        def __init__(
            self,
            *,
            id: Any = ...,
            channel_id: Any = ...,
            client_ip: Any = ...,
            path: Any = ...,
            query_params: Any = ...,
            path_params: Any = ...,
            user: Any = ...,
            origin: Any = ...,
            http_server: Any = ...,
            time: Any = ...,
            since: Any = ...,
            close_code: Any = ...,
            reason: Any = ...,
            **more: Any,
        ) -> None: ...

    class WSServerConnected(Entity):
        """An outward connection is open: the first message of its actor, and the first after each reconnection."""

        url: str
        time: _Time
        topic_in: Topic
        topic_out: Topic
        client: WebSocketClient
        subprotocol: str
        def __init__(
            self,
            *,
            url: Any = ...,
            time: Any = ...,
            topic_in: Any = ...,
            topic_out: Any = ...,
            client: Any = ...,
            subprotocol: Any = ...,
        ) -> None: ...

    class WSServerDisconnected(Entity):
        """An outward connection has ended; it is opened again, unless its client has stopped."""

        url: str
        time: _Time
        code: int
        reason: str
        def __init__(self, *, url: Any = ..., time: Any = ..., code: Any = ..., reason: Any = ...) -> None: ...

    class ActorContext(Entity):
        """The third argument of a handler that takes three: the actor that runs it, and its input."""

        actor: Actor
        source_topic: Topic | list[Topic]
        def __init__(self, *, actor: Any = ..., source_topic: Any = ...) -> None: ...

    Topic: TypeAlias = _Topic
    HTTPServer: TypeAlias = _HTTPServer
    Actor: TypeAlias = _Actor
    WebSocketClient: TypeAlias = _WebSocketClient
    Timer: TypeAlias = _Timer
    Replay: TypeAlias = _Replay
    Subscription: TypeAlias = _Subscription
    Success: TypeAlias = _Success

class FX:
    class CloseDB(_Effect[Success]):
        """Close a database after all changes that were submitted before."""

        def __init__(self, *, db: DictDatabase = ...) -> None: ...

    class CloseWebSocketConnection(_Effect[Success]):
        """Close the connection of one client, after all messages sent before."""

        def __init__(
            self, *, http_server: HTTPServer = ..., channel_id: int = ..., code: int = ..., reason: str = ...
        ) -> None: ...

    class CreateDB(_Effect[DictDatabase]):
        """Create a database, or open one on disk: a dict that all actors and the notebook share."""

        def __init__(
            self,
            *,
            type: type[DictDatabase] = ...,
            persistence: Literal["in_memory", "local_disk", "cluster"] = ...,
            path: str | os.PathLike[str] | None = ...,
            initial_state: Mapping[Any, Any] | None = ...,
        ) -> None: ...

    class DeleteTopic(_Effect[Success]):
        """End every subscription of `topic`: those of ops, actors, sockets, event streams and outward clients."""

        def __init__(self, *, topic: Topic = ...) -> None: ...

    class GetLetsEncryptCreds(_Effect[Entity]):
        """Request a certificate from Let's Encrypt, or return the stored one until two thirds of its life."""

        def __init__(
            self,
            *,
            domains: Sequence[str] = ...,
            email_address: str | None = ...,
            staging: bool = ...,
            directory_url: str | None = ...,
            directory_root: str | os.PathLike[str] | None = ...,
            http_port: int = ...,
            allow_external_requests: bool = ...,
        ) -> None: ...

    class JoinCluster(_Effect[Success]):
        """Share topics with other processes, through a broker with the protocol of Valkey and Redis."""

        def __init__(self, *, url: str | None = ..., name: str = ..., topics: Any = ...) -> None: ...

    class LeaveCluster(_Effect[Success]):
        """Share no topics any more. Messages that wait for the broker are sent first."""

        def __init__(self) -> None: ...

    class ListActors(_Effect[list[Actor]]):
        """List all running actors, including those of connections."""

        def __init__(self) -> None: ...

    class ListReplays(_Effect[list[Replay]]):
        """List all running replays."""

        def __init__(self) -> None: ...

    class ListTimers(_Effect[list[Timer]]):
        """List all running timers."""

        def __init__(self) -> None: ...

    class ListWebSocketClients(_Effect[list[WebSocketClient]]):
        """List all outward clients, including those that are reconnecting."""

        def __init__(self) -> None: ...

    class LoadRecording(_Effect[Recording]):
        """Open the file of a recording. Its rows are read when they are used, some at a time."""

        def __init__(self, *, path: str | os.PathLike[str] = ...) -> None: ...

    class Log(_Effect[Success]):
        """Write `content` to the journal."""

        def __init__(
            self, *, content: Any = ..., level: Literal["debug", "info", "warning", "error"] = ...
        ) -> None: ...

    class MapTopic(_Effect[Success]):
        """Publish the result of `op` for each message of `source` to `target`, in order."""

        def __init__(self, *, source: Topic = ..., target: Topic = ..., op: Callable[..., Any] = ...) -> None: ...

    class Print(_Effect[Success]):
        """Print `content` as one line, in order with all other output of the program."""

        def __init__(self, *, content: Any = ...) -> None: ...

    class Publish(_Effect[Success]):
        """Deliver `content` to every subscriber of `target`, in order."""

        def __init__(self, *, target: Topic = ..., content: Any = ...) -> None: ...

    class PublishAll(_Effect[Success]):
        """Publish many messages in order, as `FX.Publish` does for each, in a fraction of the time."""

        def __init__(self, *, target: Topic = ..., contents: Iterable[Any] = ...) -> None: ...

    class QueryActorState(_Effect[dict[Actor, Any]]):
        """Read the state of one actor, of several, or of all."""

        def __init__(
            self,
            *,
            actor: Actor | None = ...,
            actors: Sequence[Actor] | None = ...,
            transform: Callable[..., Any] | None = ...,
        ) -> None: ...

    class QueryAllActiveHTTPServers(_Effect[Rows]):
        """List all running servers."""

        def __init__(self) -> None: ...

    class QueryAllConnectedWebsocketClients(_Effect[Rows]):
        """List the clients that are connected to a server, in the order of their channel ids."""

        def __init__(self, *, http_server: HTTPServer = ..., path: str | None = ...) -> None: ...

    class QueryAllWebsocketEndpoints(_Effect[Rows]):
        """List the WebSocket routes of a server."""

        def __init__(self, *, http_server: HTTPServer = ...) -> None: ...

    class QueryCluster(_Effect[Rows]):
        """List the nodes of the cluster that this process has joined."""

        def __init__(self) -> None: ...

    class QueryClusterClients(_Effect[Rows]):
        """List the WebSocket clients of all nodes."""

        def __init__(self, *, path: str | None = ...) -> None: ...

    class QueryDB(_Effect[Any]):
        """Read a database: one value, or the result of a query on all of it. Give either `get` or `query`."""

        def __init__(
            self, *, db: DictDatabase = ..., get: Any = ..., query: Callable[..., Any] | None = ...
        ) -> None: ...

    class QueryHTTPServer(_Effect[dict[str, Any]]):
        """Describe one running server."""

        def __init__(self, *, server: HTTPServer = ...) -> None: ...

    class QueryLog(_Effect[Rows]):
        """Read the journal: events and errors, the newest first."""

        def __init__(
            self,
            *,
            filter: dict[str, Any] | None = ...,
            limit: int | None = ...,
            server: HTTPServer | None = ...,
            actor: Actor | None = ...,
            level: Literal["debug", "info", "warning", "error"] = ...,
            kind: Literal["journal", "access"] = ...,
        ) -> None: ...

    class QueryPresence(_Effect[Rows]):
        """List the clients that are connected to the routes with `presence=topic`, in the order of their joins."""

        def __init__(self, *, topic: Topic = ...) -> None: ...

    class QuerySessions(_Effect[Rows]):
        """List the sessions of a server with `auth=`: the users who are logged in."""

        def __init__(self, *, http_server: HTTPServer = ...) -> None: ...

    class QueryWebSocketClient(_Effect[dict[str, Any]]):
        """Describe one outward client."""

        def __init__(self, *, client: WebSocketClient = ...) -> None: ...

    class Rehearse(_Effect[Differences]):
        """Handle the messages of a recording again with other rules, without any effect, and compare the results."""

        def __init__(
            self, *, recording: Recording = ..., actor: FX.StartActor = ..., path: str | None = ..., all: bool = ...
        ) -> None: ...

    class RevokeSession(_Effect[Success]):
        """End sessions of a server with `auth=`: their WebSocket clients are closed with code 4401."""

        def __init__(
            self,
            *,
            http_server: HTTPServer = ...,
            user: str | Mapping[str, Any] | None = ...,
            session: str | None = ...,
        ) -> None: ...

    class SaveRecording(_Effect[Success]):
        """Write a recording, which may still run, to a file. A recording at that path is replaced."""

        def __init__(self, *, recording: Recording = ..., path: str | os.PathLike[str] = ...) -> None: ...

    class StartActor(_Effect[Actor]):
        """Start an actor, which handles the messages of its input topics one at a time."""

        def __init__(
            self,
            *,
            initial_state: Any = ...,
            input: Topic | Sequence[Topic] | None = ...,
            rules: Mapping[Any, Any] | Sequence[Any] | None = ...,
            handler: Callable[..., Any] | None = ...,
            input_transform: Callable[..., Any] | None = ...,
            logging: bool = ...,
        ) -> None: ...

    class StartHTTPServer(_Effect[HTTPServer]):
        """Start a server for HTTP and WebSocket; when this returns, clients can connect."""

        def __init__(
            self,
            *,
            routes: Mapping[Any, Any] = ...,
            port: int = ...,
            allow_external_requests: bool = ...,
            allow_restart: bool = ...,
            certificates: Any = ...,
            logging: bool = ...,
            allowed_hosts: Sequence[str] = ...,
            allowed_origins: Sequence[str] = ...,
            max_connections: int | None = ...,
            max_body: int | None = ...,
            trusted_proxies: Sequence[str] = ...,
            auth: Literal["token"]
            | Mapping[str, str]
            | Callable[[str, str], Any]
            | ET.Auth
            | ET.GoogleOAuth
            | ET.GitHubOAuth
            | ET.OIDC
            | ET.JupyterHub
            | None = ...,
        ) -> None: ...

    class StartRecording(_Effect[Recording]):
        """Record what the clients of a server send and when they connect and leave, or what is published to topics."""

        def __init__(
            self,
            *,
            server: HTTPServer | None = ...,
            topics: Topic | str | Sequence[Topic | str] | None = ...,
            keep: int | None = ...,
            path: str | os.PathLike[str] | None = ...,
        ) -> None: ...

    class StartReplay(_Effect[Replay]):
        """Publish the messages of a source to `target`, one after the other, with their pauses or at a rate."""

        def __init__(
            self,
            *,
            source: Iterable[Any] = ...,
            target: Topic = ...,
            speed: float | str | None = ...,
            rate: float | None = ...,
            time: str | None = ...,
            loop: bool = ...,
            wait: bool = ...,
        ) -> None: ...

    class StartTimer(_Effect[Timer]):
        """Publish `content` to `target` at each `interval`."""

        def __init__(
            self,
            *,
            interval: float | str = ...,
            target: Topic = ...,
            content: Any = ...,
            starting_at: _Time | None = ...,
            zone: str | None = ...,
        ) -> None: ...

    class StartWebSocketClient(_Effect[WebSocketClient]):
        """Connect outward to a WebSocket server; when this returns, the connection is open."""

        def __init__(
            self,
            *,
            url: str = ...,
            port: int | None = ...,
            in_stream_into: Topic | Sequence[Any] | None = ...,
            out_stream_from: Topic | Sequence[Any] | None = ...,
            actor: Any = ...,
            ssl_context: SSLContext | None = ...,
            ca_file: str | os.PathLike[str] | None = ...,
            headers: Any = ...,
            subprotocols: Sequence[str] = ...,
            redirects: str = ...,
            max_size: int = ...,
            wait: float = ...,
        ) -> None: ...

    class StopActor(_Effect[Success]):
        """Stop an actor, and end everything that it has started. Stopping it again has no effect."""

        def __init__(self, *, actor: Actor = ...) -> None: ...

    class StopHTTPServer(_Effect[Success]):
        """Stop a server: close every client with code 1001, and free the port before this returns."""

        def __init__(self, *, server: HTTPServer = ...) -> None: ...

    class StopRecording(_Effect[Success]):
        """Stop a recording. Its rows stay as long as the program uses them."""

        def __init__(self, *, recording: Recording = ...) -> None: ...

    class StopReplay(_Effect[Success]):
        """Stop a replay. One that has come to its end can be stopped, too, without an effect."""

        def __init__(self, *, replay: Replay = ...) -> None: ...

    class StopTimer(_Effect[Success]):
        """Stop a timer."""

        def __init__(self, *, timer: Timer = ...) -> None: ...

    class StopWebSocketClient(_Effect[Success]):
        """Close an outward connection with code 1000, after all messages published before, which may take a second."""

        def __init__(self, *, client: WebSocketClient = ...) -> None: ...

    class StreamGraphSnapshot(_Effect[Rows]):
        """List all subscriptions, timers and replays."""

        def __init__(self) -> None: ...

    class SubscribeFX(_Effect[Success]):
        """Call `op` with each message of `topic`, and perform the effects that it returns."""

        def __init__(self, *, topic: Topic = ..., op: Callable[..., Any] = ...) -> None: ...

    class Unsubscribe(_Effect[Success]):
        """End a subscription that `FX.SubscribeFX` or `FX.MapTopic` made; earlier messages are still handled."""

        def __init__(self, *, subscription: Subscription = ...) -> None: ...

    class UpdateDB(_Effect[Success]):
        """Change several keys of a database: all of them, or none."""

        def __init__(
            self,
            *,
            db: DictDatabase = ...,
            insert: Mapping[Any, Any] | None = ...,
            remove: list[Any] | tuple[Any, ...] | None = ...,
            update: Mapping[Any, Any] | None = ...,
            change: Mapping[Any, Any] | None = ...,
        ) -> None: ...

    class UpdateRunningHTTPServer(_Effect[dict[str, Any]]):
        """Change the routes of a running server; its clients stay connected."""

        def __init__(
            self, *, server: HTTPServer = ..., delta: Sequence[Entity] = ..., expected_version: int | None = ...
        ) -> None: ...

__version__: str
__all__ = [
    "ET",
    "FX",
    "Any",
    "Array1",
    "Bool",
    "Bytes",
    "DictDatabase",
    "EntityUid",
    "F",
    "Float",
    "Int",
    "Nil",
    "String",
    "Time",
    "add",
    "apply",
    "array_to_bytes",
    "bytes_to_array",
    "collect",
    "constant_func",
    "contains",
    "converter",
    "drop",
    "effect",
    "equals",
    "first",
    "generate_uid",
    "get",
    "greater_than",
    "identity",
    "insert",
    "insert_into",
    "is_a",
    "join",
    "last",
    "length",
    "less_than",
    "log",
    "match",
    "match_",
    "nth",
    "one_of",
    "op",
    "parse_json",
    "picture",
    "plot",
    "public_url",
    "reduce",
    "replace_text",
    "reverse",
    "run",
    "set_public_url",
    "sort",
    "split",
    "starts_with",
    "take",
    "to_json",
    "to_lower_case",
    "to_upper_case",
    "trim",
    "u8",
    "unique",
    "watch",
    "zef_function",
]
