"""The live table of the nodes, and the cluster in the heads of all tables."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from tests.cluster.brokers import Broker
from tests.notebook.viewer import Viewer, here
from zefnb import FX, run
from zefnb.cluster import queries
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.notebook.overview import on_loop
from zefnb.notebook.watch.table import Place
from zefnb.notebook.watch.tables import table_named
from zefnb.notebook.watch.terminal import watch_terminal


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker("valkey")
    yield broker
    broker.close()


@pytest.fixture
def joined(broker: Broker, clean: None) -> Iterator[Broker]:
    FX.JoinCluster(url=broker.url, name="lab") | run
    yield broker
    FX.LeaveCluster() | run


@pytest.fixture
def other(joined: Broker) -> Iterator[Runtime]:
    runtime = Runtime()
    run_on(runtime, FX.JoinCluster(url=joined.url, name="lab"))
    yield runtime
    runtime.close(5)


def drawn(name: str) -> str:
    console = Console(file=io.StringIO(), width=140, height=40)
    runtime = default_runtime()
    on_loop(runtime, lambda: table_named(name).load(runtime))
    watch_terminal(runtime, name, Place(), console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_without_a_cluster_the_table_says_so(clean):
    assert "this process has not joined a cluster" in drawn("nodes")


def test_the_terminal_draws_the_nodes_and_each_table_the_cluster(other):
    text = drawn("nodes")
    # The names and the pids of two nodes of this process. Times and other numbers can contain the same digits.
    assert len(re.findall(rf"(?<![\w.:]){os.getpid()}(?![\w.:])", text)) == 4
    assert "cluster lab: 2 nodes" in text
    assert "cluster lab: 2 nodes" in drawn("clients")


def test_a_live_view_shows_nodes_that_join_and_leave(joined, control):
    view = Viewer(control, here(lambda: control.open("nodes")))
    view.look()
    view.until(lambda: len(view.rows) == 1)
    runtime = Runtime()
    run_on(runtime, FX.JoinCluster(url=joined.url, name="lab"))
    view.until(lambda: len(view.rows) == 2)
    view.until(lambda: view.board["cluster"][0]["nodes"] == 2)
    runtime.close(5)
    view.until(lambda: len(view.rows) == 1)
    assert view.board["cluster"][0]["shared"] == "all topics with a plain name"
    view.close()


def test_the_nodes_are_not_read_while_no_view_shows_them(joined, control, monkeypatch):
    reads = []
    monkeypatch.setattr(queries, "node_rows", counted(queries.node_rows, reads))
    drawn("clients")
    drawn("topics")
    assert reads == []
    drawn("nodes")
    assert reads == ["read"]


def counted(call: Any, calls: list[str]) -> Any:
    def counting(*arguments: Any) -> Any:
        calls.append("read")
        return call(*arguments)

    return counting
