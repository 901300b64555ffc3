"""A topic that is listened to."""

from __future__ import annotations

import pytest

from zefnb import ET, FX, generate_uid, run, zef_function


@pytest.fixture
def outbox():
    """A topic, and a list of the messages published to it."""
    topic, heard = ET.Topic(generate_uid()), []

    @zef_function(inline=True)
    def listen(msg, state):
        heard.append(msg)
        return [[], state]

    FX.StartActor(input=topic, initial_state=None, handler=listen) | run
    topic_and_heard = (topic, heard)
    return topic_and_heard
