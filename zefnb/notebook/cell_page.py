"""The page that `%%zef page` serves: the cell's text, and a script that reloads it when its server is replaced."""

from __future__ import annotations

import re
from typing import Any

from zefnb.core.entity import ET
from zefnb.core.function import ZefFunction

# When a WebSocket of the page closes because its server has stopped (1001, 1006, 1012), the script reloads the page as
# soon as the address responds again. It does not reload a page that closes its connections itself, or whose connections
# resume by themselves (`zefnb.1`, as `/zef.js` does).
_RELOAD = """<script>
(() => {
  let waiting = false;
  const reload = async () => {
    if (waiting) return;
    waiting = true;
    for (let pause = 100; ; pause = Math.min(2 * pause, 3000)) {
      await new Promise((resume) => setTimeout(resume, pause * (0.5 + Math.random() / 2)));
      const reply = await fetch(location.href, { method: 'HEAD', cache: 'no-store' }).catch(() => null);
      if (reply && reply.ok) return location.reload();
    }
  };
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      let opened = false;
      this.addEventListener('open', () => { opened = true; });
      this.addEventListener('close', ({ code }) => {
        if (opened && this.protocol !== 'zefnb.1' && [1001, 1006, 1012].includes(code)) reload();
      });
    }
  };
})();
</script>"""
_HEAD = re.compile(r"<head(?:\s[^>]*)?>|<html(?:\s[^>]*)?>|<!doctype[^>]*>", re.IGNORECASE)


def cell_page(text: str) -> ZefFunction:
    """Return the handler of the page `text`.

    >>> page = cell_page('<h1>Hello</h1>')
    >>> page(ET.Request(headers={})).body
    '<h1>Hello</h1>'
    """
    live = _with_script(text)

    def page(request: Any) -> Any:
        # Programs get the cell's text unchanged. A browser that opens a page accepts HTML, and gets the script, too.
        wants_html = "text/html" in str(request.headers.get("accept", ""))
        return ET.Response(
            status=200, body=live if wants_html else text, headers={"content-type": "text/html; charset=utf-8"}
        )

    return ZefFunction(page, inline=True)


def _with_script(text: str) -> str:
    """Insert the script before the page's own scripts, but after its first tags: the doctype must come first."""
    places = [match.end() for match in _HEAD.finditer(text[:2_000])]
    at = max(places, default=0)
    return text[:at] + _RELOAD + text[at:]
