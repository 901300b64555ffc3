"""Effects on topics: publish, subscribe, map, delete, and who is bound to what."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence, Sized
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import FX, Effect, effect
from zefnb.core.entity import ET, Subscription, Success, Topic
from zefnb.core.rows import Rows
from zefnb.core.uid import generate_uid

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@functools.cache
def _publishing() -> tuple[Success, Any, Any, Any, Any, Any]:
    """What publishing needs, looked up once and not with each message: accepting takes 1.4 us, not 2.6."""
    from zefnb.engine.start import import_in_own_thread

    return import_in_own_thread(_imported)


def _imported() -> tuple[Any, Any, Any, Any, Any, Any]:
    from zefnb.core.lasting import PLAIN
    from zefnb.core.snapshot import snapshot
    from zefnb.engine.perform import SUCCESS
    from zefnb.engine.runtime import current_owner
    from zefnb.topics.hub import Hub, topic_key

    return SUCCESS, Hub, topic_key, snapshot, PLAIN, current_owner


def _accept_publish(runtime: Runtime, effect: Any) -> Any:
    """Publishing from another thread: taken into the queue, in order, without a round trip."""
    success, hub, topic_key, snapshot, plain, current_owner = _publishing()
    # The target is a topic, or the effect could not have been built; whether it has a name is left to be asked.
    key = effect.target._uid or topic_key(effect.target)
    content = effect.content
    try:
        copy = content if type(content) in plain else snapshot(content)
    except RecursionError:
        raise _too_deep() from None
    owner = current_owner.get()
    cause = None if owner is None else owner.cause
    runtime.call_queue.put(runtime.service(hub).publish_snapshot, key, copy, cause)
    return success


def _too_deep() -> Exception:
    from zefnb.core.snapshot import too_deep

    return too_deep("FX.Publish", "content")


@effect("Publish", accept=_accept_publish)
def publish(runtime: Runtime, *, target: Topic, content: Any) -> Success:
    """Hand `content` to every subscriber of `target`, in order.

    Each subscriber sees the same messages in the same order, and each publisher's keep theirs. From
    another thread it returns when the message is accepted. Sockets get text as a text frame, bytes as a
    binary one, and dicts, lists, numbers, bools, None and entities as JSON text; what cannot be sent is a
    fault in the journal. Returns `ET.Success()`, also when nobody listens.

    >>> from zefnb import *
    >>> FX.Publish(target=ET.Topic('news'), content='breaking news!') | run
    ET.Success()
    """
    success, hub, topic_key, _, _, current_owner = _publishing()
    topic_key(target)
    owner = current_owner.get()
    runtime.service(hub).publish(target, content, None if owner is None else owner.cause)
    return success


@effect("SubscribeFX", keyed="subscription")
def subscribe_fx(runtime: Runtime, *, topic: Topic, op: Callable[..., Any]) -> Success:
    """Call `op` with each message of `topic`, and perform the effect, or list of effects, that it returns.

    A chain of library ops runs on the loop; a user's function runs in a handler thread and may block.
    A message that causes itself, by what `op` publishes or maps, also over other topics and through actors, is
    dropped when it has come back 1,000 times within a minute, and named in the journal.
    A subscription made by an actor ends with that actor, others with `FX.Unsubscribe`. Returns
    `ET.Success(subscription_count=..., subscription=...)`.

    >>> from zefnb import *
    >>> done = FX.SubscribeFX(topic=ET.Topic('in'), op=insert_into(FX.Publish(target=ET.Topic('out')), 'content')) | run
    >>> FX.Unsubscribe(subscription=done.subscription) | run
    ET.Success()
    """
    from zefnb.engine.behaviour import effects_in

    return _bind(runtime, topic, op, effects_in, "subscription")


@effect("MapTopic", keyed="subscription")
def map_topic(runtime: Runtime, *, source: Topic, target: Topic, op: Callable[..., Any]) -> Success:
    """Publish to `target` what `op` makes of each message of `source`, in order. Returns as `FX.SubscribeFX`.

    >>> from zefnb import *
    >>> done = FX.MapTopic(source=ET.Topic('raw'), target=ET.Topic('loud'), op=to_upper_case) | run
    >>> FX.Unsubscribe(subscription=done.subscription) | run
    ET.Success()
    """

    def effects(value: Any) -> Sequence[Effect]:
        return (FX.Publish(target=target, content=value),)

    return _bind(runtime, source, op, effects, "map", target)


def _bind(
    runtime: Runtime,
    topic: Topic,
    op: Any,
    effects: Callable[[Any], Sequence[Effect]],
    kind: str,
    target: Topic | None = None,
) -> Success:
    from zefnb.engine.runtime import current_owner
    from zefnb.topics.hub import Hub
    from zefnb.topics.subscriptions import Subscriptions

    subscriptions = runtime.service(Subscriptions)
    if (previous := subscriptions.previous()) is not None:
        subscriptions.end(previous.handle)
        runtime.cells.replaced(f"the subscription to {topic!r} that this cell made before")
    handle = ET.Subscription(generate_uid())
    count = subscriptions.start(runtime.service(Hub), handle, topic, op, effects, kind, current_owner.get(), target)
    runtime.cells.record(handle)
    return Success(subscription_count=count, subscription=handle)


@effect("Unsubscribe")
def unsubscribe(runtime: Runtime, *, subscription: Subscription) -> Success:
    """End what `FX.SubscribeFX` or `FX.MapTopic` began; what was published before is still handled.

    Raises `NotRunning` when it has ended before.

    >>> from zefnb import *
    >>> done = FX.SubscribeFX(topic=ET.Topic('in'), op=log) | run
    >>> FX.Unsubscribe(subscription=done.subscription) | run
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.topics.subscriptions import Subscriptions

    runtime.service(Subscriptions).end(subscription)
    return SUCCESS


@effect("DeleteTopic")
def delete_topic(runtime: Runtime, *, topic: Topic) -> Success:
    """End every subscription of `topic`: ops, actors and sockets get nothing of it any more.

    Publishing to it stays allowed, and reaches whoever subscribes afterwards.

    >>> from zefnb import *
    >>> FX.DeleteTopic(topic=ET.Topic('old')) | run
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.topics.hub import Hub
    from zefnb.topics.subscriptions import Subscriptions

    hub = runtime.service(Hub)
    subscriptions = runtime.service(Subscriptions)
    for removed in hub.delete(topic):
        subscriptions.discard(removed)
        clear = getattr(removed, "topic_deleted", None)
        if clear is not None:
            clear()
    return SUCCESS


@effect("StreamGraphSnapshot")
def stream_graph_snapshot(runtime: Runtime) -> Rows:
    """Who is subscribed to what: a list of dicts with `kind`, `source` (a topic) and `target`.

    Kinds are websocket, actor, subscription, map, client and timer; `count` tells how many sockets.

    >>> from zefnb import *
    >>> isinstance(FX.StreamGraphSnapshot() | run, list)
    True
    """
    from zefnb.topics.hub import Hub
    from zefnb.topics.subscriptions import Subscriptions
    from zefnb.topics.timer import Timers

    subscriptions = runtime.service(Subscriptions)
    bindings: list[dict[str, Any]] = []
    for topic, subscriber, kind in runtime.service(Hub).bindings():
        target = subscriptions.target_of(subscriber) or getattr(subscriber, "handle", None) or repr(subscriber)
        binding = {"kind": kind, "source": topic, "target": target}
        if isinstance(subscriber, Sized):
            binding["count"] = len(subscriber)
        bindings.append(binding)
    for timer in runtime.service(Timers):
        bindings.append({"kind": "timer", "source": timer.handle, "target": timer.target})
    return Rows("bindings", bindings)
