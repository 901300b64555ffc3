"""`watch`: live tables of the running objects, as a widget in a notebook, or in a terminal until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zefnb.core.entity import Entity
from zefnb.core.execution import is_in_notebook
from zefnb.errors import FieldError, InvalidValue, did_you_mean, shown

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime
    from zefnb.notebook.watch.table import Place


def watch(server: Any = None, path: str | None = None) -> Any:
    """Show a live table of the connected clients, or of other running objects.

    In a notebook the table is a widget, which can be sorted and searched, and which continues while a cell is busy. The
    details of a selected client are its last frames and its actor's state; messages can be sent to it, and it can be
    closed. A table of one server also shows the server that replaces it. Running the cell again replaces the table. In
    a terminal, `watch` draws the table until Ctrl-C.

    Args:
        server: The handle or the port of a server, or the name of a table: 'clients', 'access', 'actors', 'nodes',
            'outward', 'replays', 'servers', 'timers' or 'topics'. 'outward' has the clients that connect to other
            servers, and 'nodes' the nodes of the cluster. Default: the clients of all servers.
        path: A WebSocket route, to show only its clients. Default: all routes.

    Returns:
        The widget in a notebook, which shows itself and has `close()`; `None` in a terminal.

    Raises:
        InvalidValue: `server` is not a server or a table, or `path` is not a route, or the table has no routes.
        NotRunning: The server has stopped.
        ImportError: A notebook lacks the package of the widget. The error has the command that installs it.

    >>> watch('timers')
    zefnb...
    no timer is running
    """
    # Imported here, so that importing the public name `watch` loads no large modules.
    from zefnb.engine.runtime import default_runtime
    from zefnb.net.http.routes import normal_path
    from zefnb.notebook.overview import on_loop
    from zefnb.notebook.watch.table import Place
    from zefnb.notebook.watch.tables import table_named

    runtime = default_runtime()
    name = server if isinstance(server, str) else "clients"
    _check(name, path)
    uid = on_loop(runtime, lambda: _place_of(runtime, None if isinstance(server, str) else server))
    on_loop(runtime, lambda: table_named(name).load(runtime))
    place = Place(uid, normal_path(path) if path is not None else None)
    if not is_in_notebook():
        from zefnb.notebook.watch.terminal import watch_terminal

        return watch_terminal(runtime, name, place)
    return _widget(runtime, name, place)


def _check(name: str, path: Any) -> None:
    from zefnb.notebook.watch.tables import table_named, table_names

    faults = []
    if name not in table_names():
        hint = did_you_mean(name, table_names())
        allowed = f"a server's handle or its port, or a table: {', '.join(table_names())}"
        faults.append(FieldError("server", f"got {shown(name)}", allowed, hint))
    elif path is not None and not table_named(name).by_server:
        faults.append(FieldError("path", f"got {shown(path)}", f"none: {name} belong to no route"))
    if path is not None and not (isinstance(path, str) and path.startswith("/")):
        faults.append(FieldError("path", f"got {shown(path)}", "a route, such as '/ws'"))
    if faults:
        raise InvalidValue("watch", faults)


def _place_of(runtime: Runtime, server: Any) -> str | None:
    from zefnb.net.http.servers import Servers

    servers = runtime.service(Servers)
    if server is None:
        return None
    if isinstance(server, int):
        found = next((running for running in servers if running.port == server), None)
        if found is None:
            ports = ", ".join(str(running.port) for running in servers) or "none is running"
            raise InvalidValue("watch", [FieldError("server", f"no server of zefnb is on port {server}", ports)])
        return found.place
    if not isinstance(server, Entity):
        raise InvalidValue("watch", [FieldError("server", f"got {shown(server)}", "a server's handle or its port")])
    return servers.get(server).place


def _widget(runtime: Runtime, name: str, place: Place) -> Any:
    try:
        from zefnb.notebook.watch.widget import LiveTable
    except ImportError as error:
        raise ImportError(f"a live table needs {error.name}; pip install 'zefnb[lab]'", name=error.name) from None
    from zefnb.notebook.widgets.replace_previous import replace_previous

    return replace_previous(runtime, LiveTable(runtime, name, place), "live table")
