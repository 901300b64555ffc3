"""The shapes of the messages that handlers receive."""

from __future__ import annotations

from zefnb.core.shapes.shape import COMPUTED, MAY_BE_MISSING, Field, Shape

_CLIENT_IP = Field("str", "The IP address of the client.")
_ORIGIN = Field("str", "The origin of the client's page; missing if the client does not send one.", MAY_BE_MISSING)
_SERVER = Field("ET.HTTPServer", "The handle of the server.")
_CHANNEL_ID = Field("int", "The number of the connection on its server, for `FX.CloseWebSocketConnection`.")
_USER = Field(
    "dict[str, Any] | None",
    "The user, with at least `id`, `name` and `provider`; `None` on a public route without a login. Missing on a "
    "server without `auth=`.",
    MAY_BE_MISSING,
)
_URL = Field("str", "The url of the server, without user, password and query.")
_PRIVATE = (
    "Clients of the topic receive it as JSON, without the fields that may be private (client_ip, query_params, "
    "path_params, origin, http_server, reason), and with only the `id`, `name` and `provider` of the user."
)
_JOINED = {
    "id": Field(
        "str",
        "Identifies the client, in both messages and in `FX.QueryPresence`. It stays the same when the client of "
        "`/zef.js` comes back, also to a server that replaces this one.",
    ),
    "channel_id": _CHANNEL_ID,
    "client_ip": _CLIENT_IP,
    "path": Field("str", "The path to which the client connected."),
    "query_params": Field("dict[str, str]", "The fields of the query, decoded; the last of each name."),
    "path_params": Field(
        "dict[str, Any]", "The variables of the path, by name; missing if the path has none.", MAY_BE_MISSING
    ),
    "user": _USER,
    "origin": _ORIGIN,
    "http_server": _SERVER,
    "time": Field("Time", "When the client connected."),
}

MESSAGES = (
    Shape(
        "Request",
        "message",
        "An HTTP request, the argument of a route's handler.",
        {
            "path": Field("str", "The path, decoded, without the query."),
            "method": Field("str", "The method, such as `'GET'`."),
            "headers": Field("dict[str, str]", "Headers, by name in lower case; the first of each name."),
            "header_lists": Field("dict[str, list[str]]", "All values of each header, by name in lower case."),
            "query": Field("str", "The query as received, without the question mark."),
            "query_params": Field("dict[str, str]", "The fields of the query, decoded; the last of each name."),
            "query_lists": Field("dict[str, list[str]]", "All values of each field of the query."),
            "body": Field("str | bytes", "The body: text if it is UTF-8, else bytes."),
            "form_data": Field(
                "dict[str, Any]",
                "The fields of a form, the last of each name; a file is a dict of filename, content and content_type.",
            ),
            "form_lists": Field("dict[str, list[Any]]", "All values of each field of the form."),
            "client_ip": Field("str", "The IP address of the client; `''` if it is not known."),
            "base_url": Field("str", "The address of the server as the client sees it, without a slash at its end."),
            "req_time": Field("Time", "When the request was read."),
            "path_params": Field("dict[str, Any]", "The variables of the path, by name."),
            "user": _USER,
        },
        """
>>> from zefnb import *
>>> def greet(request):
...     return f"hello {request.query_params.get('name', 'you')}"
>>> greet(ET.Request(path='/', query_params={'name': 'Ada'}))
'hello Ada'
""",
        more="Each variable of the path is a field, too, unless a field above has its name.",
        derived={
            "body_bytes": Field("bytes", "The body as received.", COMPUTED),
            "text": Field("str", "The body, decoded by the charset of its content type, else as UTF-8.", COMPUTED),
            "json": Field(
                "Any", "The value of the body as JSON; for a body that is not JSON, the client gets 400.", COMPUTED
            ),
        },
    ),
    Shape(
        "Sent",
        "message",
        "A message of a client of `ET.WebSocket(sender=True)`, with its sender.",
        {
            "content": Field("Any", "The message: text, bytes, or with `json=True` the value of its JSON."),
            "channel_id": _CHANNEL_ID,
            "user": _USER,
        },
        """
>>> from zefnb import *
>>> def count(sent):
...     return f'{sent.content} from {sent.channel_id}'
>>> count(ET.Sent(content='tea', channel_id=3))
'tea from 3'
""",
        more="Clients of the topic receive it as JSON, with only the `id`, `name` and `provider` of the user.",
    ),
    Shape(
        "WSClientConnected",
        "message",
        "A client has connected: the first message of the actor of a WebSocket route.",
        {
            "client_ip": _CLIENT_IP,
            "path": Field("str", "The path to which the client connected."),
            "query_params": Field("dict[str, str]", "The fields of the query, decoded; the last of each name."),
            "query_lists": Field("dict[str, list[str]]", "All values of each field of the query."),
            "headers": Field(
                "dict[str, str]",
                "Headers of the handshake, by name in lower case, the first of each name. Those that prove who the "
                "client is, such as cookies and credentials, are left out.",
            ),
            "header_lists": Field("dict[str, list[str]]", "All values of each of these headers."),
            "subprotocol": Field("str | None", "The subprotocol of the route that was chosen; `None` without one."),
            "time": Field("Time", "When the client connected."),
            "topic_in": Field("ET.Topic", "The actor receives the messages of this topic, like those of the client."),
            "topic_out": Field("ET.Topic", "The messages of this topic are sent to the client."),
            "origin": _ORIGIN,
            "http_server": _SERVER,
            "channel_id": _CHANNEL_ID,
            "path_params": Field(
                "dict[str, Any]", "The variables of the path, by name; missing if the path has none.", MAY_BE_MISSING
            ),
            "user": _USER,
        },
        """
>>> from zefnb import *
>>> def greet(message, state):
...     return [[FX.Publish(target=message.topic_out, content=f'hello {message.client_ip}')], state]
>>> route = ET.WebSocket(actor=FX.StartActor(initial_state=None, rules={(ET.WSClientConnected, Any): greet}))
>>> greet(ET.WSClientConnected(client_ip='127.0.0.1', topic_out=ET.Topic('out')), None)
[[FX.Publish(target=ET.Topic('out'), content='hello 127.0.0.1')], None]
""",
    ),
    Shape(
        "WSClientDisconnected",
        "message",
        "A client has disconnected: the last message of the actor of a WebSocket route.",
        {
            "client_ip": _CLIENT_IP,
            "path": Field("str", "The path to which the client was connected."),
            "time": Field("Time", "When the connection ended."),
            "origin": _ORIGIN,
            "http_server": _SERVER,
            "channel_id": _CHANNEL_ID,
            "close_code": Field("int", "The close code (RFC 6455, section 7.4); 1006 without a closing handshake."),
        },
        """
>>> from zefnb import *
>>> def goodbye(message, guests):
...     return [[FX.Log(content=f'closed with {message.close_code}')], guests - 1]
>>> goodbye(ET.WSClientDisconnected(close_code=1001), 3)
[[FX.Log(content='closed with 1001')], 2]
""",
    ),
    Shape(
        "ClientJoined",
        "message",
        "A client of a route with `presence=` has connected: published to that topic before its first message.",
        _JOINED,
        """
>>> from zefnb import *
>>> def greet(joined):
...     name = joined.query_params.get('name', 'Somebody')
...     return FX.Publish(target=ET.Topic('room'), content=f'{name} has come in')
>>> greet(ET.ClientJoined(query_params={'name': 'Ada'})).content
'Ada has come in'
""",
        more=_PRIVATE,
    ),
    Shape(
        "ClientLeft",
        "message",
        "A client of a route with `presence=` has left: published to that topic after its last message.",
        {
            **_JOINED,
            "time": Field("Time", "When the client left: its connection ended, or it did not come back in time."),
            "since": Field("Time", "When the client connected."),
            "close_code": Field(
                "int | None",
                "The close code (RFC 6455, section 7.4) of its last connection; 1006 without a closing handshake. "
                "`None` if it is still connected, to a route that has no longer this topic.",
            ),
            "reason": Field("str", "Why it left, in words of the server: `closed by the client`, `the server stops`."),
        },
        """
>>> from zefnb import *
>>> def count(left):
...     return f'{left.path} after {left.time - left.since:.0f} s: {left.reason}'
>>> count(ET.ClientLeft(path='/ws', since=Time.now(), time=Time.now(), reason='closed by the client'))
'/ws after 0 s: closed by the client'
""",
        more=_PRIVATE,
    ),
    Shape(
        "WSServerConnected",
        "message",
        "An outward connection is open: the first message of its actor, and the first after each reconnection.",
        {
            "url": _URL,
            "time": Field("Time", "When the connection opened."),
            "topic_in": Field("ET.Topic", "The actor receives the messages of this topic, like those of the server."),
            "topic_out": Field("ET.Topic", "The messages of this topic are sent to the server."),
            "client": Field("ET.WebSocketClient", "The handle of the outward connection."),
            "subprotocol": Field("str", "The subprotocol that the server chose; missing without one.", MAY_BE_MISSING),
        },
        """
>>> from zefnb import *
>>> def subscribe(message, state):
...     return [[FX.Publish(target=message.topic_out, content={'subscribe': 'trades'})], state]
>>> subscribe(ET.WSServerConnected(topic_out=ET.Topic('out')), None)
[[FX.Publish(target=ET.Topic('out'), content={'subscribe': 'trades'})], None]
""",
    ),
    Shape(
        "WSServerDisconnected",
        "message",
        "An outward connection has ended; it is opened again, unless its client has stopped.",
        {
            "url": _URL,
            "time": Field("Time", "When the connection ended."),
            "code": Field("int", "The close code (RFC 6455, section 7.4); 1006 if the server sent none."),
            "reason": Field("str", "The reason from the server, or the error."),
        },
        """
>>> from zefnb import *
>>> def lost(message, state):
...     return [[FX.Log(content=message.reason, level='warning')], state]
>>> lost(ET.WSServerDisconnected(code=1012, reason='restart'), None)
[[FX.Log(content='restart', level='warning')], None]
""",
    ),
    Shape(
        "ActorContext",
        "message",
        "The third argument of a handler that takes three: the actor that runs it, and its input.",
        {
            "actor": Field("ET.Actor", "The handle of the actor."),
            "source_topic": Field("ET.Topic | list[ET.Topic]", "The input of the actor."),
        },
        """
>>> from zefnb import *
>>> def once(message, state, context):
...     return [[FX.StopActor(actor=context.actor)], state]
""",
    ),
)
