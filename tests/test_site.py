"""The documentation site: it builds without the network, is complete, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from zefnb import FX, errors, ops
from zefnb.core.shapes import SHAPES
from zefnb.notebook.magics import SUBCOMMANDS

ROOT = Path(__file__).resolve().parents[1]


class Page(HTMLParser):
    """The links of a page, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := given.get(name))]
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_every_link_within_the_site_leads_to_a_page_and_its_anchor(site: Path):
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for link in page.links:
            where, anchor = urldefrag(link)
            if re.match(r"[a-z]+:", where):
                continue
            target = (path.parent / unquote(where)).resolve() if where else path
            assert target.exists(), f"{path.name} links to {link}"
            assert not anchor or target.suffix != ".html" or anchor in pages[target].anchors, f"{path.name}: {link}"


def test_nothing_is_loaded_from_other_hosts(site: Path):
    for path in site.rglob("*.html"):
        assert not re.findall(r'(?:src|href)="https?://[^"]+\.(?:js|css|woff2?)"', path.read_text()), path.name


def test_every_effect_entity_op_subcommand_and_error_has_its_place_in_the_reference(site: Path):
    texts = {path.stem: path.read_text() for path in (site / "reference").glob("*.html")}
    assert all(f"FX.{name}<" in texts["effects"] for name in dir(FX))
    assert all(f"ET.{name}<" in texts["entities"] for name in SHAPES)
    assert all(f">{name}" in texts["ops"] for name in ops.__all__ if name != "collect")
    assert all(f">{name}<" in texts["magics"] for name in SUBCOMMANDS)
    classes = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, Exception)}
    assert all(f">{name}<" in texts["errors"] for name in classes)


def test_every_environment_variable_that_the_code_reads_is_in_the_reference(site: Path):
    read = {name for path in (ROOT / "zefnb").rglob("*.py") for name in re.findall(r"ZEFNB_[A-Z_]+", path.read_text())}
    text = (site / "reference" / "environment.html").read_text()
    assert set(re.findall(r"ZEFNB_[A-Z_]+", text)) == read


def test_each_tutorial_is_a_page(site: Path):
    tutorials = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.stem for path in (site / "tutorials").glob("*.html")} == tutorials
