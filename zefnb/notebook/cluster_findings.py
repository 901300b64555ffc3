"""Findings about clusters: the packages, the program of the private broker, and the broker of ZEFNB_CLUSTER."""

from __future__ import annotations

import os
from collections.abc import Iterator

from zefnb.errors import ZefError
from zefnb.notebook.finding import Finding, extra_finding


def for_cluster() -> Iterator[Finding]:
    """Check what `FX.JoinCluster` needs here, and name the privileges that the user of a broker needs."""
    yield from extra_finding("cluster", "topics that several processes share")
    yield _private()
    if os.environ.get("ZEFNB_CLUSTER"):
        yield from _broker()
    from zefnb.cluster.privileges import least_privileges

    yield Finding("ok", "least privileges", f"of a broker's user, in the cluster 'zefnb': {least_privileges()}")


def _private() -> Finding:
    from zefnb.cluster.private_broker import PrivateBroker, find_program

    try:
        program = find_program()
        directory = PrivateBroker.place("zefnb")
    except ZefError as error:
        return Finding("note", "private broker", str(error))
    return Finding("ok", "private broker", f"{program}, in {directory}; started by the first FX.JoinCluster() | run")


def _broker() -> Iterator[Finding]:
    from zefnb.notebook.overview import on_loop

    try:
        from zefnb.cluster.broker_check import check
        from zefnb.cluster.broker_url import given_broker
        from zefnb.engine.runtime import default_runtime

        broker = given_broker(None)
        assert broker is not None
        broker.check()
        found = on_loop(default_runtime(), lambda: check(broker))
    except ImportError:
        return  # another finding names the missing package
    except ZefError as error:
        yield Finding("note", "ZEFNB_CLUSTER", str(error))
        return
    yield Finding("note" if found.problem else "ok", "ZEFNB_CLUSTER", found.problem or f"{broker}: {found.version}")
    for warning in found.warnings:
        yield Finding("note", "ZEFNB_CLUSTER", warning)
