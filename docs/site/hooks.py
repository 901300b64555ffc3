"""Hooks of MkDocs: they add pages made from the code and the notebooks, and change links that leave `docs/`."""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))  # MkDocs loads only this file

import address
import reference
import tutorials

ROOT = Path(__file__).resolve().parents[2]
# A link to a file outside of `docs/`, or to a notebook, which is a page here.
_LINK_OUT = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#]+|[\w./-]+\.ipynb)(#[^)]*)?\)")
_SECTIONS = {"Tutorials": "tutorials", "Reference": "reference"}
# A table of five columns or more: the page gets the width of its table of contents.
_WIDE_TABLE = re.compile(r"^\|(?:[^|\n]*\|){5,}$", re.M)
_START = "index.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Link to the repository, if its address is set, and list the generated pages."""
    if repository := address.of_repository(ROOT):
        config.repo_url = repository
        config.edit_uri = "edit/main/docs/"
    pages = {"tutorials": tutorials.names(ROOT), "reference": reference.PAGES}
    config.nav = [_listed(item, pages) for item in config.nav or []]
    return config


def _listed(item: Any, pages: dict[str, Any]) -> Any:
    ((title, where),) = item.items()
    folder = _SECTIONS.get(title)
    return {title: [f"{folder}/{name}.md" for name in pages[folder]]} if folder else {title: where}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and the tutorials' pictures."""
    made = {f"reference/{name}.md": text for name, text in reference.pages().items()}
    for name, content in {**made, **tutorials.pages(ROOT)}.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Change links to files outside of `docs/` to links to the repository, or to plain text if it has no address."""
    if page.file.src_uri == _START or _WIDE_TABLE.search(markdown):
        page.meta.setdefault("hide", ["toc"])
    repository = address.of_repository(ROOT)

    def changed(link: re.Match[str]) -> str:
        text, path, anchor = link[1], PurePosixPath(link[2]), link[3] or ""
        if path.suffix == ".ipynb":
            up = "../" * (len(PurePosixPath(page.file.src_uri).parts) - 1)
            return f"[{text}]({up}tutorials/{path.stem}.md)"
        below_docs = (ROOT / "docs" / page.file.src_uri).parent / path
        if page.file.generated_by is None and below_docs.resolve().is_relative_to(ROOT / "docs"):
            return link[0]
        inside = "/".join(part for part in path.parts if part != "..")
        return f"[{text}]({repository}/blob/main/{inside}{anchor})" if repository else text

    return _LINK_OUT.sub(changed, markdown)
