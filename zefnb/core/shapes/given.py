"""The shapes of the entities that a program gives to a server: routes, responses, and changes of routes."""

from __future__ import annotations

from zefnb.core.shapes.shape import Field, Shape

_TOPICS = "ET.Topic | Sequence[ET.Topic]"

_ACCESS = {
    "public": Field("bool", "On a server with `auth=`: whether the route needs no login.", False),
    "allow": Field(
        "Callable[[dict[str, Any]], Any] | None",
        "On a server with `auth=`: a function of the user, plain or async; the route serves users for whom it is true.",
        None,
    ),
}

GIVEN = (
    Shape(
        "WebSocket",
        "route",
        "A WebSocket route. It has topics, or an actor for each client.",
        {
            "clients_subscribe_to": Field(_TOPICS, "Each client receives the messages of these topics.", ()),
            "clients_push_into_": Field(
                _TOPICS,
                "The messages of clients are published to these topics: text as `str`, binary as `Array1[u8]`.",
                (),
            ),
            "actor": Field(
                "FX.StartActor | None",
                "Describes the actor of each client, which receives the messages of the client.",
                None,
            ),
            "slow_client": Field(
                "Literal['close', 'drop_oldest', 'drop_newest'] | ET.SlowClient | Mapping[str, Any]",
                "How to treat a client that reads more slowly than messages are published.",
                "close",
            ),
            "resume": Field(
                "bool | ET.Resume | Mapping[str, Any]",
                "For how long, and for how many bytes, messages wait for a client of `/zef.js` that has lost its "
                "connection; `False` for neither.",
                True,
            ),
            "max_size": Field("int", "The longest message that a client may send, in bytes.", 1 << 20),
            "compression": Field(
                "bool", "Whether messages are compressed for clients that offer it (RFC 7692).", False
            ),
            "subprotocols": Field(
                "Sequence[str]",
                "The subprotocols of the route; the first one that a client offers is used.",
                (),
            ),
            "history": Field(
                "int",
                "How many of the last messages of each topic a client gets when it connects, at most 10,000. Up to "
                "4 MiB of a topic's messages are kept, from the start of the server.",
                0,
            ),
            "json": Field(
                "bool",
                "Whether the text of clients is JSON: topics and the actor receive its value, and other text closes "
                "the connection with 1007. Binary messages stay bytes.",
                False,
            ),
            "echo": Field("bool", "Whether a client gets its own messages back from the route's topics.", True),
            "sender": Field(
                "bool", "Whether topics receive each message as an `ET.Sent`, with the client that sent it.", False
            ),
            "presence": Field(
                "ET.Topic | None",
                "Receives an `ET.ClientJoined` for each client that connects, and an `ET.ClientLeft` when it has left. "
                "Several routes and servers can have the same topic.",
                None,
            ),
            "nan": Field(
                "Literal['null', 'refuse']",
                "NaN and infinity are sent as null, or are an error in the journal.",
                "null",
            ),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> chat = ET.Topic('chat')
>>> route = ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat])
>>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
>>> FX.StopHTTPServer(server=server) | run
ET.Success()
""",
    ),
    Shape(
        "Route",
        "route",
        "A handler with its options: the value of a route.",
        {
            "handler": Field(
                "Any", "The function that gets the `ET.Request` and returns the response, or `[effects, response]`."
            ),
            "max_body": Field("int | None", "The longest body, in bytes; `None` for the limit of the server.", None),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> def upload(request):
...     return f'{len(request.body_bytes)} bytes'
>>> routes = {('POST', '/upload'): ET.Route(handler=upload, max_body=100 << 20)}
""",
    ),
    Shape(
        "PushInto",
        "route",
        "Publishes the body of each request: the value of a route with `POST`, `PUT` or `PATCH`, such as a webhook.",
        {
            "topics": Field(
                _TOPICS,
                "The body is published to these topics: JSON as its value, a form as a dict, text as `str`, anything "
                "else as `Array1[u8]`, by its content type. The response is 204.",
            ),
            "max_body": Field("int | None", "The longest body, in bytes; `None` for the limit of the server.", None),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> routes = {('POST', '/hook'): ET.PushInto(topics=[ET.Topic('hooks')])}
""",
    ),
    Shape(
        "EventStream",
        "route",
        "Server-sent events: each client receives the messages of topics over plain HTTP (`EventSource`, curl).",
        {
            "clients_subscribe_to": Field(_TOPICS, "Each client receives the messages of these topics."),
            "history": Field(
                "int",
                "How many of the last messages of each topic are kept, at most 10,000 and 4 MiB: for a client that "
                "connects, and for one that connects again and names the last event that it has.",
                0,
            ),
            "slow_client": Field(
                "Literal['close', 'drop_oldest', 'drop_newest'] | ET.SlowClient | Mapping[str, Any]",
                "How to treat a client that reads more slowly than messages are published.",
                "close",
            ),
            "retry": Field(
                "float",
                "The seconds, half of it to one and a half, after which a client that was disconnected connects again.",
                2.0,
            ),
            "nan": Field(
                "Literal['null', 'refuse']",
                "NaN and infinity are sent as null, or are an error in the journal.",
                "null",
            ),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> routes = {'/events': ET.EventStream(clients_subscribe_to=[ET.Topic('feed')], history=1)}
""",
        more="An event of the type `bytes` has binary content as base64. An event of the type `gap` has the number of "
        'messages that a client has missed and that are no longer kept: `{"missing": 3}`, or null if it is unknown.',
    ),
    Shape(
        "FromDirectory",
        "route",
        "The files of a directory: the value of a route whose path ends with `{path...}`.",
        {
            "path": Field("str | os.PathLike[str]", "The path of the directory."),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> routes = {'/site/{path...}': ET.FromDirectory(path='site')}
""",
        more="A folder is served by its `index.html`. Hidden files, and links that lead outside, are not served: 404.",
    ),
    Shape(
        "SlowClient",
        "route",
        "How a WebSocket route treats a client that reads too slowly; see Limits for the defaults of `None`.",
        {
            "policy": Field(
                "Literal['close', 'drop_oldest', 'drop_newest']",
                "Close the client with 1013, or keep it and drop messages.",
                "close",
            ),
            "max_bytes": Field("int | None", "How many bytes may wait for the client.", None),
            "max_seconds": Field("float | None", "For how many seconds the client may read nothing.", None),
        },
        """
>>> from zefnb import *
>>> patient = ET.SlowClient(max_bytes=64 << 20, max_seconds=30)
>>> route = ET.WebSocket(clients_subscribe_to=[ET.Topic('pictures')], slow_client=patient)
""",
    ),
    Shape(
        "Resume",
        "route",
        "How long a WebSocket route waits for a client of `/zef.js` that has lost its connection.",
        {
            "seconds": Field("float", "Seconds in which the client can come back and miss nothing.", 60.0),
            "bytes": Field("int", "Bytes of messages that wait for it; the oldest are dropped, and reported.", 1 << 20),
        },
        """
>>> from zefnb import *
>>> lift = ET.Resume(seconds=300, bytes=4 << 20)
>>> route = ET.WebSocket(clients_subscribe_to=[ET.Topic('room')], resume=lift)
""",
    ),
    Shape(
        "HTML",
        "response",
        "A page: the value of a route, or the result of a handler.",
        {"content": Field("str | bytes", "The page, sent as `text/html`."), **_ACCESS},
        """
>>> from zefnb import *
>>> routes = {'/': ET.HTML(content='<h1>Hello</h1>')}
""",
    ),
    Shape(
        "JSON",
        "response",
        "A value as JSON: the value of a route, or the result of a handler.",
        {
            "content": Field("Any", "The value, sent as `application/json`."),
            "nan": Field("Literal['null', 'refuse']", "NaN and infinity are sent as null, or give status 500.", "null"),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> routes = {'/count': ET.JSON(content=[1, 2, 3])}
""",
    ),
    Shape(
        "Response",
        "response",
        "A response with a status and headers.",
        {
            "status": Field("int", "The status, from 200 to 599; that of `body` when it is an entity.", 200),
            "body": Field(
                "Any",
                "Text, bytes, a dict or list for JSON, another response, or an iterator, whose items are sent singly.",
                b"",
            ),
            "headers": Field(
                "Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]",
                "Headers by name, with a list of values for a name that occurs several times; or a list of pairs.",
                {},
            ),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> def create(request):
...     return ET.Response(status=201, body={'id': 7}, headers={'location': '/things/7'})
>>> create(ET.Request(path='/things')).status
201
""",
    ),
    Shape(
        "Redirect",
        "response",
        "A response that sends the client to another address.",
        {
            "url": Field("str", "The address, absolute or a path."),
            "status": Field("int", "The status, such as 301, 303 or 307.", 302),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> routes = {'/old': ET.Redirect(url='/new', status=301)}
""",
    ),
    Shape(
        "FromFile",
        "response",
        "A file, read when it is requested; 404 when it does not exist.",
        {
            "path": Field("str | os.PathLike[str]", "The path of the file."),
            "media_type": Field("str | None", "The content type; `None` takes it from the name of the file.", None),
            **_ACCESS,
        },
        """
>>> from zefnb import *
>>> routes = {'/logo': ET.FromFile(path='logo.png', media_type='image/png')}
""",
    ),
    Shape(
        "InsertIn",
        "change",
        "A route to add or to replace, in the `delta` of `FX.UpdateRunningHTTPServer`.",
        {
            "path": Field("Sequence[Any]", "`['routes', key]`; `key` is a path, or a pair of method and path."),
            "value": Field("Any", "The value of the route."),
            "survives": Field("bool", "Whether a server that replaces this one on its port gets it.", False),
        },
        """
>>> from zefnb import *
>>> change = ET.InsertIn(path=['routes', ('POST', '/things')], value='created')
""",
    ),
    Shape(
        "RemoveIn",
        "change",
        "A route to remove, in the `delta` of `FX.UpdateRunningHTTPServer`.",
        {"path": Field("Sequence[Any]", "`['routes', key]`; `key` is a path, or a pair of method and path.")},
        """
>>> from zefnb import *
>>> change = ET.RemoveIn(path=['routes', '/old'])
""",
    ),
)
