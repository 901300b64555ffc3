"""An actor in a test, and the messages that it receives."""

from __future__ import annotations

from zefnb import FX, run


class Room:
    """An actor and its messages: `say` publishes to its input, `state` returns its state."""

    def __init__(self, **fields):
        self.handle = FX.StartActor(**{"initial_state": 0, **fields}) | run

    def say(self, *messages):
        for message in messages:
            FX.Publish(target=self.handle.input, content=message) | run

    @property
    def state(self):
        return (FX.QueryActorState(actor=self.handle) | run)[self.handle]

    @property
    def log(self):
        return FX.QueryLog(actor=self.handle) | run
