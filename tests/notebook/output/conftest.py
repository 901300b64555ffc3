"""A kernel with zefnb, which the tests of this directory share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernel import Kernel, a_kernel


@pytest.fixture(scope="package")
def shared() -> Iterator[Kernel]:
    with a_kernel("%load_ext zefnb\nfrom zefnb import *") as started:
        yield started


@pytest.fixture
def kernel(shared: Kernel) -> Iterator[Kernel]:
    yield shared
    shared.run("%zef stop --all")
    shared.run("[FX.StopActor(actor=a) for a in FX.ListActors() | run] | run")
    shared.run("[FX.StopTimer(timer=t) for t in FX.ListTimers() | run] | run")


@pytest.fixture
def alone() -> Iterator[Kernel]:
    """A separate kernel, for changes that cannot be undone."""
    with a_kernel("%load_ext zefnb\nfrom zefnb import *") as started:
        yield started
