"""An effect that takes time."""

from __future__ import annotations

import asyncio

import pytest

from zefnb.core.effect import DEFAULT_REGISTRY, effect


@pytest.fixture
def nap():
    """An effect that takes time, and reports how it ended."""
    story = []

    @effect("Nap")
    async def nap(runtime, *, seconds: float) -> str:
        """Sleep."""
        story.append("begun")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            story.append("cancelled")
            raise
        story.append("done")
        return "rested"

    yield story
    del DEFAULT_REGISTRY.specs["Nap"]
