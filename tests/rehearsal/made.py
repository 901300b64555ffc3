"""Recordings that are made by hand: the messages of connections, and the results that given rules return for them."""

from __future__ import annotations

from zefnb import ET, FX, Time, generate_uid
from zefnb.engine.behaviour import compile_behaviour
from zefnb.engine.journal import Journal
from zefnb.recording import recording
from zefnb.recording.outcome import Connection, Outcome, Step
from zefnb.recording.row import Row
from zefnb.recording.source import KINDS, Source


class Recording(recording.Recording):
    """A recording of lists."""

    def __init__(self):
        self.rows, self.outcomes, self.tracks = [], {}, {}

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]

    def entries(self):
        sources = {}
        for time, kind, topic, channel_id, path, user, content in self.rows:
            key = topic, channel_id, path
            source = sources.setdefault(key, Source(len(sources), topic, channel_id, path, user))
            yield time.ns, KINDS.index(kind), source, content

    def outcome(self, index):
        return self.outcomes.get(index)

    def connections(self):
        return [connection for connection, _ in self.tracks.values()]

    def steps(self, connection):
        return iter(self.tracks[connection][1])

    def results(self, connection):
        return ((step.row, step.message, step.outcome) for step in self.steps(connection))


def connected(channel_id, path="/ws", **fields):
    topics = {"topic_in": ET.Topic(generate_uid()), "topic_out": ET.Topic(generate_uid())}
    return ET.WSClientConnected(path=path, channel_id=channel_id, **{**topics, **fields})


def recorded(actor, talk, *, path="/ws", has_outcomes=True):
    """Return the recording of `talk`, pairs of a channel id and a message, with the results of `actor`."""
    tape, states = Recording(), {}
    behaviour = compile_behaviour(Journal(), **actor.__dict__)
    for number, (channel_id, message) in enumerate(begun_and_ended(talk, path)):
        kind = {ET.WSClientConnected: "connected", ET.WSClientDisconnected: "disconnected"}.get(
            type(message), "message"
        )
        topic = None if has_outcomes else ET.Topic("room")
        tape.rows.append(Row(Time(1_790_000_000 + number), kind, topic, channel_id, path, None, message))
        if not has_outcomes:
            continue
        state = states.get(channel_id, actor.initial_state)
        outcome = result(behaviour, message, state)
        tape.outcomes[number], states[channel_id] = outcome, outcome.state
        if channel_id not in tape.tracks:
            tape.tracks[channel_id] = (Connection(channel_id, channel_id, path, None, actor.initial_state), [])
        tape.tracks[channel_id][1].append(Step(channel_id, number, message, outcome))
    return tape


def result(behaviour, message, state):
    try:
        message = behaviour.transform(message) if behaviour.transform else message
        handler = behaviour.find(message, state)
        if handler is None:
            return Outcome((), state, None)
        effects, after = behaviour.read(handler.invoke(message, state, None), state)
    except Exception as error:
        return Outcome((), state, f"{type(error).__name__}: {error}")
    return Outcome(tuple(effects), after, None)


def begun_and_ended(talk, path):
    begun = set()
    for channel_id, message in talk:
        if channel_id not in begun:
            begun.add(channel_id)
            yield channel_id, connected(channel_id, path)
        yield channel_id, message
    for channel_id in sorted(begun):
        yield channel_id, ET.WSClientDisconnected(path=path, channel_id=channel_id, close_code=1000)


def started(**fields):
    return FX.StartActor(**{"initial_state": ET.New(), **fields})
