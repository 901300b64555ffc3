"""The shapes of pages and of the parts that they are made of."""

from __future__ import annotations

from zefnb.core.shapes.shape import MAY_BE_MISSING, Field, Shape

_TOPIC = Field("ET.Topic", "The topic that it shows.")
_PUSH_INTO = Field("ET.Topic | Sequence[ET.Topic]", "The input of visitors is published to these topics.")
_LABEL = Field("str", "The heading of the part.", "")
_FIELD = Field("str | None", "The field of each message to use; `None` for the whole message.", None)


def _last(count: int, what: str) -> Field:
    return Field(
        "int", f"How many of the last {what} are shown, also to pages that connect later; at most 10,000.", count
    )


PAGES = (
    Shape(
        "Page",
        "route",
        "A page of parts, the value of a route. It has its own connection, at the same path.",
        {
            "title": Field("str", "The title.", ""),
            "parts": Field(
                "Sequence[Any]",
                "The parts: `ET.Markdown`, `ET.Choice`, `ET.Bars`, `ET.Chart`, `ET.Value`, `ET.Form`, `ET.Table`, "
                "`ET.Chat`, `ET.Button` and `ET.Part`.",
                (),
            ),
            "presence": Field(
                "ET.Topic | None",
                "Receives an `ET.ClientJoined` for each page that connects, and an `ET.ClientLeft` when it has left.",
                None,
            ),
            "public": Field("bool", "On a server with `auth=`: whether the route needs no login.", False),
            "allow": Field(
                "Callable[[dict[str, Any]], Any] | None",
                "On a server with `auth=`: a function of the user, plain or async; the route serves users for whom it "
                "is true.",
                None,
            ),
        },
        """
>>> from zefnb import *
>>> votes = ET.Topic('votes')
>>> choice = ET.Choice(options=['tea', 'coffee'], push_into=votes, once=True)
>>> page = ET.Page(title='Tea time', parts=[ET.Markdown('# Tea or coffee?'), choice, ET.Bars(topic=votes)])
>>> server = FX.StartHTTPServer(routes={'/': page}, port=0) | run
>>> FX.StopHTTPServer(server=server) | run
ET.Success()
""",
    ),
    Shape(
        "Markdown",
        "part",
        "A part of a page: text in Markdown (CommonMark, and tables). HTML in it is shown as text.",
        {"text": Field("str", "The text, in place of the one by position.", MAY_BE_MISSING)},
        """
>>> from zefnb import *
>>> part = ET.Markdown('# Hello')
""",
        uid="The text.",
    ),
    Shape(
        "Choice",
        "part",
        "A part of a page: options, of which a visitor chooses one. It publishes the option, as text.",
        {
            "options": Field("Sequence[str]", "The options."),
            "push_into": _PUSH_INTO,
            "once": Field(
                "bool",
                "Whether each visitor counts once: each user on a server with `auth=`, else each browser.",
                False,
            ),
            "label": _LABEL,
        },
        """
>>> from zefnb import *
>>> part = ET.Choice(options=['tea', 'coffee'], push_into=ET.Topic('votes'), once=True)
""",
    ),
    Shape(
        "Bars",
        "part",
        "A part of a page: bars that count each value of a topic, since the start of the server.",
        {
            "topic": _TOPIC,
            "field": _FIELD,
            "options": Field(
                "Sequence[str]", "Values that are shown with 0 as well; those of a choice on the page always are.", ()
            ),
            "label": _LABEL,
        },
        """
>>> from zefnb import *
>>> part = ET.Bars(topic=ET.Topic('votes'))
""",
    ),
    Shape(
        "Chart",
        "part",
        "A part of a page: the numbers of a topic as lines over time.",
        {
            "topic": _TOPIC,
            "y": Field(
                "str | Sequence[str] | None",
                "The field of each message, or several for several lines; `None` for messages that are numbers.",
                None,
            ),
            "x": Field("str | None", "The field for the horizontal axis; `None` for the time of arrival.", None),
            "last": _last(500, "points"),
            "kind": Field("Literal['line', 'points']", "Lines, or points alone.", "line"),
            "label": _LABEL,
        },
        """
>>> from zefnb import *
>>> part = ET.Chart(topic=ET.Topic('feed'), y='value')
""",
    ),
    Shape(
        "Value",
        "part",
        "A part of a page: the last value of a topic.",
        {"topic": _TOPIC, "field": _FIELD, "unit": Field("str", "The unit, behind the value.", ""), "label": _LABEL},
        """
>>> from zefnb import *
>>> part = ET.Value(topic=ET.Topic('feed'), field='value', unit='°C')
""",
    ),
    Shape(
        "Form",
        "part",
        "A part of a page: a form. It publishes a dict of its fields; the server refuses other input.",
        {
            "fields": Field(
                "Mapping[str, Any]", "The fields: a name, and `str`, `int`, `float`, `bool`, or a list of options."
            ),
            "push_into": _PUSH_INTO,
            "button": Field("str", "The text of the button.", "Send"),
            "label": _LABEL,
        },
        """
>>> from zefnb import *
>>> part = ET.Form(fields={'name': str, 'age': int, 'colour': ['red', 'blue']}, push_into=ET.Topic('answers'))
""",
    ),
    Shape(
        "Table",
        "part",
        "A part of a page: the last messages of a topic, each in a row, the newest first.",
        {
            "topic": _TOPIC,
            "columns": Field("Sequence[str]", "The columns; by default the fields of the messages.", ()),
            "last": _last(100, "messages"),
            "label": _LABEL,
        },
        """
>>> from zefnb import *
>>> part = ET.Table(topic=ET.Topic('answers'))
""",
    ),
    Shape(
        "Chat",
        "part",
        "A part of a page: a chat on a topic. It publishes dicts with `name` and `text`.",
        {
            "topic": Field("ET.Topic", "The topic of the messages. Text, and dicts with `name` and `text`, are shown."),
            "last": _last(100, "messages"),
            "label": _LABEL,
        },
        """
>>> from zefnb import *
>>> part = ET.Chat(topic=ET.Topic('room'))
""",
    ),
    Shape(
        "Button",
        "part",
        "A part of a page: a button. It publishes its value.",
        {
            "label": Field("str", "The text of the button."),
            "push_into": _PUSH_INTO,
            "value": Field("Any", "The value to publish; by default the label.", MAY_BE_MISSING),
        },
        """
>>> from zefnb import *
>>> part = ET.Button(label='More', push_into=ET.Topic('more'))
""",
    ),
    Shape(
        "Part",
        "part",
        "A part of a page of the program's own: a JavaScript module that exports `({ el, on, send }) => ...`.",
        {
            "module": Field(
                "str",
                "The text of the module. Its default export gets `el`, an empty element; `on`, which calls a function "
                "with each message and its topic; and `send`, which publishes a value.",
            ),
            "topics": Field("ET.Topic | Sequence[ET.Topic]", "The topics whose messages `on` receives.", ()),
            "push_into": Field(
                "ET.Topic | Sequence[ET.Topic] | None",
                "The topics to which `send` publishes; `None` for those of `topics`, an empty list for none.",
                None,
            ),
            "last": _last(100, "messages"),
            "label": _LABEL,
        },
        """
>>> from zefnb import *
>>> module = 'export default ({ el, on }) => on((message) => { el.textContent = message })'
>>> part = ET.Part(module=module, topics=[ET.Topic('feed')])
""",
    ),
)
