"""What a process still holds, whatever library it runs."""

from __future__ import annotations

import gc
import os
import threading


def of_this_process() -> dict[str, int]:
    """Open descriptors and threads, after everything unreachable has been collected."""
    gc.collect()
    return {"descriptors": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()}


def of_http() -> dict[str, int]:
    """How many HTTP connections there are, and bytes that are held for their requests and answers."""
    from zefnb.engine.runtime import default_runtime
    from zefnb.net.budget import Budget
    from zefnb.net.http.servers import Servers

    runtime = default_runtime()
    budget = runtime.service(Budget)
    servers = list(runtime.service(Servers))
    return {
        "connections": sum(len(server._state.connections) for server in servers),
        "bodies": budget.bodies.held,
        "answers": budget.answers.held,
    }
