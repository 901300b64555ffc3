"""Servers of another make that the test ends with, and their certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.net.client.outsider import (
    Outsider,
    stop_all,
)
from zefnb.net.client import client as client_module


@pytest.fixture
def outsider() -> Iterator[Callable[..., Outsider]]:
    made: list[Outsider] = []

    def make(**options: Any) -> Outsider:
        made.append(Outsider(**options))
        return made[-1]

    yield make
    stop_all()
    for server in made:
        server.end()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts do not grow, for tests in which a server goes several times."""
    monkeypatch.setattr(client_module, "LONGEST_PAUSE", 0.2)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
