"""The demo's cast: a few chat clients that connect, send messages and disconnect, each with its own WebSocket.

They are independent of zefnb: they use the asyncio client of `websockets`, on a separate loop in a separate thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from zefnb.cli.chat import Event, Line

# The name of a client, and the text that it sends; it connects first if necessary. `None`: it disconnects.
Cue = tuple[str, str | None]

SCRIPT: tuple[Cue, ...] = (
    ("Ada", "Good morning! The robin is back on the fence."),
    ("Bilal", "The one with the crooked tail?"),
    ("Ada", "The very one. It watched me plant beans."),
    ("Chiyo", "Mine only ever watches me drink tea."),
    ("Bilal", "Speaking of tea: soup on Sunday?"),
    ("Dunja", "I am, if there is bread."),
    ("Chiyo", "There will be bread. The dough is rising as we speak."),
    ("Ada", "I bring pumpkins. Far too many pumpkins."),
    ("Bilal", "No such thing. Ginger or nutmeg?"),
    ("Dunja", "Nutmeg!"),
    ("Chiyo", "Ginger."),
    ("Ada", "Two pots, then."),
    ("Dunja", None),
    ("Emeka", "Soup? Count me in."),
    ("Bilal", "Sunday, one o'clock, the long table under the pear tree."),
    ("Emeka", "I can bring a lantern and my uncle's accordion."),
    ("Chiyo", "And your uncle?"),
    ("Emeka", "He comes with the accordion, there is no way around it."),
    ("Ada", "Then we need a third pot."),
    ("Chiyo", None),
    ("Bilal", "And if it rains?"),
    ("Emeka", "Then we sit in the greenhouse and listen to it."),
    ("Ada", "The tomatoes would be glad of the company."),
    ("Dunja", "Back! I found my grandmother's recipe."),
    ("Bilal", "Ginger or nutmeg?"),
    ("Dunja", "Her answer is: both, but keep it a secret."),
    ("Emeka", "We shall be silent as the grave."),
    ("Ada", "The robin has brought a friend. It is getting crowded on that fence."),
    ("Bilal", "Perhaps they like bread."),
    ("Chiyo", "The first loaf is out of the oven. It crackles."),
    ("Ada", "I can nearly smell it from here."),
    ("Emeka", None),
    ("Dunja", "I had better go and look for the big pot."),
    ("Dunja", None),
    ("Bilal", "I'll sweep the long table."),
    ("Bilal", None),
    ("Chiyo", "And I'll put the kettle on."),
    ("Ada", "See you all on Sunday!"),
    ("Chiyo", None),
)

_CLOSING_TIMEOUT = 2.0


class Cast:
    """Plays `script` in a loop, one line every `interval` seconds, from `start()` to `stop()`.

    The clients connect to the `urls` in turn.
    """

    def __init__(self, urls: Sequence[str], interval: float, script: Sequence[Cue] = SCRIPT) -> None:
        self._urls = itertools.cycle(urls)
        self._interval = interval
        self._script = script
        self._on_stage: dict[str, ClientConnection] = {}
        self._listening: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._play_task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="demo-cast", daemon=True)

    def start(self) -> None:
        """Start the thread of the clients."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect the clients with close frames. Waits at most two seconds."""
        loop, task = self._loop, self._play_task
        if loop is not None and task is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop can have ended at this moment
                loop.call_soon_threadsafe(task.cancel)
        self._thread.join(_CLOSING_TIMEOUT)

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._play())

    async def _play(self) -> None:
        self._loop, self._play_task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            for name, text in itertools.cycle(self._script):
                # The script continues when the server stops, or when it closes a client.
                with contextlib.suppress(OSError, ConnectionClosed):
                    await self._cue(name, text)
                await asyncio.sleep(self._interval)
        finally:
            for name in list(self._on_stage):
                await self._leave(name)

    async def _cue(self, name: str, text: str | None) -> None:
        if text is None:
            await self._leave(name)
            return
        if name not in self._on_stage:
            await self._enter(name)
            await asyncio.sleep(self._interval / 2)
        await self._on_stage[name].send(Line(name, text).encoded())

    async def _enter(self, name: str) -> None:
        connection = await connect(next(self._urls), proxy=None, compression=None)
        self._on_stage[name] = connection
        listening = asyncio.create_task(self._listen(name, connection))
        self._listening.add(listening)
        listening.add_done_callback(self._listening.discard)
        await connection.send(_event(name, "joined"))

    async def _listen(self, name: str, connection: ClientConnection) -> None:
        """Read and ignore all messages: a client that does not read is closed as slow."""
        with contextlib.suppress(ConnectionClosed):
            async for _ in connection:
                pass
        if self._on_stage.get(name) is connection:
            del self._on_stage[name]

    async def _leave(self, name: str) -> None:
        connection = self._on_stage.pop(name, None)
        if connection is None:
            return
        with contextlib.suppress(OSError, ConnectionClosed):
            await connection.send(_event(name, "left"))
            await connection.close()


def _event(name: str, event: Event) -> str:
    return Line(name, "", event).encoded()
