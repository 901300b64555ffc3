"""`%zef join`"""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import urlsplit

from zefnb.core.effect import FX
from zefnb.core.entity import Actor, Topic
from zefnb.notebook.command_line.command import Command, Context, Parser, broker, is_given, topic
from zefnb.notebook.command_line.line import LineError


class Join(Command):
    """Join a cluster: share topics with other notebooks, scripts and machines.

    %zef join                              with the other processes of this user on this machine
    %zef join redis://localhost:6379/0     through this broker
    %zef join url                          through the broker of that variable, which keeps a password
                                           out of the notebook; so does ZEFNB_CLUSTER in the environment
    %zef join --topic room --topic 'sensors/*'

    Without --topic, all topics with a plain name are shared. Joining again replaces what is shared.
    %zef leave leaves; %zef nodes lists the nodes."""

    name = "join"

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("url", nargs="?", type=broker, help="the broker, as a url or a variable with one")
        parser.add_argument("--name", default="zefnb", help="the name of the cluster at the broker (zefnb)")
        use = "share this topic, or the topics of this pattern; may be given several times"
        parser.add_argument("--topic", dest="topics", type=topic, metavar="TOPIC", action="append", help=use)

    def run(self, given: argparse.Namespace, context: Context) -> Any:
        fields: dict[str, Any] = {"name": str(given.name)}
        if given.url is not None:
            fields["url"] = _url(given.url, context)
        if given.topics is not None:
            fields["topics"] = [_shared(word, context) for word in given.topics]
        joined = context.run(FX.JoinCluster(**fields))
        if given.url is not None and not is_given(given.url) and _has_password(str(given.url)):
            print("the password is in this cell and in the saved notebook; a variable, or ZEFNB_CLUSTER, keeps it out")
        return joined


def _url(word: Any, context: Context) -> str:
    found = context.named(word)
    if not isinstance(found, str):
        raise LineError("the broker is not a text; give a url such as redis://localhost:6379/0, or a variable with one")
    return found


def _shared(word: Any, context: Context) -> Any:
    # A word that is not the name of a variable can be a pattern, which a topic is not.
    return context.topic(word) if isinstance(context.named(word), Topic | Actor) else str(word)


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return "@" in url


COMMAND = Join()
