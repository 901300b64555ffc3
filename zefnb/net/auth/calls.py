"""Calls of the program's functions for logins: they run where handlers run."""

from __future__ import annotations

import copy
import inspect
from functools import partial
from typing import Any

from zefnb.core.function import ZefFunction, name_of
from zefnb.engine.cells import current_server
from zefnb.engine.context import call_context
from zefnb.net.http.authorizer import Site
from zefnb.net.http.thread_share import ThreadShare


async def call(site: Site, handler: ZefFunction, *args: Any) -> Any:
    """The result of a function of the program: `async def` and inline ones run on the loop, others in a thread."""
    context = call_context()
    context.run(current_server.set, site.server)
    # Copied, so that a function that changes a user does not change the session.
    bound = partial(context.run, handler, *copy.deepcopy(args))
    if handler.is_async or handler.inline:
        result = bound()
    else:
        threads = site.runtime.service(ThreadShare)
        result = await threads.call(name_of(handler), lambda turn: None, bound)
    if inspect.isawaitable(result):
        result = await site.runtime.loop.create_task(_awaited(result), context=context)
    return result


async def _awaited(result: Any) -> Any:
    return await result
