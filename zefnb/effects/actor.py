"""Effects on actors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import effect
from zefnb.core.entity import ET, Actor, Success, Topic
from zefnb.core.op import as_chain
from zefnb.core.uid import generate_uid
from zefnb.errors import FieldError, InvalidEffect

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@effect("StartActor", keyed="actor")
def start_actor(
    runtime: Runtime,
    *,
    initial_state: Any,
    input: Topic | Sequence[Topic] | None = None,
    rules: Mapping[Any, Any] | Sequence[Any] | None = None,
    handler: Callable[..., Any] | None = None,
    input_transform: Callable[..., Any] | None = None,
    logging: bool = False,
) -> Actor:
    """Start an actor, which handles the messages of its input topics one at a time.

    A handler is a function of `(message, state)`, or of one argument that is this pair. It returns `[list of effects,
    next state]`. Give either `rules` or `handler`.

    In a route, `ET.WebSocket(actor=FX.StartActor(...))` starts one actor for each connection, without `input`. Running
    the cell again replaces the actor.

    Args:
        initial_state: Any value; the actor has its own copy. See docs/shared.md for values that are shared.
        input: A topic, or a list of topics. Default: a new topic.
        rules: A dict, or a list of pairs, from `(message pattern, state pattern)` to a handler. The first match is
            used.
        handler: One handler for all messages.
        input_transform: A function or chain of ops that is applied to each message before a handler is chosen.
        logging: Whether each message is written to the journal (default false).

    Returns:
        `ET.Actor('🍃-…', input=topic)`.

    Raises:
        InvalidEffect: The rules or the handler are not valid (the error lists every mistake), a topic has no name, or
            the state is nested too deeply.

    >>> from zefnb import *
    >>> actor = FX.StartActor(initial_state=0, handler=lambda msg, n: [[], n + msg]) | run
    >>> FX.Publish(target=actor.input, content=5) | run
    ET.Success()
    >>> FX.StopActor(actor=actor) | run
    ET.Success()
    """
    from zefnb.core.snapshot import snapshot
    from zefnb.engine.actor import Actor as Running
    from zefnb.engine.actors import Actors
    from zefnb.engine.behaviour import compile_behaviour
    from zefnb.topics.hub import Hub, topic_key

    behaviour = compile_behaviour(runtime.journal, rules=rules, handler=handler, input_transform=input_transform)
    try:
        state = snapshot(initial_state)
    except RecursionError:
        problem = FieldError("initial_state", "it is nested too deeply", "a flatter value, or a DictDatabase")
        raise InvalidEffect("FX.StartActor", [problem]) from None
    source, sources = _sources(input)
    for topic in sources:
        topic_key(topic, "input")
    actors, hub = runtime.service(Actors), runtime.service(Hub)
    if (previous := actors.previous()) is not None:
        previous.end()
        runtime.cells.replaced("the actor that this cell started before")
    handle = Actor(generate_uid(), input=source)
    actor = Running(runtime, behaviour, state, handle)
    actor.logs = logging

    def ended() -> None:
        for topic in sources:
            hub.unsubscribe(topic, actor)
        actors.forget(handle)

    actor.on_end = ended
    actors.add(actor)
    for topic in sources:
        hub.subscribe(topic, actor, "actor")
    runtime.cells.record(handle)
    return handle


def _sources(given: Topic | Sequence[Topic] | None) -> tuple[Topic | list[Topic], list[Topic]]:
    """Return the `input` of the handle, and the topics to subscribe to, each once, in the given order."""
    if given is None:
        fresh: Topic = ET.Topic(generate_uid())
        return fresh, [fresh]
    if isinstance(given, Topic):
        return given, [given]
    topics = list(dict.fromkeys(given))
    if not topics:
        raise InvalidEffect("FX.StartActor", [FieldError("input", "got no topic", "a topic, or a list of topics")])
    return topics, topics


@effect("StopActor")
def stop_actor(runtime: Runtime, *, actor: Actor) -> Success:
    """Stop an actor, and end everything that it has started. Stopping it again has no effect.

    The actor of a connection closes its connection with code 1000.

    Args:
        actor: The handle of the actor.

    Returns:
        `ET.Success()`.

    Source:
        RFC 6455, section 7.4.1, for the close code.

    >>> from zefnb import *
    >>> actor = FX.StartActor(initial_state=0, handler=lambda msg, n: [[], n + msg]) | run
    >>> FX.StopActor(actor=actor) | run
    ET.Success()
    """
    from zefnb.engine.actors import Actors
    from zefnb.engine.perform import SUCCESS

    running = runtime.service(Actors).find(actor)
    if running is not None:
        running.end()
    return SUCCESS


@effect("ListActors")
def list_actors(runtime: Runtime) -> list[Actor]:
    """List all running actors, including those of connections.

    Returns:
        A list of handles.

    >>> from zefnb import *
    >>> isinstance(FX.ListActors() | run, list)
    True
    """
    from zefnb.engine.actors import Actors

    return runtime.service(Actors).handles()


@effect("QueryActorState")
def query_actor_state(
    runtime: Runtime,
    *,
    actor: Actor | None = None,
    actors: Sequence[Actor] | None = None,
    transform: Callable[..., Any] | None = None,
) -> dict[Actor, Any] | Awaitable[dict[Actor, Any]]:
    """Read the state of one actor, of several, or of all.

    Args:
        actor: The handle of one actor.
        actors: A list of handles. Default, if `actor` is not given either: all running actors.
        transform: A function or chain of ops that is applied to each state. A chain of library ops runs on the event
            loop, a user's function in a handler thread.

    Returns:
        A dict from handle to a copy of the state.

    Raises:
        InvalidEffect: Both `actor` and `actors` are given.
        InvalidValue: A state is nested too deeply.
        NotRunning: An actor has stopped, or belongs to another process.

    >>> from zefnb import *
    >>> actor = FX.StartActor(initial_state=3, handler=lambda msg, n: [[], n]) | run
    >>> (FX.QueryActorState(actor=actor) | run)[actor]
    3
    >>> FX.StopActor(actor=actor) | run
    ET.Success()
    """
    from zefnb.core.snapshot import snapshot, too_deep
    from zefnb.engine.actors import Actors
    from zefnb.engine.context import call_context

    if actor is not None and actors is not None:
        raise InvalidEffect(
            "FX.QueryActorState", [FieldError("actors", "got both `actor` and `actors`", "one of the two")]
        )
    table = runtime.service(Actors)
    wanted = [actor] if actor is not None else list(actors) if actors is not None else table.handles()
    try:
        states = {handle: snapshot(table.get(handle).state) for handle in wanted}
    except RecursionError:
        raise too_deep("FX.QueryActorState", "state") from None
    if transform is None:
        return states
    chain = as_chain(transform)

    def transformed() -> dict[Any, Any]:
        return {handle: chain(state) for handle, state in states.items()}

    return transformed() if chain.inline else runtime.handler_threads.call(call_context().run, transformed)
