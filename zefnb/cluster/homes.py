"""Homes: the nodes that have made topics with a uid. They travel with the handles in messages and in databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zefnb.cluster.nodes import Nodes
from zefnb.cluster.sharing import SharedState, Sharing
from zefnb.core.codec.scan import Undecodable
from zefnb.core.uid import is_uid
from zefnb.engine.runtime import Runtime
from zefnb.engine.waker import thread_waker
from zefnb.errors import NotRunning
from zefnb.topics.hub import Hub


class OwnIncarnations(set[str]):
    """The incarnations of this process, one for each join: a service of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()


class Homes:
    """The homes that this node has read, by the incarnations of their nodes."""

    def __init__(self, runtime: Runtime, incarnation: str, sharing: Sharing, nodes: Nodes) -> None:
        self._runtime = runtime
        self._hub = runtime.service(Hub)
        self._incarnation = incarnation
        self._own = runtime.service(OwnIncarnations)
        self._own.add(incarnation)
        self._sharing = sharing
        self._nodes = nodes

    def of(self, uids: Iterable[str]) -> dict[str, str]:
        """Return the home of each uid among these names and uids of topics. In any thread."""
        known = self._sharing.homes
        return {uid: known.get(uid, self._incarnation) for uid in uids if is_uid(uid)}

    def check(self, key: str) -> None:
        """Raise `NotRunning` if the node that has made this topic has left."""
        home = self._sharing.homes.get(key)
        if home is None or self._nodes.is_joined(home):
            return
        node = self._nodes.get(home)
        made = f"the node {home}" if node is None else f"the node {node.name}"
        left = "before this process joined" if node is None else f"at {node.left}"
        raise NotRunning(f"ET.Topic({key!r}) was made by {made}, which left the cluster {left}")

    def new(self, homes: Any) -> dict[str, str]:
        """Return those of the homes, which may come from anyone, that are to be added. In any thread.

        Raises `Undecodable` if they are not homes.
        """
        if type(homes) is not dict:
            raise Undecodable("the homes of its handles are not valid")
        return {
            uid: home
            for uid, home in homes.items()
            if type(uid) is str and type(home) is str and is_uid(uid) and self._is_new(uid, home)
        }

    def _is_new(self, uid: str, home: str) -> bool:
        if home in self._own or uid in self._sharing.names:
            return False
        state = self._hub.state(uid)
        if state is not None and not isinstance(state, SharedState):
            return False  # it is a topic of this process, whatever another one takes for its home
        known = self._sharing.homes.get(uid)  # its node may have come back, as a new one
        return known is None or (known != home and not self._nodes.is_joined(known))

    def add(self, homes: Any) -> None:
        """Remember the homes of handles. Raises `Undecodable` if they are not homes."""
        for uid, home in self.new(homes).items():
            self._sharing.add_home(uid, home)

    def unknown(self, homes: Mapping[str, str]) -> list[str]:
        """Return the nodes among these homes that this node has not read about. In any thread."""
        return [home for home in set(homes.values()) if self._nodes.get(home) is None]

    def add_from_thread(self, homes: dict[str, str], joined: Mapping[str, Any]) -> None:
        """As `add`, in any thread but the loop's. `joined`: names of nodes that may not be in the log yet as read."""
        is_done = False
        waker = thread_waker()

        def add() -> None:
            nonlocal is_done
            try:
                for incarnation, name in joined.items():
                    if self._nodes.get(incarnation) is None:
                        self._nodes.joined(incarnation, name)
                self.add(homes)
            finally:
                is_done = True
                waker.wake()

        self._runtime.call_queue.put(add)
        self._runtime.wait(lambda: is_done)
