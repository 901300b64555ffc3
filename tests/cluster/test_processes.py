"""Several processes: one order, a private broker that the last one stops, and a killed node."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from tests.cluster.conftest import age_row, on_loop
from tests.cluster.test_contract import collected, publish
from tests.spec.sessions import environment
from zefnb import FX
from zefnb.cluster.private_broker import PrivateBroker, _is_locked
from zefnb.engine.perform import run_on

MEMBER = [sys.executable, "-m", "tests.cluster.member"]


def member(*arguments: Any, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MEMBER, *map(str, arguments)],
        env={**environment(), **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_three_nodes_and_eight_publishers_have_one_order(broker):
    publishers, count = {"a": 3, "b": 3, "c": 2}, 100
    total = count * sum(publishers.values())
    started = [
        member(broker.name, name, n, count, total, 3, ZEFNB_CLUSTER=broker.url) for name, n in publishers.items()
    ]
    results = []
    for process in started:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        results.append(json.loads(lines[1]))
    for process in started:
        process.communicate("\n", timeout=60)
    assert results == [{"order": results[0]["order"], "count": total, "publishers": 8, "in_order": True}] * 3


def script(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys\nfrom zefnb import *\n{code}"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_private_broker_outlives_its_first_process_and_ends_with_the_last(until):
    name = f"test-{uuid.uuid4().hex[:12]}"
    code = f"FX.JoinCluster(name={name!r}) | run\nprint('joined', flush=True)\nsys.stdin.readline()"
    first, second = script(code), script(code)
    for process in first, second:
        assert process.stdout is not None
        process.stdout.readline(), process.stdout.readline()
    broker = PrivateBroker(name)
    assert broker.directory.stat().st_mode & 0o777 == 0o700
    first.communicate("\n", timeout=60)
    assert broker._replies()
    second.kill()  # it cannot stop the broker itself
    second.communicate(timeout=60)
    until(lambda: not broker._replies())
    until(lambda: not _is_locked(broker.directory / "keeper.lock"))
    shutil.rmtree(broker.directory)


def test_a_killed_node_has_left_and_its_accepted_messages_arrive(broker, join, until, quick_beats):
    node = join(broker)
    found = collected(node)
    code = (
        f"FX.JoinCluster(url={broker.url!r}, name={broker.name!r}) | run\n"
        "FX.Publish(target=ET.Topic('room'), content='last words') | run\n"
        "print('published', flush=True)\nsys.stdin.readline()"
    )
    other = script(code)
    assert other.stdout is not None
    other.stdout.readline(), other.stdout.readline()
    from zefnb.cluster.cluster import Cluster

    local = node.service(Cluster).node
    assert local is not None
    other.kill()
    other.wait()
    assert other.stdin is not None
    other.stdin.close()
    other.stdout.close()
    until(lambda: found == ["last words"])
    (killed,) = on_loop(node, local.membership.rows).keys() - {local.incarnation}
    age_row(node, killed)
    until(lambda: on_loop(node, lambda: local.nodes.get(killed).left is not None))
    assert len(run_on(node, FX.QueryCluster())) == 1
    publish(node, "after")
    until(lambda: found[-1] == "after")


def test_without_redis_the_error_has_the_command_that_installs_it():
    code = (
        "sys.modules['redis'] = None\n"
        "try:\n    FX.JoinCluster(url='redis://127.0.0.1:1') | run\n"
        "except ImportError as error:\n    print(error)"
    )
    out, _ = script(code).communicate("", timeout=60)
    assert "pip install 'zefnb[cluster]'" in out


def test_no_code_of_redis_is_imported_without_joining():
    code = (
        "FX.Publish(target=ET.Topic('t'), content=1) | run\n"
        "print([name for name in sys.modules if name.startswith(('redis', 'hiredis', 'zefnb.cluster'))])"
    )
    out, _ = script(code).communicate("", timeout=60)
    assert out.strip() == "[]"
