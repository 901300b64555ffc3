"""`%zef publish` and `%%zef publish`"""

from __future__ import annotations

import argparse
import json
from typing import Any

from zefnb.core.effect import FX
from zefnb.notebook.command_line.command import Command, Context, Parser, token_value, topic
from zefnb.notebook.command_line.line import LineError


class Publish(Command):
    """Publish the rest of the line to a topic: text, or the value of {expr} or $name if it is nothing else.

    %zef publish chat hello there
    %zef publish chat {dict(n=1)}
    %%zef publish chat        the text of the cell is the message"""

    name = "publish"
    in_cell = True
    rest = "message"
    before_rest = 1

    def arguments(self, parser: Parser) -> None:
        parser.add_argument("topic", type=topic, help="the name of the topic, or of a variable with it")
        parser.add_argument("--json", action="store_true", help="the message is JSON; publish its value")

    def run(self, given: argparse.Namespace, context: Context) -> None:
        if given.cell is not None and given.message is not None:
            raise LineError("the message is the cell; remove the text after the topic")
        content = given.cell.removesuffix("\n") if given.cell is not None else token_value(given.message)
        if content is None:
            raise LineError("the message is missing (%zef publish -h shows the usage)")
        context.run(FX.Publish(target=context.topic(given.topic), content=_content(content, given.json)))


def _content(content: Any, is_json: bool) -> Any:
    if not is_json or not isinstance(content, str):
        return content
    try:
        return json.loads(content)
    except RecursionError:
        raise LineError("this JSON is nested too deeply") from None
    except ValueError as error:
        raise LineError(f"this is not JSON: {error}") from None


COMMAND = Publish()
