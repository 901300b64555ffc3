"""The cells of `%%zef page` in a real JupyterLab: coloured as HTML, by the extension that comes with zefnb."""

from __future__ import annotations

from typing import Any

from tests.browser.lab import Notebook

PAGE = "%%zef page /page\n<h1 class='title'>Hello</h1>\n<script>const x = 5</script>"
_TYPES = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.mimeType)"
_WRITE = (
    "([cell, text]) => window.jupyterapp.shell.currentWidget.content.widgets[cell].model.sharedModel.setSource(text)"
)
# Pieces of text with the colour in which they are shown, the text outside of all pieces among them.
_PIECES = """element => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), pieces = {};
    while (walker.nextNode()) {
        pieces[walker.currentNode.data] = getComputedStyle(walker.currentNode.parentElement).color;
    }
    return pieces;
}"""


def types(notebook: Notebook) -> list[str]:
    return list(notebook.page.evaluate(_TYPES))


def assert_coloured_as_html(notebook: Notebook, cell: int) -> None:
    """Check that tags, attributes and text of a page have colours of their own. The language is loaded late."""
    content = notebook.page.locator(".jp-Cell").nth(cell).locator(".cm-content")
    notebook.page.wait_for_function(
        f"element => {{ const pieces = ({_PIECES})(element); return 'h1' in pieces && 'Hello' in pieces; }}",
        arg=content.element_handle(),
        timeout=30_000,
    )
    pieces: dict[str, Any] = content.evaluate(_PIECES)
    assert len({pieces["h1"], pieces["class"], pieces["Hello"]}) == 3
    assert types(notebook)[cell] == "text/html"


def test_a_page_cell_is_coloured_as_html_and_others_as_python_while_they_are_edited(open_notebook: Any) -> None:
    notebook = open_notebook(["x = 1", PAGE, "y = 2"])
    assert_coloured_as_html(notebook, 1)
    python = "text/x-ipython"
    notebook.run(0)
    assert types(notebook) == [python, "text/html", python]
    notebook.page.evaluate(_WRITE, [1, "print(1)"])
    assert types(notebook) == [python, python, python]
    notebook.page.evaluate(_WRITE, [2, PAGE])
    notebook.page.evaluate(_WRITE, [0, "%%zef pages /\n<h1>No such line</h1>"])
    assert types(notebook) == [python, python, "text/html"]
    assert_coloured_as_html(notebook, 2)
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:insert-cell-above')")
    notebook.page.evaluate(_WRITE, [0, PAGE])
    assert types(notebook).count("text/html") == 2
    notebook.picture("page-cells")
    assert notebook.errors == []
