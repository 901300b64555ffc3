"""The document of a page: one HTML file with its styles and its script, which needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from zefnb.core.entity import ET, Entity
from zefnb.net.page import uplot
from zefnb.net.page.part import Part

_STATIC = Path(__file__).parent / "static"
# Where a page may be displayed in a frame: in pages of its server, and in notebooks of this machine.
_FRAMES = "'self' http://localhost:* http://127.0.0.1:* https://localhost:* https://127.0.0.1:*"
_NONCE_BYTES = 18
_EXPORT = re.compile(r"^export (?=const|class|function)", re.MULTILINE)

_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="zef-visitor" content="{visitor}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header class="zef-head">{heading}<p class="zef-state" role="status"></p></header>
<main class="zef-parts">
{parts}
</main>
<noscript><p>This page needs JavaScript.</p></noscript>
<script type="application/json" id="zef-page">{description}</script>
<script type="module" nonce="{nonce}">{script}</script>
</body>
</html>
"""


# The Content-Security-Policy: the page's own script and styles, and its own server. The script loads the modules of the
# program's own parts, to which its nonce applies.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'nonce-{nonce}'",
        "style-src {styles}",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)


@cache
def _static(name: str) -> str:
    return (_STATIC / name).read_text("utf-8").strip()


class Document:
    """The document, and its headers. Pages with equal documents have one `version`."""

    def __init__(self, title: str, parts: Sequence[Part], client_source: str) -> None:
        kinds = {part.kind for part in parts}
        style = _static("page.css") + (uplot.style() if "Chart" in kinds else "")
        script = _script(kinds, client_source)
        described = [{"kind": part.kind, **part.options} for part in parts]
        modules = [hashlib.sha256(part.module.encode()).hexdigest() for part in parts]
        body = "\n".join(_section(number, part) for number, part in enumerate(parts))
        values = {
            "title": html.escape(title),
            "style": style,
            "heading": _heading(title, body),
            "parts": body,
            "script": script,
        }
        whole = json.dumps([values, described, modules]).encode("utf-8", "replace")
        self.version = hashlib.sha256(whole).hexdigest()[:16]
        values["description"] = _in_script(json.dumps({"version": self.version, "parts": described}))
        # In one step, so that no value is searched for the names of others.
        self._pieces = re.split(r"\{(\w+)\}", _HTML)
        names = self._pieces[1::2]
        self._visitor_at, self._nonce_at = 2 * names.index("visitor") + 1, 2 * names.index("nonce") + 1
        self._pieces[1::2] = [values.get(name, "") for name in names]
        # The program's own parts may make styles.
        self._styles = "'unsafe-inline'" if "Part" in kinds else _hash(style)

    def response(self, visitor: str, is_framed: bool = False) -> Entity:
        """The document for a visitor with this token. Only the script with its nonce runs.

        With `is_framed` it may be displayed in any frame.
        """
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        pieces = self._pieces.copy()
        pieces[self._visitor_at], pieces[self._nonce_at] = visitor, nonce
        policy = _POLICY.format(nonce=nonce, styles=self._styles)
        headers = {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy if is_framed else f"{policy}; frame-ancestors {_FRAMES}",
            "cache-control": "no-store",
            "referrer-policy": "same-origin",
        }
        response: Entity = ET.Response(body="".join(pieces), headers=headers)
        return response


def _heading(title: str, body: str) -> str:
    """The title, as the main heading unless a part has one."""
    tag = "p" if "<h1>" in body else "h1"
    return f'<{tag} class="zef-title">{html.escape(title)}</{tag}>' if title else ""


def _section(number: int, part: Part) -> str:
    label = part.options.get("label") if part.kind not in ("Button",) else ""
    heading = f"<h2>{html.escape(label)}</h2>" if label else ""
    return f'<section class="zef-part" data-kind="{part.kind}" data-part="{number}">{heading}{part.html}</section>'


def _script(kinds: set[str], client_source: str) -> str:
    """The client of WebSocket routes, the script of the page, and those of the parts that it has."""
    names = ["page.js", *(f"{kind.lower()}.js" for kind in sorted(kinds - {"Markdown"})), "start.js"]
    library = [uplot.script()] if "Chart" in kinds else []
    return "\n".join([*library, _EXPORT.sub("", client_source), *map(_static, names)])


def _in_script(text: str) -> str:
    """JSON that does not end the script element."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
