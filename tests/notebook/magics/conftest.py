"""A kernel with the magics, which the tests of this directory share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernel import Kernel, a_kernel


@pytest.fixture(scope="package")
def shared() -> Iterator[Kernel]:
    with a_kernel("%load_ext zefnb\nfrom zefnb import *\nheard = []") as started:
        yield started


@pytest.fixture
def kernel(shared: Kernel) -> Iterator[Kernel]:
    yield shared
    shared.run("%zef stop --all")
    shared.run("for name in ('chat', 'room', 'x'):\n    %zef off {name}")
    shared.run("heard.clear()")
