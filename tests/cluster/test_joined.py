"""The marker `also_joined`, with which tests of other folders run in a cluster, too."""

from __future__ import annotations

import pytest

from tests.cluster.conftest import local_node
from zefnb import ET, FX, generate_uid, run
from zefnb.engine.runtime import default_runtime
from zefnb.errors import NotRunning

TOPICS = {"a name": lambda: ET.Topic("named"), "a uid": lambda: ET.Topic(generate_uid())}


@pytest.mark.also_joined
@pytest.mark.parametrize("kind", TOPICS)
def test_a_marked_test_runs_without_a_cluster_and_with_its_topics_in_the_log_of_one(kind: str, way: str, until):
    topic = TOPICS[kind]()
    FX.Publish(target=topic, content="hi") | run
    if way == "joined":
        until(lambda: topic._uid in local_node(default_runtime()).outgoing._ledger)
    else:
        with pytest.raises(NotRunning):
            FX.QueryCluster() | run
