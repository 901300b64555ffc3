"""A rehearsal of a recording that is made by hand, in memory or in a file, so that only the rehearsal is measured."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from zefnb import ET, FX, String, generate_uid, run
from zefnb import Any as Anything
from zefnb.recording.memory_tape import MemoryTape
from zefnb.recording.recording import Recording
from zefnb.recording.source import CONNECTED, MESSAGE, Source

CONNECTIONS = 100


def on_connect(message: Any, state: Any) -> Any:
    return [[FX.Publish(target=message.topic_out, content="welcome")], ET.Guest(out=message.topic_out, n=0)]


def on_text(text: Any, state: Any) -> Any:
    return [[FX.Publish(target=state.out, content=f"{state.n}: {text}")], ET.Guest(out=state.out, n=state.n + 1)]


def on_text_louder(text: Any, state: Any) -> Any:
    return [[FX.Publish(target=state.out, content=f"{state.n}: {text}!")], ET.Guest(out=state.out, n=state.n + 1)]


def _actor(handler: Any) -> Any:
    rules = {(ET.WSClientConnected, Anything): on_connect, (String, ET.Guest): handler}
    return FX.StartActor(initial_state=ET.New(), rules=rules)


def _recorded(messages: int) -> Recording:
    """Return the recording of clients that talk in turn, with the results of `on_text`."""
    tape, states, sources = MemoryTape(messages), [], []
    for client in range(CONNECTIONS):
        source = tape.new_source(Source(0, None, client, "/ws", None, True, ET.New()))
        sources.append(source)
        topics = {"topic_in": ET.Topic(generate_uid()), "topic_out": ET.Topic(generate_uid())}
        connected = ET.WSClientConnected(path="/ws", channel_id=client, **topics)
        effects, state = on_connect(connected, None)
        states.append(state)
        tape.add_result(
            source, tape.add(time.time_ns(), CONNECTED, source, connected), None, tuple(effects), state, None
        )
    for number in range(messages - CONNECTIONS):
        client = number % CONNECTIONS
        text, source = f"message {number}", sources[client]
        effects, states[client] = on_text(text, states[client])
        row = tape.add(time.time_ns(), MESSAGE, source, text)
        tape.add_result(source, row, None, tuple(effects), states[client], None)
    return Recording(tape, "clients made by hand")


def rehearse(messages: int, changed: bool, stored: bool) -> dict[str, float]:
    """Return the duration, the processor time and the number of differences."""
    recording, actor = _recorded(messages), _actor(on_text_louder if changed else on_text)
    with tempfile.TemporaryDirectory() as folder:
        if stored:
            path = str(Path(folder, "recording"))
            FX.SaveRecording(recording=recording, path=path) | run
            recording = FX.LoadRecording(path=path) | run
        return _timed(recording, actor)


def _timed(recording: Recording, actor: Any) -> dict[str, float]:
    begin, cpu = time.monotonic(), time.process_time()
    found = FX.Rehearse(recording=recording, actor=actor) | run
    return {
        "seconds": time.monotonic() - begin,
        "cpu": time.process_time() - cpu,
        "differences": len(found),
    }
