"""A kernel with the magics, which the tests of this directory share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernel import Kernel


@pytest.fixture(scope="package")
def shared() -> Iterator[Kernel]:
    started = Kernel()
    started.run("%load_ext zefnb\nfrom zefnb import *\nheard = []")
    yield started
    started.close()


@pytest.fixture
def kernel(shared: Kernel) -> Iterator[Kernel]:
    yield shared
    shared.run("%zef stop --all")
    shared.run("for name in ('chat', 'room', 'x'):\n    %zef off {name}")
    shared.run("heard.clear()")
