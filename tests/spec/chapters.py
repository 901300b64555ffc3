"""The chapters of the specification, which are beside the checkout, and their blocks of code."""

from __future__ import annotations

import os
import re

import pytest

from tests.spec import sessions


class Chapter:
    """One chapter, and its blocks; without blocks when it is not there."""

    def __init__(self, name: str) -> None:
        self._path = sessions.ROOT.parent / "shared" / "spec" / name
        text = self._path.read_text() if self._path.exists() else ""
        self.blocks: list[str] = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)

    def require(self) -> None:
        """Skip the test when the chapter is not there; in CI, fail."""
        if not self._path.exists():
            text = f"LEFT OUT: the chapter is not there, no block of it was run: {self._path}"
            pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
