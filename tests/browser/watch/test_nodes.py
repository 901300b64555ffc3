"""The live table of the nodes of a cluster, and the cluster in the head of the table."""

from __future__ import annotations

from tests.browser.watch.page import column, rows, soon
from tests.cluster.brokers import Broker


def test_the_nodes_are_a_live_table_whose_head_names_the_cluster(started):
    broker = Broker("valkey")
    try:
        show = f"FX.JoinCluster(url={broker.url!r}, name='lab') | run\nwatch('nodes')"
        notebook = started("FX.LeaveCluster() | run", show=show)
        soon(lambda: rows(notebook).count() == 1)
        assert column(notebook, "Clients") == ["0"]
        counts = notebook.page.locator(".zw-counts").first
        soon(lambda: "cluster lab: 1 node" in counts.inner_text())
        assert broker.url in counts.locator("[title]").get_attribute("title")
        notebook.run(2)
        soon(lambda: rows(notebook).count() == 0)
        soon(lambda: "cluster" not in counts.inner_text())
        assert notebook.errors == []
    finally:
        broker.close()
