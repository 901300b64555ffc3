"""What MkDocs calls: adds the pages made from the code and the notebooks, and mends links out of `docs/`."""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))  # MkDocs loads this file alone

import address
import reference
import tutorials

ROOT = Path(__file__).resolve().parents[2]
# A link to a file that is not below `docs/`, or to a notebook, which is a page here.
_LINK_OUT = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#]+|[\w./-]+\.ipynb)(#[^)]*)?\)")
_SECTIONS = {"Tutorials": "tutorials", "Reference": "reference"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Link to the repository, when its owner has given the address; list the generated pages."""
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
    """A link to a file outside `docs/` leads to the repository; without an address the words stay, without a link."""
    repository = address.of_repository(ROOT)

    def mended(link: re.Match[str]) -> str:
        text, path, anchor = link[1], PurePosixPath(link[2]), link[3] or ""
        if path.suffix == ".ipynb":
            up = "../" * (len(PurePosixPath(page.file.src_uri).parts) - 1)
            return f"[{text}]({up}tutorials/{path.stem}.md)"
        below_docs = (ROOT / "docs" / page.file.src_uri).parent / path
        if page.file.generated_by is None and below_docs.resolve().is_relative_to(ROOT / "docs"):
            return link[0]
        inside = "/".join(part for part in path.parts if part != "..")
        return f"[{text}]({repository}/blob/main/{inside}{anchor})" if repository else text

    return _LINK_OUT.sub(mended, markdown)
