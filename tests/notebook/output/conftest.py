"""A kernel with zefnb, which the tests of this directory share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebook.kernel import Kernel


@pytest.fixture(scope="package")
def shared() -> Iterator[Kernel]:
    started = Kernel()
    started.run("%load_ext zefnb\nfrom zefnb import *")
    yield started
    started.close()


@pytest.fixture
def kernel(shared: Kernel) -> Iterator[Kernel]:
    yield shared
    shared.run("%zef stop --all")
    shared.run("[FX.StopActor(actor=a) for a in FX.ListActors() | run] | run")
    shared.run("[FX.StopTimer(timer=t) for t in FX.ListTimers() | run] | run")


@pytest.fixture
def alone() -> Iterator[Kernel]:
    """A separate kernel, for changes that cannot be undone."""
    started = Kernel()
    started.run("%load_ext zefnb\nfrom zefnb import *")
    yield started
    started.close()
