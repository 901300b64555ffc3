"""`ET.Page`: a page that has been checked, with its document and the means to run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zefnb.core.entity import ET, Entity
from zefnb.core.function import ZefFunction
from zefnb.core.record import replaced, uid_of
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, shown
from zefnb.net.frame_key import FRAME_KEY, FrameKey
from zefnb.net.page import inputs, outputs
from zefnb.net.page.document import Document
from zefnb.net.page.part import Part
from zefnb.net.page.reader import Reader
from zefnb.net.page.running import RunningPage
from zefnb.net.page.visitors import Visitors
from zefnb.net.ports import Topics

MOST_PARTS = 200
_PARTS: dict[type, Callable[[Reader, str | None], Part]] = {
    ET.Markdown: outputs.markdown,
    ET.Choice: inputs.choice,
    ET.Bars: outputs.bars,
    ET.Chart: outputs.chart,
    ET.Value: outputs.value,
    ET.Form: inputs.form,
    ET.Table: outputs.table,
    ET.Chat: inputs.chat,
    ET.Button: inputs.button,
    ET.Part: inputs.custom,
}


@dataclass(frozen=True)
class Page:
    """A page of parts."""

    title: str
    parts: tuple[Part, ...]
    document: Document
    presence: Entity | None = None

    def start(self, runtime: Runtime, topics: Topics, server: Entity, path: str) -> RunningPage:
        """Begin to keep the state of the page."""
        return RunningPage(runtime, topics, server, path, self.parts, self.document.version)

    def handler(self, runtime: Runtime) -> ZefFunction:
        """The handler of requests for the document, and for the modules of its parts."""

        def page(request: Any) -> Any:
            number = request.query_params.get("part", "")
            if number:
                return self._module(number)
            is_framed = runtime.service(FrameKey).fits(request.query_params.get(FRAME_KEY, ""))
            if not any(part.once for part in self.parts):
                return self.document.response("", is_framed)
            visitors = runtime.service(Visitors)
            token = visitors.of_cookies(request.headers.get("cookie", "")) or visitors.new()
            response = self.document.response(token, is_framed)
            cookie = visitors.set_cookie(token, request.base_url.startswith("https:"))
            return replaced(response, headers={**response.headers, "set-cookie": cookie})

        return ZefFunction(page, inline=True)

    def _module(self, number: str) -> Any:
        known = {str(index): part.module for index, part in enumerate(self.parts) if part.module}
        if number not in known:
            return ET.Response(status=404, body="404 Not Found\n")
        headers = {"content-type": "text/javascript; charset=utf-8", "cache-control": "no-store"}
        return ET.Response(body=known[number], headers=headers)


def compile_page(where: str, value: Entity, client_source: str, faults: list[FieldError]) -> Page | None:
    """The page for an `ET.Page`. Adds mistakes, which name the part and the field, to `faults`."""
    before = len(faults)
    read = Reader(where, value, faults)
    title, presence = read.text("title"), read.topic("presence")
    given = read.given.get("parts", ())
    if not isinstance(given, list | tuple) or len(given) > MOST_PARTS:
        read.fault("parts", f"got {shown(given)}", f"a list of at most {MOST_PARTS} parts")
        return None
    parts = [_compile_part(f"{where}.parts[{number}]", each, faults) for number, each in enumerate(given)]
    if len(faults) > before:
        return None
    checked = tuple(_with_options(part, parts) for part in parts if part is not None)
    return Page(title, checked, Document(title, checked, client_source), presence)


def _with_options(part: Part, parts: Sequence[Part | None]) -> Part:
    """Bars with the options of the choices that publish to their topic."""
    if part.kind != "Bars":
        return part
    chosen = [
        each.options["options"]
        for each in parts
        if each and each.kind == "Choice" and set(part.topics) & {*each.push_into}
    ]
    options = list(dict.fromkeys(option for options in (part.options["options"], *chosen) for option in options))
    return replace(part, options={**part.options, "options": options})


def _compile_part(where: str, value: Any, faults: list[FieldError]) -> Part | None:
    compile_ = _PARTS.get(type(value)) if isinstance(value, Entity) else None
    if compile_ is None:
        faults.append(FieldError(where, f"got {shown(value)}", ", ".join(map(repr, _PARTS))))
        return None
    uid = uid_of(value)
    if uid is not None and type(value) is not ET.Markdown:
        faults.append(FieldError(where, f"got {shown(uid)} by position", "every field by name"))
    return compile_(Reader(where, value, faults), uid)
