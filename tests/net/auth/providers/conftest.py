from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.net.auth.providers.issuer import Issuer
from zefnb.net.auth.flows import Flow, Flows


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def flow() -> Flow:
    """A flow whose nonce is `n`."""
    flow, _ = Flows().start("oidc", "http://localhost:8000/auth/callback", "/")
    return Flow(**{**vars(flow), "nonce": "n", "deadline": time.monotonic() + 60})
