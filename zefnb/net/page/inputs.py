"""The parts that accept input: a choice, a form, a chat, a button, and a part of the program.

All input is checked here, also if the browser has checked it before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from zefnb.core.snapshot import snapshot
from zefnb.core.wire import encode_content
from zefnb.errors import InvalidValue, UsageError, shown
from zefnb.net.fields import check_topics
from zefnb.net.page.outputs import MOST_ITEMS, one_topic
from zefnb.net.page.part import Part, Rejected
from zefnb.net.page.reader import Reader
from zefnb.net.page.states import Messages, Talk

# Characters of a text that a visitor writes, and of a name.
TEXT_LIMIT = 2_000
NAME_LIMIT = 60
_LARGEST = 2**53 - 1
_TYPES: dict[type, str] = {str: "text", int: "whole", float: "number", bool: "flag"}
_FORM_ALLOWED = "str, int, float, bool, or a list of options"

User = Mapping[str, Any] | None


def _push_into(read: Reader) -> tuple[Any, ...]:
    topics = read.topics("push_into")
    if "push_into" in read.given and not read.given["push_into"]:
        read.fault("push_into", f"got {shown(read.given['push_into'])}", "a topic")
    return topics


def choice(read: Reader, _: str | None) -> Part:
    """`ET.Choice`: publishes the option that a visitor chooses."""
    options = read.names("options")
    if read.given.get("options", options) in (None, [], ()) and "options" in read.given:
        read.fault("options", f"got {shown(read.given['options'])}", "a list of texts, such as ['tea', 'coffee']")
    once = read.flag("once")
    shown_options = {"options": list(options), "once": once, "label": read.text("label")}
    return Part("Choice", shown_options, push_into=_push_into(read), check=partial(_check_choice, options), once=once)


def _check_choice(options: tuple[str, ...], value: Any, _: User) -> Any:
    if value not in options or not isinstance(value, str):
        raise Rejected({"": "this is not one of the options"})
    return value


def form(read: Reader, _: str | None) -> Part:
    """`ET.Form`: publishes a dict of the fields that a visitor fills in."""
    given = read.given.get("fields", {})
    if not isinstance(given, Mapping) or ("fields" in read.given and not given):
        read.fault("fields", f"got {shown(given)}", f"a dict of names and types: {_FORM_ALLOWED}")
        given = {}
    listed, checks = [], {}
    for name, kind in given.items():
        if not isinstance(name, str) or not name.strip():
            read.fault("fields", f"got the name {shown(name)}", "names that are text")
            continue
        options = list(kind) if isinstance(kind, list | tuple) else []
        is_list = bool(options) and all(isinstance(each, str) and each for each in options)
        if not is_list and not (isinstance(kind, type) and kind in _TYPES):
            read.fault(f"fields[{name!r}]", f"got {shown(kind)}", _FORM_ALLOWED)
            continue
        type_ = "option" if is_list else _TYPES[kind]
        listed.append({"name": name, "type": type_, "options": options})
        checks[name] = partial(_check_option, tuple(options)) if is_list else _CHECKS[type_]
    shown_options = {"fields": listed, "button": read.text("button", "Send"), "label": read.text("label")}
    return Part("Form", shown_options, push_into=_push_into(read), check=partial(_check_form, checks))


def _check_form(checks: Mapping[str, Callable[[Any], Any]], value: Any, _: User) -> Any:
    if not isinstance(value, dict):
        raise Rejected({"": "this is not a form"})
    problems: dict[str, str] = {"": "it has other fields"} if value.keys() - checks.keys() else {}
    checked: dict[str, Any] = {}
    for name, check in checks.items():
        try:
            checked[name] = check(value.get(name))
        except Rejected as error:
            problems[name] = error.problems[""]
    if problems:
        raise Rejected(problems)
    return checked


def _check_text(value: Any) -> Any:
    return _text(value, TEXT_LIMIT)


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Rejected({"": "Please fill in this field."})
    if len(value) > limit:
        raise Rejected({"": f"At most {limit:,} characters, please."})
    return value


def _check_whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise Rejected({"": "Please enter a whole number."})
    return value


def _check_number(value: Any) -> Any:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > _LARGEST or math.isnan(value):
        raise Rejected({"": "Please enter a number."})
    return float(value)


def _check_flag(value: Any) -> Any:
    if not isinstance(value, bool):
        raise Rejected({"": "This is on or off."})
    return value


def _check_option(options: tuple[str, ...], value: Any) -> Any:
    if not isinstance(value, str) or value not in options:
        raise Rejected({"": "Please choose one of the options."})
    return value


_CHECKS = {"text": _check_text, "whole": _check_whole, "number": _check_number, "flag": _check_flag}


def chat(read: Reader, _: str | None) -> Part:
    """`ET.Chat`: shows the messages of a topic, and publishes those of visitors to it."""
    topics, last = one_topic(read), read.whole("last", 100, MOST_ITEMS)
    options = {"last": last, "label": read.text("label"), "longest": TEXT_LIMIT, "longest_name": NAME_LIMIT}
    key = ("Chat", last, *(topic._uid for topic in topics))
    return Part("Chat", options, topics, partial(Talk, last), key, topics, _check_chat)


def _check_chat(value: Any, user: User) -> Any:
    """A message with the name of the user, or with the name that a visitor without a login gives."""
    if not isinstance(value, dict):
        raise Rejected({"": "this is not a message"})
    name = value.get("name", "") if user is None else str(user.get("name") or user.get("id"))
    if not isinstance(name, str) or len(name) > NAME_LIMIT:
        raise Rejected({"name": f"At most {NAME_LIMIT} characters, please."})
    return {"name": name.strip(), "text": _text(value.get("text"), TEXT_LIMIT)}


def button(read: Reader, _: str | None) -> Part:
    """`ET.Button`: publishes its value when a visitor presses it."""
    label = read.text("label")
    if "label" in read.given and not label.strip():
        read.fault("label", f"got {shown(read.given['label'])}", "text")
    content = read.given.get("value", label)
    try:
        encode_content(content, "null")
        content = snapshot(content)
    except (InvalidValue, UsageError, TypeError, RecursionError):
        read.fault("value", f"got {shown(content)}", "a value that can be sent")
    return Part("Button", {"label": label}, push_into=_push_into(read), check=lambda value, user: snapshot(content))


def custom(read: Reader, _: str | None) -> Part:
    """`ET.Part`: a module of the program, with the messages of its topics."""
    module, last = read.text("module"), read.whole("last", 100, MOST_ITEMS)
    if "module" in read.given and not module.strip():
        read.fault("module", f"got {shown(read.given['module'])}", "the text of a JavaScript module")
    topics = read.topics("topics")
    push_into = topics
    if read.given.get("push_into") is not None:
        push_into = check_topics(f"{read.where}.push_into", read.given["push_into"], read.faults)
    options = {"last": last, "label": read.text("label"), "topics": [topic._uid for topic in topics]}
    key = ("Part", last, *(topic._uid for topic in topics))
    make_state = partial(Messages, last) if topics else None
    return Part("Part", options, topics, make_state, key, push_into, lambda value, user: value, module=module)
