"""Fixtures of the databases' tests: a path, and no database left open."""

from __future__ import annotations

import pytest

from tests.store.on_disk import closed
from zefnb import DictDatabase


@pytest.fixture
def path(tmp_path):
    return tmp_path / "guests.db"


@pytest.fixture(autouse=True)
def all_closed(clean):
    yield
    from zefnb.store.store import OPEN

    for uid in list(OPEN):
        closed(DictDatabase(uid))
