"""Effects on the cluster: join it, leave it, and list its nodes and their clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zefnb.core.effect import effect
from zefnb.core.entity import Success
from zefnb.core.rows import Rows

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@effect("JoinCluster")
async def join_cluster(runtime: Runtime, *, url: str | None = None, name: str = "zefnb", topics: Any = "*") -> Success:
    """Share topics with other processes, through a broker with the protocol of Valkey and Redis.

    A message for a shared topic goes to the broker and comes back to the subscribers of all joined processes, also of
    this one, in one order. `FX.Publish(...) | run` returns when the broker has accepted it. Topics that are not shared
    stay in this process. `FX.MapTopic` and timers run in each process that makes them.

    Without a url, the first process to join starts a private Valkey for the processes of this user on this machine. It
    needs `pip install 'zefnb[cluster]'`, and is stopped by the last process that leaves.

    A process that has joined leaves first; it can join again with other topics.

    Args:
        url: The broker: `redis://host:6379/0`, `rediss://user:password@host:6379/0` (TLS; the certificate is verified)
            or `unix:///path`. Default: the environment variable ZEFNB_CLUSTER, else a private broker.
        name: The name of the cluster at the broker (default 'zefnb').
        topics: The shared topics. '*' (the default): all topics with a plain name. Or a list of names, patterns such as
            'sensors/*', and topics.

    Returns:
        `ET.Success(node=…, topics=…)`, with the name of this node and the shared topics.

    Raises:
        InvalidEffect: A field is not valid.
        ClusterUnavailable: The broker cannot be reached or started, or refuses the user.
        NotInstalled: A package is missing; the text has the command that installs it.

    >>> from zefnb import *
    >>> FX.JoinCluster(topics=['room', 'sensors/*']) | run  # doctest: +SKIP
    """
    from zefnb.cluster.broker_url import given_broker
    from zefnb.cluster.cluster import Cluster
    from zefnb.engine.cells import current_notices

    broker = given_broker(url)
    del url  # some tracebacks show the values of names
    if broker is not None:
        broker.check()
    node = await runtime.service(Cluster).join(broker, name, topics)
    notices = current_notices.get()
    if notices is not None:
        notices.append(f"joined the cluster {name!r} at {node.place}; shared: {node.sharing.names}")
        notices += [f"warning: {warning}" for warning in node.warnings]
    return Success(node=node.name, topics=list(node.sharing.names.parts))


@effect("LeaveCluster")
async def leave_cluster(runtime: Runtime) -> Success:
    """Share no topics any more. Messages that wait for the broker are sent first.

    Returns:
        `ET.Success()`.

    Raises:
        NotRunning: This process has not joined a cluster.

    >>> from zefnb import *
    >>> FX.LeaveCluster() | run  # doctest: +SKIP
    """
    from zefnb.cluster.cluster import Cluster
    from zefnb.engine.perform import SUCCESS

    await runtime.service(Cluster).leave()
    return SUCCESS


@effect("QueryCluster")
async def query_cluster(runtime: Runtime) -> Rows:
    """List the nodes of the cluster that this process has joined.

    Returns:
        A list of dicts with the keys name, host, pid, since, last_seen (times), clients (a count), and behind (the
        seconds between the newest message and the newest one that the node has read).

    Raises:
        NotRunning: This process has not joined a cluster.
        ClusterUnavailable: The broker does not reply.

    >>> from zefnb import *
    >>> FX.QueryCluster() | run  # doctest: +SKIP
    """
    from zefnb.cluster.cluster import Cluster
    from zefnb.cluster.queries import node_rows

    return Rows("nodes", await node_rows(runtime.service(Cluster).joined))


@effect("QueryClusterClients")
async def query_cluster_clients(runtime: Runtime, *, path: str | None = None) -> Rows:
    """List the WebSocket clients of all nodes.

    Args:
        path: The path of a WebSocket route. Default: all routes.

    Returns:
        A list of dicts with the key node (its name), and the keys of `FX.QueryAllConnectedWebsocketClients`.

    Raises:
        NotRunning: This process has not joined a cluster.
        ClusterUnavailable: The broker does not reply.

    >>> from zefnb import *
    >>> FX.QueryClusterClients(path='/ws') | run  # doctest: +SKIP
    """
    from zefnb.cluster.cluster import Cluster
    from zefnb.cluster.queries import ask_all

    joined = runtime.service(Cluster).joined
    return Rows("clients", await ask_all(joined, "clients", path))
