from __future__ import annotations

import pytest

from zefnb.net.auth.flows import Flow, Flows


@pytest.fixture
def flow() -> Flow:
    """A flow whose nonce is `n`."""
    flow, _ = Flows().start("oidc", "http://localhost:8000/auth/callback", "/")
    return Flow(**{**vars(flow), "nonce": "n"})
