"""`%zef watch`"""

from __future__ import annotations

import argparse
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.entity import HTTPServer
from zefnb.net.http.routes import normal_path
from zefnb.notebook.command_line.command import Command, Context, Parser, takes_endpoint, token_value, watched
from zefnb.notebook.command_line.line import LineError, Token
from zefnb.notebook.watch.tables import table_names


class Watch(Command):
    """Show a live table of the clients, with sorting, search and actions; in a terminal, until Ctrl-C.

    %zef watch, %zef watch 8000, %zef watch /ws, %zef watch server/ws

    Other tables: %zef watch topics, actors, servers, timers, replays, outward, access, nodes"""

    name = "watch"

    def arguments(self, parser: Parser) -> None:
        takes_endpoint(parser, watched, f"; or {', '.join(table_names())}")

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        from zefnb.notebook.watch.watch import watch

        # A server of the user can have the name of a table.
        if token_value(given.what) in table_names() and not isinstance(context.named(given.what), HTTPServer):
            return watch(token_value(given.what))
        return watch(*target(given.what, context))


def target(word: Any, context: Context) -> tuple[Any, str | None]:
    """Return the server and the WebSocket route of `server/path`; `None` for each that is left out."""
    handle, path = split_place(word, context)
    if path is not None:
        servers = context.servers() if handle is None else [handle]
        known = [row["path"] for one in servers for row in context.run(FX.QueryAllWebsocketEndpoints(http_server=one))]
        if normal_path(path) not in known:
            raise LineError(f"{path} is not a WebSocket route; routes: {', '.join(sorted(set(known))) or 'none'}")
    return handle, path


def split_place(word: Any, context: Context) -> tuple[Any, str | None]:
    """Return the server and the path of `server/path`; `None` for a part that is left out.

    If the line has only a path, the server is the only running one, or `None` if there are several.
    """
    if word is None:
        return None, None
    if not isinstance(token_value(word), str):
        return context.server(word), None
    name, slash, rest = str(word).partition("/")
    path = f"/{rest}" if slash else None
    if not name:
        running = context.servers()
        return (running[0] if len(running) == 1 else None), path
    return context.server(word.begins(len(name)) if slash and isinstance(word, Token) else word), path


COMMAND = Watch()
