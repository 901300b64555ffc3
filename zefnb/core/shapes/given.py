"""The shapes of the entities that a program gives to a server: routes, answers, and changes of routes."""

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
            "handler": Field("Any", "The function that gets the `ET.Request` and returns the answer."),
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
        "An answer with a status and headers.",
        {
            "status": Field("int", "The status, from 200 to 599; that of `body` when it is an entity.", 200),
            "body": Field(
                "str | bytes | dict[str, Any] | list[Any] | ET.HTML | ET.JSON | ET.Redirect | ET.FromFile | None",
                "Text, bytes, a dict or list for JSON, or another answer.",
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
        "An answer that sends the client to another address.",
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
