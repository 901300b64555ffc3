"""The rules of VS Code for the outputs of notebooks, imposed on a page in chromium.

VS Code shows outputs in a frame of another origin: `vscode-webview:` in the desktop program, and a subdomain of
`vscode-cdn.net` in the browser, which this uses (`contrib/webview/browser/pre/index.html` and
`contrib/notebook/browser/view/renderers/backLayerWebView.ts` in its source).
"""

from __future__ import annotations

from typing import Any

WORKBENCH = "https://vscode.dev"
WEBVIEW = "https://1f3a9c.vscode-cdn.net"
SANDBOX = "allow-same-origin allow-scripts allow-forms allow-pointer-lock allow-downloads"
# With the setting `notebook.experimental.enableCsp`. Scripts come from VS Code alone, so no widget runs.
STRICT = (
    "default-src 'none'; script-src https://*.vscode-cdn.net 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src https: http: data:; font-src https:; connect-src https:; child-src https: data:"
)

_WORKBENCH = f'<!doctype html><iframe sandbox="{SANDBOX}" src="{WEBVIEW}/pre/index.html" width="900" height="800">'
_PRE = f'<!doctype html><iframe sandbox="{SANDBOX}" src="fake.html" width="850" height="750"></iframe>'
_PRE_POLICY = "default-src 'none'; script-src 'self'; frame-src 'self'; style-src 'unsafe-inline'"
_OUTPUT = """<!doctype html>
<meta charset="utf-8">
<html style="--vscode-editor-foreground: {foreground}">
<style>
html {{ background: {background} }}
body {{ background: transparent; color: var(--vscode-editor-foreground) }}
</style>
<body class="vscode-{theme}" data-vscode-theme-kind="vscode-{theme}"><div class="output"></div></body>"""
_COLOURS = {
    "dark": {"background": "#1f1f1f", "foreground": "#cccccc"},
    "light": {"background": "#ffffff", "foreground": "#3b3b3b"},
}


def open_output(page: Any, theme: str = "dark", policy: str = "") -> Any:
    """Open a notebook; return the frame in which the outputs of its cells are shown."""
    documents: dict[str, tuple[str, str]] = {
        f"{WORKBENCH}/": (_WORKBENCH, ""),
        f"{WEBVIEW}/pre/index.html": (_PRE, _PRE_POLICY),
        f"{WEBVIEW}/pre/fake.html": (_OUTPUT.format(theme=theme, **_COLOURS[theme]), policy),
    }

    def respond(route: Any) -> None:
        body, rules = documents[route.request.url]
        headers = {"content-type": "text/html", **({"content-security-policy": rules} if rules else {})}
        route.fulfill(status=200, body=body, headers=headers)

    for url in documents:
        page.route(url, respond)
    page.goto(f"{WORKBENCH}/")
    # The frames are in processes of their own, which may have loaded them later than the page was loaded.
    shown = page.frame_locator("iframe").frame_locator("iframe").locator(".output")
    shown.wait_for(state="attached")
    return shown.element_handle().owner_frame()


def set_theme(output: Any, theme: str) -> None:
    """Choose another theme while the notebook is open."""
    output.evaluate(
        """([theme, { background, foreground }]) => {
            document.documentElement.style.background = background
            document.documentElement.style.setProperty('--vscode-editor-foreground', foreground)
            document.body.className = document.body.dataset.vscodeThemeKind = `vscode-${theme}`
        }""",
        [theme, _COLOURS[theme]],
    )


def show_widget(page: Any, output: Any, widget: Any) -> None:
    """Show an anywidget in an output as its front end does; its messages go to and come from the Python object."""

    def to_kernel(content: Any) -> None:
        widget._on_message(widget, content, [])

    widget.send = lambda content, buffers=None: output.evaluate("(content) => fromKernel(content)", content)
    page.expose_function("toKernel", to_kernel)
    traits = {name: getattr(widget, name) for name in widget.keys if not name.startswith("_")}
    traits = {name: value for name, value in traits.items() if isinstance(value, list | str | int | float)}
    output.evaluate(
        """async ([source, traits]) => {
            const listeners = new Set()
            const model = {
                get: (name) => traits[name],
                on: (type, call) => listeners.add(call),
                off: (type, call) => listeners.delete(call),
                send: (content) => toKernel(content),
            }
            window.fromKernel = (content) => { for (const call of [...listeners]) call(content) }
            const blob = new Blob([source], { type: 'text/javascript' })
            const { default: widget } = await import(URL.createObjectURL(blob))
            await widget.render({ model, el: document.querySelector('.output') })
        }""",
        [str(widget._esm), traits],
    )
