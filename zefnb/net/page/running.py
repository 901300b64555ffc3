"""A running page: it sends the state to each client, changes to all, and publishes input that has been checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from websockets.frames import CloseCode

from zefnb.core.entity import ET, Entity
from zefnb.core.json_text import NotJSON, from_json_text
from zefnb.core.uid import generate_uid
from zefnb.core.wire import encode_content
from zefnb.engine.runtime import Runtime
from zefnb.net.page.feeds import Feed, Feeds, Votes
from zefnb.net.page.part import Part, Rejected
from zefnb.net.page.visitors import Visitors
from zefnb.net.ports import Topics
from zefnb.net.websocket.fanout import Fanout
from zefnb.net.websocket.frames import build
from zefnb.net.websocket.outbox import Outbox
from zefnb.net.websocket.page_port import Client

# Tokens that a page may have: its document's, and one in the storage of the browser.
_MOST_TOKENS = 2
# The fields of messages that are not input.
_OF_PAGES = {"visitor", "state"}
# Characters of the random number of an input.
_LONGEST_NUMBER = 40
# Seconds between two messages with changes.
_INTERVAL = 0.1


class RunningPage:
    """The state and the connections of a page at one path of a server. Used on the loop only."""

    def __init__(
        self, runtime: Runtime, topics: Topics, server: Entity, path: str, parts: tuple[Part, ...], version: str
    ) -> None:
        self._runtime = runtime
        self._topics = topics
        self._server, self._path = server, path
        self._parts = parts
        self._version = version
        self._shared = runtime.service(Feeds)
        self._visitors = runtime.service(Visitors)
        self._fanout = Fanout(runtime, runtime.service(Outbox), ET.Topic(generate_uid()), "null")
        # The visitor of each client, once it is known.
        self._connected: dict[Client, str | None] = {}
        # Changes since the last message: new items, or `None` when the state is sent as a whole.
        self._changes: dict[int, list[Any] | None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._snapshot: bytes | None = None
        self._is_open = True
        self._feeds: dict[int, Feed] = {}
        self._votes: dict[int, Votes] = {}
        self._watchers: dict[int, Any] = {}
        for number, part in enumerate(parts):
            if part.make_state is not None:
                self._feeds[number] = feed = self._shared.acquire(topics, part)
                self._watchers[number] = watcher = partial(self._changed, number, feed)
                feed.watchers[watcher] = None
            if part.once:
                self._votes[number] = self._shared.acquire_votes(part)

    def release(self) -> None:
        """Keep the state no longer: no page connects any more."""
        if not self._is_open:
            return
        self._is_open = False
        for number, part in enumerate(self._parts):
            if number in self._feeds:
                self._feeds[number].watchers.pop(self._watchers[number], None)
                self._shared.release(self._topics, part)
            if part.once:
                self._shared.release_votes(part)
        if self._timer is not None:
            self._timer.cancel()

    def reload(self) -> None:
        """Let open pages load what is served now."""
        for client in self._connected:
            client.deliver({"version": ""})

    # The state

    def open(self, client: Client) -> None:
        """Send the state to a page that has connected, and changes from now on."""
        self._flush()
        client.pushes = any(part.push_into for part in self._parts)
        self._connected[client] = _user_key(client)
        self._send_state(client)
        self._send_own(client)
        self._fanout.add(client)

    def receiver(self, client: Client) -> Callable[[Any], None]:
        """The function that receives the messages of a client."""
        return partial(self._receive, client)

    def _send_state(self, client: Client) -> None:
        if self._snapshot is None:
            state = {number: feed.state.snapshot() for number, feed in self._feeds.items()}
            self._snapshot = build(*encode_content({"version": self._version, "state": state}, "null"))
        client.send_raw(self._snapshot, 1)

    def closed(self, client: Client) -> None:
        """Forget a page that has disconnected."""
        self._connected.pop(client, None)
        self._fanout.discard(client)

    def _changed(self, number: int, feed: Feed, item: Any) -> None:
        self._snapshot = None
        if not self._connected:
            return
        if feed.state.appends:
            items = self._changes.setdefault(number, [])
            assert items is not None
            items.append(item)
            if len(items) > 2 * (last := self._parts[number].options["last"]):
                del items[:-last]
        else:
            self._changes[number] = None
        if self._timer is None:
            self._timer = self._runtime.loop.call_later(_INTERVAL, self._flush)

    def _flush(self) -> None:
        """Send the changes to all pages, in one message."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        changes, self._changes = self._changes, {}
        if not changes:
            return
        update = {
            number: items[-self._parts[number].options["last"] :]
            if items is not None
            else self._feeds[number].state.snapshot()
            for number, items in changes.items()
        }
        self._fanout.deliver({"update": update})

    def _send_own(self, client: Client, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Send a page the name of its user, and the choices of its visitor."""
        visitor, user = self._connected[client], _user_of(client)
        choices = {number: votes.of(visitor) for number, votes in self._votes.items()} if visitor else {}
        name = None if user is None else str(user.get("name") or user.get("id"))
        if choices or name is not None:
            client.deliver({"own": {"choices": choices, "name": name, **more}})

    # Input

    def _receive(self, client: Client, message: Any) -> None:
        try:
            given = from_json_text(message) if isinstance(message, str) else None
        except NotJSON:
            given = None
        if not isinstance(given, dict):
            self._reject(client, "this is not a message of the page")
            return
        self._recognize(client, given.get("visitor"))
        if given.get("state") is True:  # the page has missed messages
            self._flush()
            self._send_state(client)
            self._send_own(client)
        if not given or given.keys() - _OF_PAGES:
            self._receive_input(client, given)

    def _recognize(self, client: Client, tokens: Any) -> None:
        """Find the visitor of a connection without a login, by the first valid one of its tokens.

        A later message may have another token first: the browser has stored that of another frame.
        """
        if _user_of(client) is not None or not isinstance(tokens, list):
            return
        token = next(filter(self._visitors.is_valid, tokens[:_MOST_TOKENS]), None)
        if token is not None and token != self._connected.get(client):
            self._connected[client] = token
            self._send_own(client, {"visitor": token})

    def _receive_input(self, client: Client, given: dict[str, Any]) -> None:
        number, index = given.get("number"), given.get("part")
        if not isinstance(number, str) or len(number) > _LONGEST_NUMBER or "value" not in given:
            self._reject(client, "this is not input of the page")
            return
        reply = self._shared.reply(number)
        if reply is None:
            try:
                self._publish(client, index, given["value"])
                reply = {"done": number}
            except Rejected as error:
                reply = {"refused": number, "problems": error.problems}
            self._shared.keep_reply(number, reply)
        client.deliver(reply)

    def _publish(self, client: Client, index: Any, value: Any) -> None:
        """Publish input after all checks. Raises `Rejected`."""
        is_part = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(self._parts)
        part = self._parts[index] if is_part else None
        if part is None or part.check is None or not part.push_into:
            raise Rejected({"": "this part accepts no input"})
        content = part.check(value, _user_of(client))
        if part.once:
            self._count(client, self._votes[index], content)
        for topic in part.push_into:
            self._topics.publish(topic, content)

    def _count(self, client: Client, votes: Votes, content: str) -> None:
        visitor = self._connected.get(client)
        if visitor is None:
            raise Rejected({"": "Please load the page again."})
        if votes.of(visitor) is not None:
            self._send_own(client)
            raise Rejected({"": "You have chosen before."})
        if not votes.add(visitor, content):
            raise Rejected({"": "Too many have chosen."})
        for other, its_visitor in self._connected.items():
            if its_visitor == visitor:
                self._send_own(other)

    def _reject(self, client: Client, reason: str) -> None:
        text = f"client {client.channel_id} of the page {self._path} closed with 1008: {reason}"
        key = ("rejected", self._server, self._path)
        self._runtime.journal.note("warning", text, key=key, example=f"client {client.channel_id}", server=self._server)
        client.close(CloseCode.POLICY_VIOLATION, reason)


def _user_of(client: Client) -> Mapping[str, Any] | None:
    return None if client.visitor is None else client.visitor.user


def _user_key(client: Client) -> str | None:
    """The visitor of a connection with a login."""
    user = _user_of(client)
    return None if user is None else f"user {user.get('provider')} {user.get('id')}"
