"""`watch`: who is connected, live; a widget in a notebook, tables in a terminal until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zefnb.core.entity import Entity
from zefnb.core.execution import interactive_shell
from zefnb.errors import FieldError, InvalidValue, shown

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


def watch(server: Any = None, path: str | None = None) -> Any:
    """Who is connected, live: every server, or one (its handle or port), or one of its WebSocket routes.

    In a notebook, a table that sorts, searches and goes on while a cell is busy; select a client to see
    its last frames and its actor's state, to send to it or to close it. Running the cell again replaces
    it. In a terminal, the same as tables until Ctrl-C. Raises `InvalidValue` for what is no server or
    path, `NotRunning` for a server that has stopped.
    """
    # Imported here: the name is a public one, and naming it is to load nothing heavy.
    from zefnb.engine.runtime import default_runtime
    from zefnb.notebook.overview import on_loop

    runtime = default_runtime()
    uid = on_loop(runtime, lambda: _uid_of(runtime, server))
    if path is not None and not (isinstance(path, str) and path.startswith("/")):
        raise InvalidValue("watch", [FieldError("path", f"got {shown(path)}", "a route, such as '/ws'")])
    path = path.rstrip("/") or "/" if path is not None else None
    if getattr(interactive_shell(), "kernel", None) is None:
        from zefnb.notebook.watch.terminal import watch_terminal

        return watch_terminal(runtime, uid, path)
    return _widget(runtime, uid, path)


def _uid_of(runtime: Runtime, server: Any) -> str | None:
    from zefnb.net.http.servers import Servers

    servers = runtime.service(Servers)
    if server is None:
        return None
    if isinstance(server, int):
        found = next((running for running in servers if running.port == server), None)
        if found is None:
            ports = ", ".join(str(running.port) for running in servers) or "none runs"
            raise InvalidValue("watch", [FieldError("server", f"no server of ours listens on port {server}", ports)])
        return str(found.handle._uid)
    if not isinstance(server, Entity):
        raise InvalidValue("watch", [FieldError("server", f"got {shown(server)}", "a server's handle or its port")])
    return str(servers.get(server).handle._uid)


def _widget(runtime: Runtime, uid: str | None, path: str | None) -> Any:
    try:
        from zefnb.notebook.watch.widget import LiveTable
    except ImportError as error:
        raise ImportError(f"a live table needs {error.name}; pip install 'zefnb[lab]'", name=error.name) from None
    from zefnb.notebook.widgets.replace_previous import replace_previous

    return replace_previous(runtime, LiveTable(runtime, uid, path), "live table")
