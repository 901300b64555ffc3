"""The switch interval of the process, which several runtimes may set."""

from __future__ import annotations

import sys

import pytest

from zefnb.engine.switch_interval import SwitchInterval


@pytest.mark.parametrize("first_to_stop", [0, 1])
def test_of_two_runtimes_the_last_restores_the_interval(first_to_stop):
    before, runtimes = sys.getswitchinterval(), [SwitchInterval(), SwitchInterval()]
    for runtime in runtimes:
        runtime.acquire()
        assert sys.getswitchinterval() < before
    runtimes.pop(first_to_stop).release()
    assert sys.getswitchinterval() < before
    runtimes.pop().release()
    assert sys.getswitchinterval() == before
