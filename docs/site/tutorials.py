"""The tutorial notebooks as pages: text, code, and the saved output with its pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

_PICTURES = {"image/png": "png", "image/svg+xml": "svg"}


def names(root: Path) -> list[str]:
    """Return the names of the tutorials, in order."""
    return [path.stem for path in sorted((root / "notebooks").glob("*.ipynb"))]


def pages(root: Path) -> dict[str, str | bytes]:
    """Return each page and each picture, by its path on the site."""
    made: dict[str, str | bytes] = {}
    for name in names(root):
        notebook = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
        parts = list(_parts(notebook, name, made))
        made[f"tutorials/{name}.md"] = "\n\n".join(parts) + "\n"
    return made


def _parts(notebook: Any, name: str, made: dict[str, str | bytes]) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
        elif cell.cell_type == "code":
            yield f"```python\n{cell.source}\n```"
            for output in cell.outputs:
                yield from _output(output, name, made)


def _output(output: Any, name: str, made: dict[str, str | bytes]) -> Iterator[str]:
    data = output.get("data", {})
    for kind, ending in _PICTURES.items():
        if kind in data:
            path = f"tutorials/{name}-{len(made)}.{ending}"
            made[path] = base64.b64decode(data[kind]) if ending == "png" else data[kind]
            yield f"![output of the cell]({Path(path).name})"
            return
    text = output.get("text") or data.get("text/plain", "")
    if text:
        yield f"```text\n{text.rstrip()}\n```"
