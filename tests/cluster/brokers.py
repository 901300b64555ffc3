"""Real brokers for the tests: Valkey and Redis, which can be killed, stopped and started again."""

from __future__ import annotations

import shutil

import pytest

from attacks import brokers
from zefnb.cluster.private_broker import find_program

PROGRAMS = {"valkey": find_program, "redis": lambda: shutil.which("redis-server")}


class Broker(brokers.Broker):
    """A broker of one kind. The test is left out where it is not installed."""

    name = "zefnb"

    def __init__(self, kind: str, *settings: str) -> None:
        program = PROGRAMS[kind]()
        if program is None:
            pytest.skip(f"LEFT OUT: {kind} is not installed")
        super().__init__(program, settings)
