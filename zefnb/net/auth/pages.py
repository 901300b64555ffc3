"""The pages of a login: plain HTML without scripts, for every browser, in light and dark, on a phone as well."""

from __future__ import annotations

import html
from collections.abc import Sequence
from urllib.parse import quote

from zefnb.net.http.decision import Headers, Reply

_STYLE = (
    ":root{color-scheme:light dark;--line:#777;--accent:#0a58ca;--wrong:#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--accent:#8ab4f8;--wrong:#f2b8b5}}"
    "*{box-sizing:border-box}body{background:canvas;color:canvastext}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0;padding:1.5rem;display:grid;"
    "min-height:100vh;place-items:center}main{width:100%;max-width:22rem}h1{font-size:1.4rem;margin:0 0 1rem}"
    "label{display:block;margin:.8rem 0 .2rem}input{width:100%;font:inherit;padding:.6rem;border:1px solid var(--line);"
    "border-radius:.4rem;background:transparent;color:inherit}button,.button{display:block;width:100%;font:inherit;"
    "padding:.65rem;margin-top:1rem;border:1px solid var(--line);border-radius:.4rem;background:transparent;"
    "color:var(--accent);text-align:center;text-decoration:none;cursor:pointer}button:focus-visible,"
    "input:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}"
    ".wrong{color:var(--wrong);margin:0 0 1rem}p{margin:.5rem 0}"
    "hr{border:0;border-top:1px solid var(--line);margin:1.5rem 0 .5rem}"
)
# The pages hold no script, and no other page may show them in a frame.
_HEADERS: Headers = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
     "base-uri 'none'; frame-ancestors 'none'"),
    ("x-frame-options", "DENY"),
)  # fmt: skip


def page(status: int, title: str, body: str, headers: Headers = ()) -> Reply:
    """A page with this title and this HTML."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{html.escape(title)}</h1>{body}</main></body></html>"
    )
    return Reply(status, text.encode(), (*_HEADERS, *headers), title)


def message(status: int, title: str, text: str, headers: Headers = (), link: str = "login") -> Reply:
    """A page with one sentence and a link to the login. `link` is relative to the pages under `/auth/`."""
    body = (
        f'<p role="alert" class="wrong">{html.escape(text)}</p><a class="button" href="{html.escape(link)}">Log in</a>'
    )
    return page(status, title, body, headers)


def login_page(
    *,
    next: str,
    has_passwords: bool,
    has_token: bool,
    providers: Sequence[tuple[str, str]] = (),
    problem: str = "",
    name: str = "",
    user: str = "",
    status: int = 200,
    headers: Headers = (),
) -> Reply:
    """The page with a form for each way to log in. `problem` is the reason why the last attempt failed.

    Addresses are relative, so that they are right behind a proxy, too.
    """
    hidden = f'<input type="hidden" name="next" value="{html.escape(next)}">'
    parts = [f'<p role="alert" class="wrong" id="problem">{html.escape(problem)}</p>'] if problem else []
    if user:
        parts.append(
            f'<p>You are logged in as <strong>{html.escape(user)}</strong>.</p><form method="post" action="logout">'
            "<button>Log out</button></form><hr>"
        )
    described = ' aria-describedby="problem" aria-invalid="true"' if problem else ""
    if has_passwords:
        # After a wrong password the name is there already, and the password has the focus.
        focus = ("", " autofocus") if name else (" autofocus", "")
        parts.append(
            f'<form method="post" action="login">{hidden}<label for="name">Name</label>'
            f'<input id="name" name="name" value="{html.escape(name)}" autocomplete="username" autocapitalize="none" '
            f'spellcheck="false" required{focus[0]}{described}>'
            '<label for="password">Password</label><input id="password" name="password" type="password" '
            f'autocomplete="current-password" required{focus[1]}{described}><button>Log in</button></form>'
        )
    if has_token:
        parts.append(
            f'<form method="post" action="login">{hidden}<label for="token">Token</label>'
            '<input id="token" name="token" type="password" autocomplete="off" required aria-describedby="where">'
            '<p id="where">The link under the cell that started the server contains it.</p>'
            "<button>Log in with the token</button></form>"
        )
    for key, label in providers:
        url = f"login?provider={quote(key)}&next={quote(next, safe='')}"
        parts.append(f'<a class="button" href="{html.escape(url)}">Log in with {html.escape(label)}</a>')
    return page(status, "Log in", "".join(parts), headers)
