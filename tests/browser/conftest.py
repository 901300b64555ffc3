"""One lab server and one chromium for all tests of this directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import chromium
from tests.browser.lab import Lab, Notebook

Open = Callable[..., Notebook]


# For the package and not the session: while playwright runs, the main thread seems to have a running loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    # Programs such as VS Code show pages of this machine in pages that chromium takes for pages of the web.
    with chromium("--disable-features=LocalNetworkAccessChecks") as browser:
        yield browser


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture
def open_notebook(lab: Lab, browser: Any, request: pytest.FixtureRequest) -> Iterator[Open]:
    """`open_notebook(cells)`: these cells, or a copy of that notebook, in a tab; `None`: the same in a second."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    name = f"{request.node.name.replace('[', '-').replace(']', '')}.ipynb"

    def open_(cells: list[str] | Path | None) -> Notebook:
        if isinstance(cells, Path):
            shutil.copy(cells, lab.root / name)
        elif cells is not None:
            lab.write(name, cells)
        return Notebook(lab, context.new_page(), name).open()

    yield open_
    context.close()
    lab.end_kernels()
