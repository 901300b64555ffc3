"""What a rehearsal cannot guard: threads that a handler starts. `docs/limits.md` has this."""

from __future__ import annotations

import threading

from tests.rehearsal.made import recorded
from zefnb import ET, FX, run


def test_a_thread_of_a_handler_is_not_part_of_a_rehearsal(clean, until):
    received = []
    FX.SubscribeFX(topic=ET.Topic("threads"), op=received.append) | run

    def publish():
        FX.Publish(target=ET.Topic("threads"), content="from a thread") | run

    def starts_a_thread(text, state):
        if text == "start":
            thread = threading.Thread(target=publish)
            thread.start()
            thread.join()
        return [[FX.Publish(target=ET.Topic("threads"), content="returned")], state]

    def before(text, state):
        return [[FX.Publish(target=ET.Topic("threads"), content="returned")], state]

    tape = recorded(FX.StartActor(initial_state=0, handler=before), [(1, "start")])
    found = FX.Rehearse(recording=tape, actor=FX.StartActor(initial_state=0, handler=starts_a_thread)) | run
    assert len(found) == 0
    until(lambda: received == ["from a thread"])
