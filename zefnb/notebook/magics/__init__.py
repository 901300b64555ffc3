"""`%zef` and `%%zef`: one file for each subcommand, loaded when it is first used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from zefnb.errors import ZefError
from zefnb.notebook.command_line.command import Command, Context, HelpShown, unknown
from zefnb.notebook.command_line.line import LineError
from zefnb.text.controls import strip_controls
from zefnb.text.secrets import hide_secrets
from zefnb.text.uids import short_uids

# The name of each subcommand, which is also its file's, and its purpose in a few words.
SUBCOMMANDS = {
    "start": "start a server with a WebSocket route",
    "stop": "stop a server, an actor, a timer, a client or a subscription",
    "url": "the link to a server, correct on this machine and behind a proxy",
    "share": "the link for people on the same network, with a QR code",
    "publish": "publish a message to a topic; %%zef publish: the cell",
    "clients": "list the connected clients",
    "watch": "show a live table of the clients, or of topics, actors, ...",
    "plot": "show a live chart of a topic's numbers, or of a server",
    "picture": "show a diagram of everything that runs",
    "tail": "show the messages of a topic as they arrive",
    "topics": "list the topics and their subscribers",
    "actors": "list the actors, or show the state of one",
    "log": "list the journal, with the lines that handlers printed",
    "faults": "list the errors with their tracebacks",
    "connect": "connect outward to a WebSocket server",
    "client": "show a chat client under the cell",
    "kick": "close the connection of one client",
    "send": "send a message to one client",
    "page": "%%zef page: serve the cell as an HTML page",
    "on": "%%zef on TOPIC: run the cell for each message, as `msg`",
    "off": "end %%zef on or %zef tail for a topic",
    "join": "share topics with other notebooks, scripts and machines",
    "nodes": "list the nodes of the cluster",
    "leave": "leave the cluster",
    "doctor": "check the installation and this machine",
}
_HELP = ("-h", "--help", "help")
_LONGEST_ERROR = 1_000


def command(name: str) -> Command:
    """Return the subcommand of that name. Raises `LineError` if there is none."""
    if name not in SUBCOMMANDS:
        raise unknown(name, list(SUBCOMMANDS))
    found: Command = import_module(f"{__name__}.{name}").COMMAND
    return found


def help_text() -> str:
    """Return the text that `%zef -h` prints."""
    lines = [f"  {name:<9}{purpose}" for name, purpose in SUBCOMMANDS.items()]
    head = "usage: %zef [SUBCOMMAND ...]\n\n%zef alone shows everything that runs.\n"
    return "\n".join(
        [
            head,
            *lines,
            "\n%zef SUBCOMMAND -h shows the usage of one. In a line, {expr} and $name are replaced by values.",
        ]
    )


class Magics:
    """The two magics of a shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def open(self) -> None:
        """Register the magics."""
        from IPython.core.magic import needs_local_scope, no_var_expand

        @no_var_expand
        @needs_local_scope
        def zef(line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
            return call(self._shell, line, cell, local_ns)

        zef.__doc__ = f"Live servers in a notebook cell.\n\n{help_text()}"
        self._shell.register_magic_function(zef, "line_cell", "zef")

    def close(self) -> None:
        """Remove the magics."""
        for kind in ("line", "cell"):
            self._shell.magics_manager.magics[kind].pop("zef", None)


def call(shell: Any, line: str, cell: str | None = None, local: dict[str, Any] | None = None) -> Any:
    """Run the subcommand of a line or a cell. Errors appear as one line, without a traceback."""
    name, rest = (*line.split(maxsplit=1), "", "")[:2]
    try:
        if name in _HELP:
            print(help_text())
            return None
        if not name and cell is None:
            from zefnb.notebook.magics.overview import overview

            return overview()
        if not name:
            raise LineError("the subcommand is missing: %%zef page, %%zef on or %%zef publish (%zef -h lists them)")
        return _call(command(name), rest, cell, Context(shell, local))
    except HelpShown:
        return None
    except LineError as error:
        _print_error(name, " ".join(str(error).split()))
    except (ZefError, ImportError) as error:
        # The number of an `OSError` does not help the user.
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _print_error(name, " ".join(text.split()))
    return None


def _call(found: Command, line: str, cell: str | None, context: Context) -> Any:
    wants_help = line.strip() in _HELP[:2]
    if not wants_help and not (found.in_line if cell is None else found.in_cell):
        there = "%%zef" if cell is None else "%zef"
        place = "a cell" if cell is None else "a line"
        raise LineError(f"{found.name} needs {place}: write {there} {found.name} (-h shows the usage)")
    given = found.parse(line, context.names)
    given.cell = cell
    return found.run(given, context)


def _print_error(name: str, text: str) -> None:
    # The text can contain a value, and the value can come from a client.
    text = hide_secrets(text)
    line = f"zef {name}: {text}" if name else f"zef: {text}"
    print(short_uids(strip_controls(line, _LONGEST_ERROR)), file=sys.stderr)
