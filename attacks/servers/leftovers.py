"""The sockets, tasks and threads that a process has, with any library."""

from __future__ import annotations

import gc
import os
import threading


def of_this_process() -> dict[str, int]:
    """Return the numbers of open descriptors and threads, after a garbage collection."""
    gc.collect()
    return {"descriptors": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()}


def leave_out_own_objects() -> None:
    """Leave the objects of the program itself out of Python's garbage collections from now on.

    A full collection takes as long as these are many, here 40 ms, whatever the server does.
    """
    gc.collect()
    gc.freeze()


def loop_thread() -> dict[str, int]:
    """Return the system's number of the loop's thread."""
    (ident,) = (thread.native_id for thread in threading.enumerate() if thread.name == "zefnb")
    assert ident is not None
    return {"id": ident}


def of_http() -> dict[str, int]:
    """Return the number of HTTP connections, and the bytes of their requests and responses."""
    from zefnb.engine.runtime import default_runtime
    from zefnb.net.budget import Budget
    from zefnb.net.http.servers import Servers

    runtime = default_runtime()
    budget = runtime.service(Budget)
    servers = list(runtime.service(Servers))
    return {
        "connections": sum(len(server._state.connections) for server in servers),
        "bodies": budget.bodies.held,
        "responses": budget.responses.held,
    }
