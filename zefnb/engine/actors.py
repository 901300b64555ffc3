"""The running actors."""

from __future__ import annotations

from zefnb.engine.actor import Actor
from zefnb.engine.registry import Registry


class Actors(Registry[Actor]):
    """The running actors: a service of the runtime."""

    listed_by = "FX.ListActors()"
