"""A program: foreign code interrupts zefnb, publishes and runs queries, and nothing hangs or is lost.

`python -m tests.engine.reentering KIND SECONDS`; the kinds are below, `cold` starts before the engine is loaded.
"""

from __future__ import annotations

import faulthandler
import gc
import itertools
import logging
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from zefnb import ET, FX, DictDatabase, run

STRIKES, NUMBERS = ET.Topic("strikes"), ET.Topic("numbers")
heard: list[int] = []
counts = {"published": 0, "asked": 0}
inside = threading.local()


def publish(content: Any = "struck") -> None:
    counts["published"] += 1
    FX.Publish(target=STRIKES, content=content) | run


def ask() -> None:
    counts["asked"] += 1
    FX.QueryAllActiveHTTPServers() | run


def once(call: Callable[[], None]) -> None:
    """Make `call`, unless this call is itself caused by it."""
    if not getattr(inside, "it", False):
        inside.it = True
        try:
            call()
        finally:
            inside.it = False


def every(strike: Callable[[], None]) -> Callable[[], None]:
    """Let SIGALRM interrupt each millisecond; calling the result ends it."""
    signal.signal(signal.SIGALRM, lambda *_: strike())
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    return lambda: signal.setitimer(signal.ITIMER_REAL, 0)


def signals() -> Callable[[], Any]:
    return every(lambda: (publish(), counts["published"] % 10 or ask()))


def effects_that_take_time() -> Callable[[], Any]:
    """Set each timer when the previous handler has ended, since a handler can be interrupted itself."""
    db = FX.CreateDB(type=DictDatabase, initial_state={"n": 0}) | run

    def strike() -> None:
        timer = FX.StartTimer(target=STRIKES, content="tick", interval=0.01) | run
        FX.UpdateDB(db=db, update={"n": counts["asked"]}) | run
        db["n"] += 1
        ask()
        FX.StopTimer(timer=timer) | run
        publish()

    return every(lambda: once(strike))


class Publishes:
    def __del__(self) -> None:
        publish()


class Asks:
    def __del__(self) -> None:
        ask()


class Bare:
    pass


def collecting(litter: Callable[[], None]) -> Callable[[], Any]:
    """Two threads throw away cycles while the collector runs all the time."""
    gc.set_threshold(50, 5, 5)
    over = threading.Event()

    def throw_away() -> None:
        while not over.is_set():
            litter()
            time.sleep(0.0001)

    threads = [threading.Thread(target=throw_away) for _ in range(2)]
    for thread in threads:
        thread.start()

    def end() -> None:
        over.set()
        for thread in threads:
            thread.join()

    return end


def in_a_cycle(thing: Any) -> Any:
    thing.itself = thing
    return thing


def finalizers() -> Callable[[], Any]:
    def litter() -> None:
        in_a_cycle(Publishes())
        in_a_cycle(Asks())

    return collecting(litter)


def weak_references() -> Callable[[], Any]:
    references: list[Any] = []

    def litter() -> None:
        weakref.finalize(in_a_cycle(Bare()), publish)
        references.append(weakref.ref(in_a_cycle(Bare()), lambda _: ask()))
        del references[:-100]

    return collecting(litter)


class Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        publish(record.getMessage())
        if record.name != "zefnb":
            ask()


def log_records() -> Callable[[], Any]:
    logging.getLogger().addHandler(Handler())
    logging.getLogger().setLevel(logging.DEBUG)
    return every(lambda: once(lambda: logging.debug("struck")))


class Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        publish(record)  # cannot be sent
        return True


def unsendable_records() -> Callable[[], Any]:
    logging.getLogger("zefnb").addFilter(Filter())
    logging.getLogger("mine").addFilter(Filter())
    (
        FX.StartHTTPServer(
            routes={"/ws": ET.WebSocket(clients_subscribe_to=[STRIKES], clients_push_into_=[NUMBERS])}, port=0
        )
        | run
    )
    return every(lambda: once(lambda: logging.getLogger("mine").warning("struck")))


def audit_events() -> Callable[[], Any]:
    sys.addaudithook(lambda event, args: once(publish))
    return every(lambda: id(object()) and None)


def traced_lines() -> Callable[[], Any]:
    events = itertools.count()

    def trace(*_: Any) -> Any:
        if next(events) % 23 == 0:
            publish()
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    # In all threads, if Python can: one that is traced until the interpreter exits may die with a lock of `threading`.
    stop: Callable[[Any], None] = getattr(threading, "settrace_all_threads", sys.settrace)
    return lambda: stop(None)


def profiled_calls() -> Callable[[], Any]:
    events = itertools.count()

    def profile(*_: Any) -> None:
        if next(events) % 23 == 0:
            publish()

    threading.setprofile(profile)
    sys.setprofile(profile)
    stop: Callable[[Any], None] = getattr(threading, "setprofile_all_threads", sys.setprofile)
    return lambda: stop(None)


class Output:
    def write(self, text: str) -> int:
        once(publish)
        return len(text)

    def flush(self) -> None:
        once(ask)


def output() -> Callable[[], Any]:
    sys.stdout = Output()  # type: ignore[assignment]
    end = every(lambda: print("struck", flush=True))

    def put_back() -> None:
        end()
        sys.stdout = sys.__stdout__

    return put_back


def hooks() -> Callable[[], Any]:
    """Of exceptions: in a thread, and where none can be raised."""
    sys.unraisablehook = lambda _: (publish(), ask())
    threading.excepthook = lambda _: (publish(), ask())

    class Fails:
        def __del__(self) -> None:
            raise ValueError

    def litter() -> None:
        Fails()
        threading.Thread(target=int, args=("none",)).start()

    return collecting(litter)


KINDS = [
    signals,
    effects_that_take_time,
    finalizers,
    weak_references,
    log_records,
    unsendable_records,
    audit_events,
    traced_lines,
    profiled_calls,
    output,
    hooks,
]


def main(kind: str, seconds: float) -> None:
    faulthandler.dump_traceback_later(seconds + 95, exit=True)
    end = {each.__name__: each for each in KINDS}[kind]()
    FX.SubscribeFX(topic=NUMBERS, op=lambda number: heard.append(number) or []) | run
    over, number = time.monotonic() + seconds, 0
    while time.monotonic() < over or not counts["published"]:
        for _ in range(50):
            FX.Publish(target=NUMBERS, content=number) | run
            number += 1
        FX.QueryAllActiveHTTPServers() | run
    end()
    gc.collect()  # at the end of the process every finalizer that is left would fail, and say so at length
    while len(heard) < number:
        time.sleep(0.01)
    assert heard == list(range(number)), "lost, doubled or out of order"
    print(f"{kind}: {number:,} numbers, {counts}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
