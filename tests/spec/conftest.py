"""Fixtures of the specification's tests: the port that its blocks name."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.ports import is_free
from tests.spec import sessions


@pytest.fixture
def port_8000() -> Iterator[None]:
    """The blocks name their port: ours alone for the time of the test, also where other runs of the tests go on."""
    with sessions.machine_wide("port-8000"):
        deadline = time.monotonic() + 20
        while not is_free(8000):
            assert time.monotonic() < deadline, "port 8000, which the specification names, is held by somebody"
            time.sleep(0.1)
        yield
