"""Completion: of `%zef` lines, and of the fields of effects and entities, with jedi and without."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from typing import Any

from zefnb.core.effect import DEFAULT_REGISTRY, FX
from zefnb.core.entity import Actor, HTTPServer, Replay, Subscription, Success, Timer, Topic, WebSocketClient
from zefnb.core.shapes import SHAPES
from zefnb.notebook.command_line import command as kinds
from zefnb.notebook.command_line.line import pieces
from zefnb.notebook.watch.tables import table_names
from zefnb.text.controls import strip_controls

_MAGIC = re.compile(r"^\s*%{1,2}zef(?:\s+(?P<rest>.*))?$|^.*=\s*%zef\s+(?P<assigned>.*)$", re.DOTALL)
_CALL = re.compile(r"\b(FX|ET)\.([A-Za-z]\w*)\s*$")
_FIELD = re.compile(r"(?:^|[(,\n])\s*(\w*)$")
_BROKERS = ("redis://", "rediss://", "unix:///")
# Neither an option, nor an expression, nor several words, nor a call for help.
_PLAIN = re.compile(r"""[^\s"'`{}$?;%!-][^\s"'`{}$?;]*""")


class Completion:
    """The two matchers of zefnb in a shell's completer."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._matchers: list[Any] = []

    def open(self) -> None:
        """Register the matchers."""
        from IPython.core.completer import SimpleCompletion, context_matcher

        def matches(found: Iterable[str], fragment: str, kind: str, alone: bool) -> Any:
            fitting = [text for text in dict.fromkeys(found) if text.startswith(fragment)]
            completions = [SimpleCompletion(text, type=kind) for text in fitting]
            return {"completions": completions, "matched_fragment": fragment, "suppress": alone and bool(completions)}

        @context_matcher()  # type: ignore[untyped-decorator]
        def zefnb_line_matcher(context: Any) -> Any:
            match = _MAGIC.match(context.text_until_cursor)
            if match is None or context.token.startswith("%"):
                return matches((), "", "magic", False)
            rest = match["rest"] or match["assigned"] or ""
            fragment = "" if not rest or rest[-1].isspace() else rest.split()[-1]
            found = list(self._line(rest, fragment))
            # IPython replaces only its own token, which begins after a slash or a dash.
            token = context.token if fragment.endswith(context.token) else ""
            cut = len(fragment) - len(token)
            return matches([text[cut:] for text in found if text.startswith(fragment)], token, "param", True)

        @context_matcher()  # type: ignore[untyped-decorator]
        def zefnb_field_matcher(context: Any) -> Any:
            lines = [*context.full_text.split("\n")[: context.cursor_line], context.text_until_cursor]
            found, fragment = fields_before("\n".join(lines))
            return matches(found, fragment, "param", True)

        self._matchers = [zefnb_line_matcher, zefnb_field_matcher]
        self._shell.Completer.custom_matchers.extend(self._matchers)

    def close(self) -> None:
        """Remove the matchers."""
        for matcher in self._matchers:
            self._shell.Completer.custom_matchers.remove(matcher)

    def _line(self, rest: str, fragment: str) -> Iterator[str]:
        """Yield the words that are possible at the cursor."""
        from zefnb.notebook.magics import SUBCOMMANDS, command

        words = [piece.raw for piece in pieces(rest[: len(rest) - len(fragment)])]
        if not words:
            yield from SUBCOMMANDS
            return
        if words[0] not in SUBCOMMANDS:
            return
        parser = command(words[0]).parser()
        action = _expected(parser, words[1:])
        values = list(self._values(action, fragment)) if action is not None else []
        yield from values
        if fragment.startswith("$"):
            yield from (f"${name}" for name in list(self._shell.user_ns) if not name.startswith("_"))
        if fragment.startswith("-") or not (values or fragment):
            yield from (option for a in parser._actions for option in a.option_strings if option.startswith("--"))

    def _values(self, action: argparse.Action, fragment: str) -> Iterator[str]:
        if action.choices is not None:
            yield from map(str, action.choices)
        kind = action.type
        if kind in (kinds.topic, kinds.plotted):
            yield from self._names(Topic, Actor, *((HTTPServer,) if kind is kinds.plotted else ()))
            yield from _topics()
        elif kind in (kinds.server, kinds.endpoint, kinds.watched, kinds.place):
            yield from self._names(HTTPServer)
            yield from (str(server["port"]) for server in _facts()["servers"])
        elif kind is kinds.stoppable:
            yield from self._names(HTTPServer, Actor, Timer, Replay, WebSocketClient, Subscription)
            yield from (name for name in self._names(Success) if hasattr(self._shell.user_ns[name], "subscription"))
            yield from (str(server["port"]) for server in _facts()["servers"])
        elif kind is kinds.variable:
            yield from self._names(Actor, FX.StartActor, dict)
        elif kind is kinds.channel:
            yield from _channels()
        elif kind is kinds.broker:
            yield from self._brokers()
        if kind is kinds.watched:
            yield from table_names()
        if kind in (kinds.path, kinds.socket_path, kinds.endpoint, kinds.watched, kinds.place):
            yield from _paths(kind in (kinds.socket_path, kinds.endpoint, kinds.watched))
            yield from [action.default] if isinstance(action.default, str) else []
        if kind in (kinds.endpoint, kinds.watched, kinds.place):
            name = fragment.partition("/")[0]
            port = getattr(self._shell.user_ns.get(name), "port", name)
            yield from (name + path for path in _paths(kind is not kinds.place, str(port)))

    def _brokers(self) -> Iterator[str]:
        """Yield the names of the user that have the url of a broker, and the ways in which a url begins."""
        items = list(self._shell.user_ns.items())
        texts = ((name, value) for name, value in items if isinstance(value, str) and not name.startswith("_"))
        yield from (name for name, value in texts if value.startswith(_BROKERS))
        yield from _BROKERS

    def _names(self, *types: Any) -> list[str]:
        names = self._shell.user_ns.items()
        return [name for name, value in list(names) if not name.startswith("_") and type(value) in types]


def _expected(parser: kinds.Parser, words: list[str]) -> argparse.Action | None:
    """Return the argument to which the next word belongs."""
    by_option = {option: action for action in parser._actions for option in action.option_strings}
    positionals = [action for action in parser._actions if not action.option_strings]
    waiting: argparse.Action | None = None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word in by_option:
            waiting = by_option[word] if by_option[word].nargs != 0 else None
        elif positionals and positionals[0].nargs != "*":
            positionals.pop(0)
    return waiting or (positionals[0] if positionals else None)


def _facts() -> dict[str, Any]:
    from zefnb.engine.runtime import default_runtime
    from zefnb.notebook.overview import on_loop, overview

    runtime = default_runtime()
    facts: dict[str, Any] = on_loop(runtime, lambda: overview(runtime))
    return facts


def _topics() -> Iterator[str]:
    """Yield the topics with subscribers, and the topics of the routes, which may have no clients yet."""
    return filter(_is_plain, _all_topics())


def _is_plain(name: str) -> bool:
    """Whether a line can contain the name, which may come from a client, unquoted: no part of it has a meaning."""
    return _PLAIN.fullmatch(name) is not None and strip_controls(name) == name


def _all_topics() -> Iterator[str]:
    facts = _facts()
    yield from (topic["name"] for topic in facts["topics"])
    for server in facts["servers"]:
        for endpoint in server["endpoints"]:
            yield from (*endpoint["subscribe_to"], *endpoint["push_into"])


def _paths(sockets_only: bool, port: str | None = None) -> Iterator[str]:
    """Yield the paths of all servers, or of the server on that port."""
    return filter(_is_plain, _all_paths(sockets_only, port))


def _all_paths(sockets_only: bool, port: str | None) -> Iterator[str]:
    for server in _facts()["servers"]:
        if port not in (None, str(server["port"])):
            continue
        yield from (endpoint["path"] for endpoint in server["endpoints"])
        if not sockets_only:
            yield from (route for route in server["routes"] if route.startswith("/"))


def _channels() -> list[str]:
    from zefnb.engine.runtime import default_runtime
    from zefnb.net.http.servers import Servers
    from zefnb.notebook.overview import on_loop

    runtime = default_runtime()
    ids: list[str] = on_loop(
        runtime, lambda: [str(c.channel_id) for s in runtime.service(Servers) for c in s.clients()]
    )
    return ids


def fields_before(text: str) -> tuple[list[str], str]:
    """Return the fields that are possible at the end of `text`, each with `=`, and the part of a name that is typed.

    >>> fields_before("FX.StopTimer(")
    (['timer='], '')
    >>> fields_before("FX.Publish(target=ET.Topic('chat, (too)'), co")[1]
    'co'
    """
    opening = _open_call(text)
    call = _CALL.search(text[:opening]) if opening >= 0 else None
    field = _FIELD.search(text[opening:]) if call is not None else None
    if call is None or field is None:
        return [], ""
    if call[1] == "FX":
        spec = DEFAULT_REGISTRY.specs.get(call[2])
        names = list(spec.fields) if spec is not None else []
    else:
        shape = SHAPES.get(call[2])
        names = list(shape.fields) if shape is not None else []
    given = text[opening:]
    return [f"{name}=" for name in names if not re.search(rf"\b{name}\s*=[^=]", given)], field[1]


def _open_call(text: str) -> int:
    """Return the position of the innermost open bracket at the end of `text` if it is a round one, else -1."""
    opened: list[int] = []
    at = 0
    while at < len(text):
        letter = text[at]
        if letter in "\"'":
            quote = letter * 3 if text.startswith(letter * 3, at) else letter
            close = text.find(quote, at + len(quote))
            while close > 0 and text[close - 1] == "\\":
                close = text.find(quote, close + 1)
            if close < 0:
                return -1  # inside a text
            at = close + len(quote) - 1
        elif letter == "#":
            end = text.find("\n", at)
            if end < 0:
                return -1
            at = end
        elif letter in "([{":
            opened.append(at)
        elif letter in ")]}" and opened:
            opened.pop()
        at += 1
    return opened[-1] if opened and text[opened[-1]] == "(" else -1
