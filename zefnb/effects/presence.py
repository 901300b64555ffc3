"""The effect on presence: the clients of the routes that share a presence topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zefnb.core.effect import effect
from zefnb.core.entity import Topic
from zefnb.core.rows import Rows

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@effect("QueryPresence")
def query_presence(runtime: Runtime, *, topic: Topic) -> Rows:
    """List the clients that are connected to the routes with `presence=topic`, in the order of their joins.

    Each of them has been announced by an `ET.ClientJoined`, and has not left yet. A client of `/zef.js` that has lost
    its connection leaves when its time to come back is over (`ET.WebSocket(resume=...)`, 60 s by default). Until then
    it is listed as away.

    In a cluster that shares the topic, the clients of all nodes are listed, first those of this process. When a node
    leaves or dies, its clients leave, and each of the other nodes receives one `ET.ClientLeft` for each of them.

    Args:
        topic: The topic that routes have as their `presence`.

    Returns:
        A list of dicts with the keys id (as in `ET.ClientJoined`), channel_id, client_ip, since (a `Time`), path,
        path_params, query_params, origin, http_server and away. On a server with `auth=`, they have the key user, too
        (a dict; None without a login). In a process that has joined a cluster, they have the key node (its name), too.

    Raises:
        InvalidEffect: The topic has no name.

    >>> from zefnb import *
    >>> who = ET.Topic('who')
    >>> route = ET.WebSocket(clients_push_into_=[ET.Topic('t')], presence=who)
    >>> server = FX.StartHTTPServer(routes={'/ws': route}, port=0) | run
    >>> client = FX.StartWebSocketClient(url=f'ws://localhost:{server.port}/ws', out_stream_from=ET.Topic('mine')) | run
    >>> [client['path'] for client in FX.QueryPresence(topic=who) | run]
    ['/ws']
    >>> FX.StopWebSocketClient(client=client) | run
    ET.Success()
    >>> FX.StopHTTPServer(server=server) | run
    ET.Success()
    """
    from zefnb.net.websocket.presence import Presence
    from zefnb.topics.hub import topic_key

    topic_key(topic)
    return Rows("presence", runtime.service(Presence).rows(topic))
