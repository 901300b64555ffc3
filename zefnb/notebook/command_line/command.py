"""Commands: the base class of the subcommands of `%zef`, their parser, and the types of their arguments.

A subcommand declares its arguments in an argparse parser, which neither prints tracebacks nor ends the program. The
`type` of an argument declares its kind, such as a topic, a server or a path, and completion uses the same declaration.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn

from zefnb.core.effect import FX, Effect
from zefnb.core.entity import ET, Actor, HTTPServer, Topic
from zefnb.engine.run import run
from zefnb.errors import Hint
from zefnb.notebook.command_line.line import LineError, Token, pieces, whole, words
from zefnb.text.article import with_article
from zefnb.text.short_repr import short_repr

# Python refuses to convert very long numbers, and no valid number here has so many digits.
_LONGEST_NUMBER = 18
_LONGEST_PORT = 5


class HelpShown(Exception):
    """Raised after `-h` has printed the help."""


class Parser(argparse.ArgumentParser):
    """A parser that raises its errors as `LineError`s of one line, and never reads a value as an option."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        # The words that contain values, by the placeholders that argparse parses instead.
        self._placeholders: dict[str, Token] = {}

    def parse_words(self, words: Iterable[Token]) -> argparse.Namespace:
        """Return the arguments in `words`. Raises `LineError` if they are invalid. Can be called only once."""
        for action in self._actions:
            action.type = self._of_token(action.type)
        given, extra = self.parse_known_args([self._placeholder_for(word) for word in words])
        if extra:
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return given

    def _placeholder_for(self, word: Token) -> str:
        if not word.is_given:
            return word
        key = f"\0{len(self._placeholders)}\0"
        self._placeholders[key] = word
        return word.option + key

    def _of_token(self, kind: Any) -> Callable[[str], Any]:
        def read(text: str) -> Any:
            token = self._placeholders.get(text, text)
            return token if kind is None else kind(token)

        return read

    def error(self, message: str) -> NoReturn:
        for key, token in self._placeholders.items():
            message = message.replace(key, token).replace(repr(key)[1:-1], token)
        raise LineError(f"{message} ({self.prog} -h shows the usage)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpShown(message or "")


class Context:
    """The shell of a command, and the values of the user's names.

    `local` has the names of the function that contains the line, if there is one.
    """

    def __init__(self, shell: Any, local: Mapping[str, Any] | None = None) -> None:
        self.shell = shell
        self.names: Mapping[str, Any] = {**shell.user_ns, **(local or {})}

    def bind(self, name: str, value: Any) -> None:
        """Bind a name of the user to `value`."""
        self.shell.user_ns[name] = value

    @property
    def is_notebook(self) -> bool:
        """Whether the shell is a kernel, so that a front end shows HTML and widgets."""
        return getattr(self.shell, "kernel", None) is not None

    def run(self, effect: Effect) -> Any:
        """Perform an effect, wait for it and return its result."""
        return run(effect)

    def named(self, token: Any) -> Any:
        """Return the value of a word: the given value, the value of the user's name, or the word itself."""
        value = token_value(token)
        return self.names.get(value, value) if isinstance(value, str) and not is_given(token) else value

    def topic(self, token: Any) -> Any:
        """Return a topic: the value of that name, the (first) input of an actor, or the topic with that name."""
        found = self.named(token)
        if isinstance(found, Topic):
            return found
        if isinstance(found, Actor):
            return found.input[0] if isinstance(found.input, list) else found.input
        value = token_value(token)
        if not isinstance(value, str):
            raise LineError(
                f"{token} is not a topic but {with_article(type(value).__name__)}; give a topic or its name"
            )
        return ET.Topic(value)

    def servers(self) -> list[Any]:
        """Return the handles of the running servers."""
        return [row["server"] for row in self.run(FX.QueryAllActiveHTTPServers())]

    def server(self, token: Any = None) -> Any:
        """Return a server by a name bound to it or by its port; by default the only running one."""
        running = self.servers()
        if token is None:
            if len(running) == 1:
                return running[0]
            if not running:
                raise LineError("no server is running; `%zef start` starts one")
            raise LineError(f"{len(running)} servers are running; name one of them, or its port: {_ports(running)}")
        found = self.named(token)
        if isinstance(found, HTTPServer):
            return found
        if (found_port := _as_port(found)) is not None:
            port = found_port
            for server in running:
                if server.port == port:
                    return server
            raise LineError(f"no server of zefnb is on port {port}; running: {_ports(running) or 'none'}")
        ports = _ports(running) or "none is running"
        raise LineError(f"{token} is not a server; give the name of a variable with a server, or a port: {ports}")


def _as_port(found: Any) -> int | None:
    if isinstance(found, int):
        return None if isinstance(found, bool) else found
    digits = found.lstrip(":") if isinstance(found, str) else ""
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_PORT else None


def _ports(servers: list[Any]) -> str:
    return ", ".join(str(server.port) for server in servers)


class Command:
    """One subcommand. Its docstring is its help text."""

    name: ClassVar[str]
    # Whether `%zef name` and `%%zef name` are allowed.
    in_line: ClassVar[bool] = True
    in_cell: ClassVar[bool] = False
    # The destination of the rest of the line, which is not split into words, and the number of words before it.
    rest: ClassVar[str] = ""
    before_rest: ClassVar[int] = 0

    def arguments(self, parser: Parser) -> None:
        """Declare the arguments."""

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        """Run the command. `given.cell` is the body of the cell, `None` in a line."""
        raise NotImplementedError

    def parser(self) -> Parser:
        """Create the parser of the command's line."""
        made = Parser(
            prog=f"{'%' if self.in_line else '%%'}zef {self.name}",
            description=inspect.getdoc(self),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.arguments(made)
        if self.rest:
            usage = f"{made.format_usage().removeprefix('usage: ').strip()} {self.rest.upper()}"
            made.usage = usage.replace("%", "%%")
        return made

    def parse(self, line: str, namespace: Mapping[str, Any]) -> argparse.Namespace:
        """Return the arguments of a line. Raises `LineError` if they are invalid."""
        parser = self.parser()
        rest = ""
        if self.rest:
            line, rest = _split_rest(line, parser, self.before_rest)
        given = parser.parse_words(words(line, namespace))
        if self.rest:
            setattr(given, self.rest, whole(rest, namespace) if rest.strip() else None)
        return given


def _split_rest(line: str, parser: Parser, positionals: int) -> tuple[str, str]:
    """Split a line after its last argument. The second part is not split into words."""
    takes_value = {option for action in parser._actions if action.nargs != 0 for option in action.option_strings}
    options = {option for action in parser._actions for option in action.option_strings}
    expects = False
    for piece in pieces(line):
        if expects:
            expects = False
        elif piece.raw in options or piece.raw.split("=")[0] in takes_value:
            expects = piece.raw in takes_value
        elif positionals:
            positionals -= 1
        else:
            return line[: piece.start], line[piece.start :]
    return line, ""


def port(text: str) -> int:
    """Convert an argument to a port."""
    if not text.isdecimal() or len(text) > _LONGEST_NUMBER or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a number from 0 to 65535 (0: a free port)")
    return int(text)


def count(text: str) -> int:
    """Convert an argument to a number."""
    if not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def path(text: str) -> str:
    """Check that an argument is a path of a server."""
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a path; write '/{text}'")
    return text


def socket_path(text: str) -> str:
    """Check that an argument is the path of a WebSocket route."""
    return path(text)


def topic(token: str) -> str:
    """Declare the name of a topic; the command resolves it."""
    return token


def plotted(token: str) -> str:
    """Declare the name of a topic or of a server; the command resolves it."""
    return token


def server(token: str) -> str:
    """Declare the name or the port of a server; the command resolves it."""
    return token


def stoppable(token: str) -> str:
    """Declare a name of a running object, or the port of a server; the command resolves it."""
    return token


def endpoint(token: str) -> str:
    """Declare a server by name or port, a WebSocket route, or both as `server/path`; the command resolves it."""
    return token


def watched(token: str) -> str:
    """Declare an `endpoint`, or the name of a live table."""
    return token


def place(token: str) -> str:
    """Declare a server, any path of it, or both as `server/path`; the command resolves it."""
    return token


def broker(token: str) -> str:
    """Declare the url of a broker, or a name of the user with one; the command resolves it."""
    return token


def channel(text: str) -> int:
    """Convert an argument to the channel id of a client."""
    return count(text)


def variable(token: str) -> str:
    """Declare a name of the user; the command resolves it."""
    return token


def takes_endpoint(parser: Parser, kind: Callable[[str], str] = endpoint, more: str = "") -> None:
    """Add the argument `what`: a server, a path, or both."""
    text = f"a server by name or port, a path, or both: server/path{more}"
    parser.add_argument("what", nargs="?", type=kind, help=text)


def takes_channel(parser: Parser) -> None:
    """Add the arguments `channel` and `--server` for one client."""
    parser.add_argument("channel", type=channel, help="the client's id, which %%zef clients lists")
    parser.add_argument("--server", type=server, help="a server by name or port")


def unknown(name: str, known: list[str]) -> LineError:
    """Return the error for an unknown subcommand."""
    return LineError(f"no subcommand {short_repr(name)} (%zef -h lists them)", Hint(name, known))


def is_given(token: Any) -> bool:
    """Whether the word contains a value, and so is not a name."""
    return isinstance(token, Token) and token.is_given


def token_value(token: Any) -> Any:
    """Return the object of a word."""
    return token.value if isinstance(token, Token) else token
