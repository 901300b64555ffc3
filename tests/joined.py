"""Tests marked `also_joined` run a second time, after this process has joined a cluster that shares their topics."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import pytest

from zefnb import ET, FX, generate_uid, run

ALONE = "alone"
WAYS = [ALONE, pytest.param("joined", marks=pytest.mark.on_one_python)]
# The uids that a test gets from `generate_uid`, all of which are shared; a test that needs more gets them again.
_UIDS = [generate_uid() for _ in range(200)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("also_joined"):
        metafunc.parametrize("way", WAYS, indirect=True)


@pytest.fixture(scope="session")
def url_of_a_broker() -> Iterator[str]:
    """A private broker for these tests."""
    from tests.cluster.brokers import Broker

    broker = Broker("valkey")
    yield broker.url
    broker.close()


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest, clean: None) -> Iterator[str]:
    """How the test runs. The fixture `clean` leaves the cluster."""
    found = getattr(request, "param", ALONE)
    with pytest.MonkeyPatch.context() as patch:
        if found != ALONE:
            join(request, patch)
        yield found


def join(request: pytest.FixtureRequest, patch: pytest.MonkeyPatch) -> None:
    """Join, and let the test make topics with a uid that are shared."""
    url, name = request.getfixturevalue("url_of_a_broker"), f"test-{generate_uid()[-12:]}"
    FX.JoinCluster(url=url, name=name, topics=["*", *map(ET.Topic, _UIDS)]) | run
    conftests = [module for name, module in sys.modules.items() if name.endswith("conftest")]
    for module in (request.module, *conftests):
        if hasattr(module, "generate_uid"):
            patch.setattr(module, "generate_uid", itertools.cycle(_UIDS).__next__)
