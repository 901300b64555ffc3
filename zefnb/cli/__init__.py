"""The command `zefnb`: one file for each subcommand, which is loaded when the subcommand runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from zefnb import __version__
from zefnb.errors import ZefError

_INTERRUPTED = 130
# Of the demo: each is a process.
_MOST_NODES = 9


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code. Errors appear as one line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # the terminal's encoding can lack a character
    given = _parsed(argv)
    try:
        return _call(given)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # `zefnb demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ZefError, OSError, ImportError) as error:
        print(f"zefnb {given.command}: {_one_line(error)}", file=sys.stderr)
        return 1


def _call(given: argparse.Namespace) -> int:
    match given.command:
        case "demo":
            from zefnb.cli.demo import demo

            return demo(given.port, given.seconds, given.nodes)
        case "shell":
            from zefnb.cli.shell import shell

            return shell()
        case "lab":
            from zefnb.cli.lab import lab

            return lab(given.arguments)
        case _:
            from zefnb.notebook.doctor import doctor

            return doctor()


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    # Not argparse.REMAINDER, which refuses an option as the first argument.
    given, rest = parser.parse_known_args(argv)
    if rest and given.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    given.arguments = rest
    return given


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="zefnb", description="Live servers in a notebook cell, and in a terminal.")
    parser.add_argument("--version", action="version", version=f"zefnb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="a chatroom with live clients, in the terminal and in a browser")
    demo.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="the port, or a free one if it is busy (8000)"
    )
    demo.add_argument("--seconds", type=_seconds, metavar="S", help="end after S seconds (default: at Ctrl-C)")
    help_text = "serve the chatroom from N processes, which share its topic (1); needs zefnb[cluster]"
    demo.add_argument("--nodes", type=_nodes, default=1, metavar="N", help=help_text)
    commands.add_parser("shell", help="IPython with everything imported")
    commands.add_parser("doctor", help="check the installation and this machine, and list missing packages")
    lab = "open the tutorial notebooks in JupyterLab; other arguments are passed to `jupyter lab`"
    commands.add_parser("lab", help=lab, usage="%(prog)s [-h] ...", description=lab)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that reports usage errors in one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: {message} (`{self.prog} --help` shows the usage)\n")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a number from 0 to 65535 (0: a free port)")
    return int(text)


def _nodes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:3]) <= _MOST_NODES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of nodes; give one from 1 to {_MOST_NODES}")
    return int(text[:3])


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; give a number of seconds above 0")
    return seconds


def _one_line(error: BaseException) -> str:
    return " ".join(f"{error}".split()) or type(error).__name__
