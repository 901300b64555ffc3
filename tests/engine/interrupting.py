"""A program: threads that put calls into a call queue are interrupted, 200 times, wherever they happen to be."""

from __future__ import annotations

import ctypes
import threading

from tests.conftest import wait_until
from zefnb.engine.runtime import Runtime


def put_until_interrupted(runtime: Runtime, inside: threading.Event) -> None:
    try:
        inside.set()
        while True:
            if runtime.call_queue.waiting < 1_000:
                runtime.call_queue.put(int)
    except KeyboardInterrupt:
        pass


def interrupt(thread: threading.Thread) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt))


def main() -> None:
    runtime, made = Runtime(), []
    for n in range(200):
        inside = threading.Event()
        thread = threading.Thread(target=put_until_interrupted, args=(runtime, inside))
        thread.start()
        assert inside.wait(20)
        interrupt(thread)
        thread.join(20)
        assert not thread.is_alive()
        runtime.call_queue.put(made.append, n)
    wait_until(lambda: len(made) == 200, within=20)
    assert made == list(range(200))
    runtime.close()


if __name__ == "__main__":
    main()
