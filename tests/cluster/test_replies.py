"""The replies of a connection: a broker that ends it, sends what is no reply, or does not reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.connection import BrokerLost, Connection

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def replies(directory: Path, serve: Serve, timeouts: Sequence[float] = (20,)) -> list[object]:
    """Connect to a server, send a command, and return the replies, each of which has a timeout."""

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort()  # also if the test ends first

    async def talk() -> list[object]:
        server = await asyncio.start_unix_server(serve_and_close, directory / "s")
        connection = Connection(BrokerUrl(f"unix://{directory / 's'}"))
        try:
            await connection.open()
            connection.send("PING")
            return [await connection.reply(timeout) for timeout in timeouts]
        finally:
            await connection.close()
            server.close()

    return asyncio.run(asyncio.wait_for(talk(), 60))


def test_replies_that_arrive_together_and_in_pieces_are_read_in_order(tmp_path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        for piece in (b":1\r\n:2\r\n$5\r\nhe", b"l", b"lo\r\n"):
            writer.write(piece)
            await asyncio.sleep(0.01)

    assert replies(tmp_path, serve, (20, 20, 20)) == [1, 2, b"hello"]


@pytest.mark.parametrize(("sent", "text"), [(b"", "closed the connection"), (b"garbage\r\n", "Protocol error")])
def test_a_connection_that_ends_or_has_no_replies_is_lost_and_the_error_says_why(tmp_path, sent: bytes, text: str):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(sent)

    with pytest.raises(BrokerLost, match=text):
        replies(tmp_path, serve)


def test_a_broker_that_does_not_reply_in_time_is_lost(tmp_path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with pytest.raises(BrokerLost, match="does not reply"):
        replies(tmp_path, serve, (0.05,))


@pytest.mark.parametrize("timeouts", [(300, 0.05), (1, 1.5)], ids=["a shorter one", "a longer one"])
def test_a_timeout_after_another_one_counts_though_they_share_a_timer(tmp_path, timeouts: tuple[float, float]):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b":1\r\n")
        await reader.read()

    with pytest.raises(BrokerLost, match="does not reply"):
        replies(tmp_path, serve, timeouts)


def test_a_reply_has_its_whole_time_though_the_timer_was_set_for_the_one_before(tmp_path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b":1\r\n")
        await asyncio.sleep(3.5)  # longer than the timeout of the reply before
        writer.write(b":2\r\n")
        await reader.read()

    assert replies(tmp_path, serve, (3, 30)) == [1, 2]
