"""`%zef join`, `%zef nodes` and `%zef leave`, with a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.brokers import Broker
from tests.notebook.kernel import Kernel


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    broker = Broker("valkey")
    yield broker
    broker.close()


@pytest.fixture
def outside(kernel: Kernel) -> Iterator[Kernel]:
    """A kernel that has joined no cluster, and has left it after the test."""
    yield kernel
    kernel.run("%zef leave")


def test_joining_says_what_is_shared_and_the_overview_shows_the_cluster(outside, broker):
    done = outside.run(f"%zef join {broker.url}")
    assert done.error is None
    assert f"joined the cluster 'zefnb' at {broker.url}; shared: all topics with a plain name" in done.text
    assert "ET.Success(node=" in done.result["text/plain"]
    shown = outside.run("%zef").result
    assert "a cluster with 1 node" in shown["text/plain"]
    assert broker.url in shown["text/html"]


def test_topics_are_names_patterns_and_variables(outside, broker):
    outside.run("private = ET.Topic('🍃-87f83f06bfec2ba79b96')")
    done = outside.run(f"%zef join {broker.url} --name lab --topic room --topic sensors/* --topic private")
    assert "cluster 'lab'" in done.text
    assert "shared: 'room', 'sensors/*', '🍃-87f83f06bfec2ba79b96'" in done.text


def test_nodes_are_a_table(outside, broker):
    outside.run(f"%zef join {broker.url}")
    found = outside.run("rows = %zef nodes\nrows").result
    assert "clients" in found["text/plain"]
    assert "<table" in found["text/html"]
    assert outside.value("rows[0]['pid'] == __import__('os').getpid()") is True


def test_leaving_is_said_and_a_second_time_is_a_mistake(kernel, broker):
    kernel.run(f"%zef join {broker.url}")
    assert "left the cluster" in kernel.run("%zef leave").text
    assert "has not joined a cluster" in kernel.run("%zef leave").text
    assert "has not joined a cluster" in kernel.run("%zef nodes").text


def test_a_password_in_the_line_is_pointed_out_and_one_in_a_variable_is_not(outside, broker):
    broker.call("ACL SETUSER ada on >hunter22 ~* +@all")
    url = broker.url.replace("unix://", "unix://ada:hunter22@")
    given = outside.run(f"%zef join {url}")
    assert "the password is in this cell and in the saved notebook" in given.text
    outside.run(f"broker_url = {url!r}")
    for line in ("%zef join broker_url", "%zef join {broker_url}"):
        done = outside.run(line)
        assert "joined the cluster" in done.text
        assert "the password is in this cell" not in done.text
        assert "hunter22" not in done.text + str(done.result)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%zef join http://127.0.0.1:1", "its scheme is not that of a broker"),
        ("%zef join redis://ada:hunter22@127.0.0.1:1", "the broker redis://…@127.0.0.1:1 cannot be used"),
        ("%zef join one redis://ada:hunter22@127.0.0.1:1", "unrecognized arguments: redis://…@127.0.0.1:1"),
        ("%zef join heard", "the broker is not a text; give a url"),
        ("%zef join unix:///tmp/none --name a/b", "1 to 40 letters"),
    ],
)
def test_a_mistake_is_one_line_without_the_password(kernel, line, said):
    done = kernel.run(line)
    assert done.error is None
    assert said in done.text
    assert len(done.text.splitlines()) == 1, done.text
    assert "hunter22" not in done.text


def test_a_saved_notebook_has_no_password_of_an_environment_or_a_variable(outside, broker):
    broker.call("ACL SETUSER bo on >hunter22 ~* +@all")
    right, wrong = (broker.url.replace("unix://", f"unix://bo:{password}@") for password in ("hunter22", "wr0ng"))
    outside.run(f"%xmode Verbose\nimport os\nurls = {[right, wrong]!r}\nos.environ['ZEFNB_CLUSTER'] = urls[1]")
    failing = ["FX.JoinCluster() | run", "%zef join", "FX.JoinCluster(url=urls[1]) | run"]
    others = [
        *("%tb", "FX.JoinCluster(url=urls[1], nme='x') | run", "FX.JoinCluster(url=urls[1] + '?db=x') | run"),
        *("FX.JoinCluster(url=urls[0])", "FX.JoinCluster(url=urls[0]) | run", "%zef", "%zef nodes"),
        *("FX.QueryLog(level='debug') | run", "%zef faults"),
    ]
    done = [outside.run(cell) for cell in (*failing, *others)]
    outside.run("%xmode Context\ndel os.environ['ZEFNB_CLUSTER']")
    saved = [f"{cell.text} {cell.error} {cell.traceback} {cell.result} {cell.displays}" for cell in done]
    assert all("refuses the user or the password" in text for text in saved[: len(failing)])
    assert sum("unix://…@" in text for text in saved) >= 7
    assert "hunter22" not in "\n".join(saved)
    assert "wr0ng" not in "\n".join(saved)


def test_brokers_complete(kernel):
    kernel.run("lab = 'rediss://lab.example:6379'\nlabel = 'no broker'")
    assert kernel.complete("%zef join la") == ["%zef join lab"]
    assert "%zef join unix:///" in kernel.complete("%zef join ")
    assert kernel.complete("%zef join --to") == ["%zef join --topic"]
    assert kernel.complete("%zef watch no") == ["%zef watch nodes"]
