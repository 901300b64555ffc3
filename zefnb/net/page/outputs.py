"""The parts that show something: text, bars, a chart, a value, and a table."""

from __future__ import annotations

from functools import partial
from typing import Any

from zefnb.core.entity import Entity
from zefnb.errors import shown
from zefnb.net.page.part import Part
from zefnb.net.page.reader import Reader
from zefnb.net.page.states import Counts, Latest, Points, Rows

# The most items that a chart, a table, a chat or a part of the program shows.
MOST_ITEMS = 10_000
_KINDS = ("line", "points")


def markdown(read: Reader, uid: str | None) -> Part:
    """`ET.Markdown`: its text as HTML. Raw HTML in it is text, and links lead to web pages and addresses only."""
    text = read.text("text")
    if uid is not None and text:
        read.fault("text", "the text is given twice", "ET.Markdown('# Hello')")
    if uid is None and "text" not in read.given:
        read.fault("text", "missing", "ET.Markdown('# Hello')")
    return Part("Markdown", html=_rendered(uid or text))


def _rendered(source: str) -> str:
    from markdown_it import MarkdownIt  # it takes a while

    renderer = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = renderer.parse(source)
    for token in tokens:
        # The policy of the page allows no styles in attributes.
        token.attrs.pop("style", None)
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrs["rel"] = "noopener noreferrer"
    return str(renderer.renderer.render(tokens, renderer.options, {}))


def one_topic(read: Reader) -> tuple[Entity, ...]:
    """The field `topic`."""
    topics = read.topics("topic")
    if len(topics) > 1 or ("topic" in read.given and read.given["topic"] in (None, [], ())):
        read.fault("topic", f"got {shown(read.given['topic'])}", "one topic")
    return topics[:1]


def bars(read: Reader, _: str | None) -> Part:
    """`ET.Bars`: how often each value of a topic has occurred."""
    topics, field = one_topic(read), read.name("field")
    return _shown(read, topics, ("Bars", field), partial(Counts, field), options=list(read.names("options")))


def value(read: Reader, _: str | None) -> Part:
    """`ET.Value`: the last value of a topic."""
    topics, field = one_topic(read), read.name("field")
    return _shown(read, topics, ("Value", field), partial(Latest, field), field=field, unit=read.text("unit"))


def chart(read: Reader, _: str | None) -> Part:
    """`ET.Chart`: the numbers of a topic, as lines over time."""
    topics, x, y, last = one_topic(read), read.name("x"), read.names("y"), read.whole("last", 500, MOST_ITEMS)
    kind = read.text("kind", "line")
    if kind not in _KINDS:
        read.fault("kind", f"got {shown(kind)}", " | ".join(map(repr, _KINDS)))
    return _shown(
        read,
        topics,
        ("Chart", last, x, y),
        partial(Points, last, x, y),
        last=last,
        x=x,
        y=list(y),
        points=kind == "points",
    )


def table(read: Reader, _: str | None) -> Part:
    """`ET.Table`: the last messages of a topic, one in a row."""
    topics, columns, last = one_topic(read), read.names("columns"), read.whole("last", 100, MOST_ITEMS)
    return _shown(
        read, topics, ("Table", last, columns), partial(Rows, last, columns), last=last, columns=list(columns)
    )


def _shown(read: Reader, topics: tuple[Entity, ...], key: tuple[Any, ...], make_state: Any, **options: Any) -> Part:
    options["label"] = read.text("label")
    return Part(read.kind, options, topics, make_state, (*key, *(topic._uid for topic in topics)))
