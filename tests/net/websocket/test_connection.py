"""A connection on the wire: every length, every cut, and every breach of RFC 6455 with its close code."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.net.conftest import inside, journal, on_loop, peak_memory, said
from tests.net.hostile import BAD_TEXT, BREACHES, CLOSE_CODES
from tests.net.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, Wire, closing, frame, handshake, in_pieces
from zefnb import ET, FX, generate_uid, run, zef_function
from zefnb.net.websocket import connection as connection_module

Raw = Callable[..., Wire]
LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20]


@zef_function(inline=True)
def echo(message: Any, state: Any) -> Any:
    if isinstance(message, str | bytes):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


@pytest.fixture
def mirror(serve: Any) -> Any:
    """A server that echoes to each client, with an allowance of fragments of 8 bytes for a long message."""
    actor = FX.StartActor(initial_state=None, handler=echo)
    return serve({"/ws": ET.WebSocket(actor=actor), "/tiny": ET.WebSocket(actor=actor, max_size=8)})


# Lengths and cuts


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_every_length_class_is_echoed(mirror: Any, raw: Raw, length: int, opcode: int):
    wire = raw(mirror)
    payload = random.Random(length).randbytes(length) if opcode == BINARY else b"z" * length
    wire.send(frame(payload, opcode))
    assert wire.read() == Frame(opcode, payload)


def test_a_message_cut_at_any_byte_is_the_same_message(mirror: Any, raw: Raw):
    wire = raw(mirror)
    for whole, payload in ((frame("short"), b"short"), (frame("l" * 130), b"l" * 130), (frame(""), b"")):
        for cut in range(1, len(whole)):
            for part in in_pieces(whole, cut):
                wire.send(part)
                # Let the loop see the first part alone: a pong tells that it has.
                time.sleep(0)
            assert wire.read().payload == payload


messages = st.lists(
    st.tuples(st.sampled_from([TEXT, BINARY]), st.sampled_from([0, 1, 5, 125, 126, 130, 70_000]), st.booleans()),
    min_size=1,
    max_size=8,
)


@given(said=messages, seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_the_bytes_are_cut_the_messages_are_the_same(mirror: Any, said: Any, seed: int):
    chance = random.Random(seed)
    stream, expected = b"", []
    for opcode, length, fragmented in said:
        payload = bytes(chance.choices(b"abc", k=length))
        expected.append(Frame(opcode, payload))
        if not fragmented:
            stream += frame(payload, opcode, mask=chance.randbytes(4))
            continue
        middle = chance.randint(0, length)
        stream += frame(payload[:middle], opcode, fin=False) + frame(b"?", PING) + frame(payload[middle:], CONT)
    with Wire(mirror.port).open() as wire:
        cuts = chance.sample(range(len(stream) + 1), min(len(stream), chance.randint(0, 12)))
        for part in in_pieces(stream, *cuts):
            wire.send(part)
        came = []
        while len(came) < len(expected):
            if (each := wire.read()).opcode != PONG:
                came.append(each)
    assert came == expected


def test_many_frames_in_one_segment_are_many_messages_in_order(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(*(frame(str(number)) for number in range(2_000)))
    assert [wire.read().payload.decode() for _ in range(2_000)] == [str(number) for number in range(2_000)]


def test_frames_in_the_segment_of_the_handshake_are_received(mirror: Any, raw: Raw):
    wire = raw(mirror, path=None)
    wire.send(handshake(), frame("early"), frame("birds")[:4])
    assert wire.read_head()[0] == 101
    wire.send(frame("birds")[4:])
    assert [wire.read().payload, wire.read().payload] == [b"early", b"birds"]


def test_a_handshake_byte_by_byte_is_a_handshake(mirror: Any, raw: Raw):
    wire = raw(mirror, path=None)
    for byte in handshake():
        wire.send(bytes([byte]))
    assert wire.read_head()[0] == 101
    wire.send(frame("hello"))
    assert wire.read().payload == b"hello"


def fed_in_pieces(server: Any, data: bytes, piece: int) -> float:
    """Seconds of processor that the server's loop takes for `data` in pieces of that size."""
    (connection,) = on_loop(inside(server).clients)

    def feed() -> float:
        started = time.thread_time()
        for at in range(0, len(data), piece):
            connection.data_received(memoryview(data)[at : at + piece])
        return time.thread_time() - started

    return float(on_loop(feed))


def test_a_long_frame_in_small_pieces_costs_time_in_proportion_to_its_length(mirror: Any, raw: Raw):
    wire = raw(mirror)
    half = fed_in_pieces(mirror, frame(b"x" * (1 << 19), BINARY), 16)
    whole = fed_in_pieces(mirror, frame(b"x" * (1 << 20), BINARY), 16)
    assert len(wire.read().payload) == 1 << 19
    assert len(wire.read().payload) == 1 << 20
    # Twice the length is about twice the work; copying what has come with every piece would be four times, and minutes.
    assert whole < 3 * half + 0.05
    assert whole < 3


def test_small_control_frames_after_a_cut_frame_cost_time_in_proportion_to_their_number(mirror: Any, raw: Raw):
    raw(mirror)
    pongs = frame(b"", PONG) * 40_000
    first = frame(b"x" * 50)

    def seconds(count: int) -> float:
        fed_in_pieces(mirror, first[:10], 10)
        return fed_in_pieces(mirror, first[10:] + pongs[: 6 * count], 1 << 20)

    few, many = seconds(5_000), seconds(40_000)
    assert many < 16 * few + 0.05


# Fragments and control frames


def test_a_ping_gets_a_pong_with_its_payload(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame(b"", PING), frame(b"p" * 125, PING))
    assert [wire.read(), wire.read()] == [Frame(PONG, b""), Frame(PONG, b"p" * 125)]


def test_a_ping_between_fragments_gets_its_pong_between_them(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame("first ", fin=False), frame(b"now", PING))
    assert wire.read() == Frame(PONG, b"now")
    wire.send(frame("second ", CONT, fin=False), frame(b"again", PING))
    assert wire.read() == Frame(PONG, b"again")
    wire.send(frame("", CONT, fin=False), frame("third", CONT))
    assert wire.read() == Frame(TEXT, b"first second third")


@pytest.mark.parametrize("path", ["/ws", "/tiny"])
def test_a_limit_is_for_messages_and_not_for_the_control_frames_between_their_fragments(
    mirror: Any, raw: Raw, path: str
):
    wire = raw(mirror, path)
    limit = 8 if path == "/tiny" else 1 << 20
    payload = b"x" * limit
    wire.send(frame(payload[:-1], BINARY, fin=False), frame(b"p" * 125, PING), frame(b"q" * 125, PONG))
    assert wire.read() == Frame(PONG, b"p" * 125)
    wire.send(frame(payload[-1:], CONT))
    assert wire.read() == Frame(BINARY, payload)
    wire.send(frame(payload, BINARY, fin=False), frame(b"p" * 125, PING), closing(1000, "r" * 123))
    assert wire.read() == Frame(PONG, b"p" * 125)
    assert wire.read_close().reason == "r" * 123


def test_an_unsolicited_pong_is_ignored(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame(b"hm", PONG), frame("on we go"))
    assert wire.read().payload == b"on we go"


def test_a_character_can_be_cut_between_fragments(mirror: Any, raw: Raw):
    wire = raw(mirror)
    text = "κόσμε🍃".encode()
    for cut in range(1, len(text)):
        wire.send(frame(text[:cut], fin=False), frame(text[cut:], CONT))
        assert wire.read() == Frame(TEXT, text)


@pytest.mark.parametrize("text", BAD_TEXT, ids=repr)
def test_text_that_is_not_utf8_is_refused(mirror: Any, raw: Raw, text: bytes):
    whole, fragments, short, tail = raw(mirror), raw(mirror), raw(mirror), raw(mirror)
    whole.send(frame(b"x" * 130 + text))
    short.send(frame(text))
    fragments.send(frame(text[:1], fin=False), frame(text[1:], CONT))
    tail.send(frame("good"), frame(text))
    assert tail.read().payload == b"good"
    for wire in (whole, short, fragments, tail):
        assert wire.read_close().code == 1007
        assert wire.read_end() == b""


def test_the_same_bytes_are_fine_in_a_binary_message(mirror: Any, raw: Raw):
    wire = raw(mirror)
    for text in BAD_TEXT:
        wire.send(frame(text, BINARY))
        assert wire.read() == Frame(BINARY, text)


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_of_the_protocol_ends_with_1002(mirror: Any, raw: Raw, breach: str):
    wire = raw(mirror)
    wire.send(frame("before"), BREACHES[breach], frame("after"))
    came, end = wire.read_until_close()
    assert end.code == 1002
    # A message that was whole before the breach still counts; what follows the breach does not.
    assert came[0].payload == b"before"
    assert b"after" not in [each.payload for each in came]
    assert wire.read_end() == b""


@pytest.mark.parametrize("breach", ["a frame without a mask", "the reserved opcode 3", "a continuation of nothing"])
def test_a_protocol_error_is_detected_from_its_first_bytes(mirror: Any, raw: Raw, breach: str):
    wire = raw(mirror)
    for byte in BREACHES[breach]:
        wire.send(bytes([byte]))
        time.sleep(0.001)
        if not wire.silent(0.001):
            break
    assert wire.read_close().code == 1002


# Sizes


def test_a_message_over_the_limit_is_refused_by_its_head(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame(b"", BINARY, announced=(1 << 20) + 1))
    assert wire.read_close().code == 1009
    wire = raw(mirror)
    wire.send(frame(b"", BINARY, announced=2**63))
    assert wire.read_close().code == 1009


def test_a_client_that_sends_a_too_long_message_to_its_end_can_read_1009(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame(b"x" * (3 << 20), BINARY))
    assert wire.read_close().code == 1009
    assert wire.read_end() == b""


def test_fragments_count_together(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame(b"x" * (1 << 19), BINARY, fin=False), frame(b"x" * (1 << 19), CONT, fin=False), frame(b"x", CONT))
    assert wire.read_close().code == 1009


@pytest.mark.parametrize("length", [9, 100, 200])
def test_a_limit_shorter_than_a_short_frame_is_applied_too(mirror: Any, raw: Raw, length: int):
    wire = raw(mirror, "/tiny")
    wire.send(frame("x" * 8), frame("x" * length))
    assert wire.read().payload == b"x" * 8
    assert wire.read_close().code == 1009


def test_endless_tiny_fragments_are_refused(mirror: Any, raw: Raw):
    wire = raw(mirror, "/tiny")
    wire.send(frame(b"", BINARY, fin=False), frame(b"x", CONT, fin=False) * 9)
    assert wire.read_close().code == 1009


@pytest.mark.parametrize("count", [4_095, 4_096, 4_097])
@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "a byte each"])
def test_a_message_has_4096_fragments_at_most(mirror: Any, raw: Raw, count: int, payload: bytes):
    wire = raw(mirror)
    wire.send(frame(payload, BINARY, fin=False), frame(payload, CONT, fin=False) * (count - 2), frame(payload, CONT))
    if count <= 4_096:
        assert wire.read() == Frame(BINARY, payload * count)
    else:
        close = wire.read_close()
        assert (close.code, close.reason) == (1009, "more than 4096 fragments")


def test_fragments_are_counted_for_each_message(mirror: Any, raw: Raw):
    wire = raw(mirror)
    for _ in range(3):
        wire.send(frame(b"", BINARY, fin=False), frame(b"", CONT, fin=False) * 4_000, frame(b"x", CONT))
        assert wire.read() == Frame(BINARY, b"x")


def test_endless_empty_fragments_are_refused(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame("a", fin=False), frame(b"", CONT, fin=False) * 100_000)
    assert wire.read_close().code == 1009
    assert wire.read_end() == b""


@pytest.mark.parametrize("length", [7, 8, 9])
@pytest.mark.parametrize("cut", [0, 1, 7])
def test_fragments_are_refused_from_the_byte_after_the_limit_on(mirror: Any, raw: Raw, length: int, cut: int):
    wire = raw(mirror, "/tiny")
    wire.send(frame("x" * cut, fin=False), frame("x" * (length - cut), CONT))
    if length <= 8:
        assert wire.read() == Frame(TEXT, b"x" * length)
    else:
        assert wire.read_close().code == 1009


def test_a_fragment_that_is_too_long_is_refused_by_its_header(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame(b"x" * (1 << 19), BINARY, fin=False), frame(b"", CONT, announced=(1 << 19) + 1))
    assert wire.read_close().code == 1009


def test_refused_or_unfinished_bytes_are_not_kept(mirror: Any, raw: Raw):
    wires = [raw(mirror) for _ in range(8)]
    too_long = frame(b"x" * (8 << 20), BINARY, announced=1 << 30)
    unfinished = frame(b"x" * (1 << 20), BINARY)[:-1]
    with peak_memory() as peak:
        for wire in wires[:4]:
            wire.send(too_long)
            assert wire.read_close().code == 1009
        assert peak() < 1 << 20
        for wire in wires[4:]:
            wire.send(unfinished)
        for wire in wires[4:]:
            wire.send(unfinished[-1:])
            assert wire.read().opcode == BINARY
        # One message each, while it comes and while it is echoed.
        assert peak() < 16 << 20


# Closing


@pytest.mark.parametrize("code", CLOSE_CODES)
def test_a_valid_close_code_is_echoed(mirror: Any, raw: Raw, code: int):
    wire = raw(mirror)
    wire.send(closing(code, "bye"))
    came = wire.read_close()
    assert (came.code, came.reason) == (code, "bye")
    assert wire.read_end() == b""


def test_a_close_frame_in_the_middle_of_a_message_is_accepted(mirror: Any, raw: Raw):
    """RFC 6455, section 5.4: control frames are allowed there, and a close frame is one."""
    one, two, empty = raw(mirror), raw(mirror), raw(mirror)
    one.send(frame("never ", fin=False), closing(1000, "enough"))
    two.send(frame(b"never ", BINARY, fin=False), frame("finished", CONT, fin=False), closing(4000))
    empty.send(frame("never ", fin=False), closing(), frame("finished", CONT))
    for wire, code, reason in ((one, 1000, "enough"), (two, 4000, "")):
        came = wire.read_close()
        assert (came.code, came.reason) == (code, reason)
        assert wire.read_end() == b""
    assert empty.read_close().payload == b""
    assert empty.read_end() == b""


def test_an_empty_close_frame_gets_an_empty_one(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(closing())
    assert wire.read_close().payload == b""
    assert wire.read_end() == b""


def test_a_close_reason_that_is_not_utf8_is_refused(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(frame(struct.pack("!H", 1000) + b"\xff", CLOSE))
    assert wire.read_close().code == 1007


def test_messages_before_the_close_frame_get_their_replies_first(mirror: Any, raw: Raw):
    wire = raw(mirror)
    wire.send(*(frame(str(number)) for number in range(100)), closing(1000))
    came, end = wire.read_until_close()
    assert [each.payload.decode() for each in came] == [str(number) for number in range(100)]
    assert end.code == 1000


def test_bytes_after_the_close_frame_are_ignored(chat: Any, topic: Any, raw: Raw):
    talker, listener = raw(chat), raw(chat)
    talker.send(frame("last words"), closing(1000), frame("a voice from beyond"), frame(b"?", PING))
    came, _ = talker.read_until_close()
    assert [each.payload for each in came] == [b"last words"]
    assert talker.read_end() == b""
    FX.Publish(target=topic, content="silence") | run
    assert [listener.read().payload, listener.read().payload] == [b"last words", b"silence"]


def test_messages_during_our_close_are_ignored_and_the_clients_close_frame_is_read(
    chat: Any, topic: Any, raw: Raw, clients: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 20.0)
    talker, listener = raw(chat), raw(chat)
    (first, _) = clients(chat, 2)
    message = frame("m" * 50_000)
    talker.send(frame("begun"), message[:20_000])
    assert listener.read().payload == b"begun"
    FX.CloseWebSocketConnection(http_server=chat, channel_id=first["channel_id"], code=4001, reason="enough") | run
    came, end = talker.read_until_close()
    assert [each.payload for each in came] == [b"begun"]
    assert (end.code, end.reason) == (4001, "enough")
    talker.send(message[20_000:], frame("too late"), closing(4001))
    assert talker.read_end() == b""
    FX.Publish(target=topic, content="done") | run
    assert listener.read().payload == b"done"


def test_a_client_that_does_not_reply_to_our_close_is_cut(mirror: Any, raw: Raw, clients: Any, until: Any):
    wire = raw(mirror)
    (row,) = clients(mirror)
    started = time.monotonic()
    FX.CloseWebSocketConnection(http_server=mirror, channel_id=row["channel_id"]) | run
    assert wire.read_close().code == 1000
    assert clients(mirror) == []
    assert wire.read_end() == b""
    assert 0.8 < time.monotonic() - started < 20
    until(lambda: not inside(mirror)._connections)


def test_a_client_that_just_leaves_has_left(mirror: Any, raw: Raw, clients: Any):
    polite, rude = raw(mirror), raw(mirror)
    clients(mirror, 2)
    polite.close()
    clients(mirror, 1)
    rude.reset()
    clients(mirror, 0)
    assert journal("warning") == []


def test_an_actor_receives_the_close_code_of_its_client(serve: Any, raw: Raw, until: Any):
    codes: list[Any] = []

    @zef_function(inline=True)
    def watch(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientDisconnected):
            codes.append(message.close_code)
        return [[], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=watch))})
    raw(server).send(closing(4321))
    until(lambda: codes == [4321])
    raw(server).send(closing())
    until(lambda: codes == [4321, 1005])
    raw(server).close()
    until(lambda: codes == [4321, 1005, 1006])
    assert {type(code) for code in codes} == {int}
    raw(server).send(frame("x", mask=None))
    until(lambda: codes == [4321, 1005, 1006, 1002])
    wire = raw(server)
    FX.CloseWebSocketConnection(http_server=server, channel_id=4, code=4002) | run
    wire.read_close()
    wire.send(closing(1000))
    until(lambda: codes[4:] == [4002])


def test_a_handler_can_close_its_own_connection_in_the_middle_of_a_segment(
    serve: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 20.0)

    @zef_function(inline=True)
    def until_stop(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            return [[], message]
        if not isinstance(message, str):
            return [[], state]
        answer = FX.Publish(target=state.topic_out, content=message)
        close = FX.CloseWebSocketConnection(http_server=state.http_server, channel_id=state.channel_id, code=4000)
        return [[answer, close] if message == "stop" else [answer], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=until_stop))})
    wire = raw(server)
    wire.send(frame("a"), frame("stop"), frame("b"), closing(4000))
    came, end = wire.read_until_close()
    assert ([each.payload for each in came], end.code) == ([b"a", b"stop"], 4000)
    started = time.monotonic()
    assert wire.read_end() == b""
    assert time.monotonic() - started < 10, "the client's close frame, behind its message, was not seen"


def test_a_handler_that_raises_does_not_close_the_connection(serve: Any, raw: Raw, until: Any):
    @zef_function(inline=True)
    def touchy(message: Any, state: Any) -> Any:
        if message == "boom":
            raise SystemExit("boom")
        return echo(message, state)

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=touchy))})
    wire = raw(server)
    wire.send(frame("boom"), frame("still here"))
    assert wire.read().payload == b"still here"
    assert until(said("touchy", "error"))["error"] == "SystemExit"


def test_an_internal_error_closes_only_that_connection_and_is_in_the_journal(
    chat: Any, raw: Raw, clients: Any, until: Any
):
    broken, fine = raw(chat), raw(chat)
    clients(chat, 2)

    def fails(message: Any) -> None:
        raise RuntimeError("a fault of our own")

    on_loop(lambda: setattr(inside(chat).client(0), "on_message", fails))
    broken.send(frame("x"), frame("y"))
    assert broken.read_close().code == 1011
    clients(chat, 1)
    fault = until(said("a fault of our own", "error"))
    assert (fault["channel_id"], fault["server"], fault["count"]) == (0, chat, 1)
    fine.send(frame("still here"))
    assert fine.read().payload == b"still here"


def test_bytes_in_the_servers_kernel_do_not_count_as_received(chat: Any, topic: Any, raw: Raw, until: Any):
    wire = raw(chat, receive_buffer=4096)
    (connection,) = on_loop(inside(chat).clients)
    FX.Publish(target=topic, content="x" * 400_000) | run
    until(lambda: connection.sent)
    assert on_loop(lambda: connection.bytes_delivered) < 200_000
    assert len(wire.read().payload) == 400_000
    until(lambda: on_loop(lambda: connection.bytes_delivered == connection._sent_bytes > 400_000))


# Signs of life, by a clock of the test's own


def alive_after(connection: Any, *moments: float) -> list[bool]:
    """Return whether it is open after each check; the moments are seconds since it was last read."""
    # Whole seconds, since a sum of others may be rounded to more than the limit.
    start = connection.last_received_at = connection._last_ping = float(int(time.monotonic()))
    opened = []
    for moment in moments:
        connection.check_alive(start + moment)
        connection.last_received_at = start
        opened.append(connection.is_open)
    return opened


def test_a_ping_is_sent_after_20_seconds_of_silence_and_not_before(mirror: Any, raw: Raw):
    wire = raw(mirror)
    (connection,) = on_loop(inside(mirror).clients)
    assert on_loop(lambda: (alive_after(connection, 19.9, 20.0), connection._ping_sent)) == ([True, True], None)
    assert on_loop(lambda: (alive_after(connection, 20.1), connection._ping_sent is not None)) == ([True], True)
    assert wire.read() == Frame(PING, b"")


def test_a_ping_without_a_pong_for_20_seconds_ends_the_connection_and_not_before(mirror: Any, raw: Raw):
    wire = raw(mirror)
    (connection,) = on_loop(inside(mirror).clients)
    assert on_loop(lambda: alive_after(connection, 21, 40.9, 41.0, 41.1)) == [True, True, True, False]
    assert wire.read().opcode == PING


def test_a_client_that_is_not_read_is_not_pinged(mirror: Any, raw: Raw):
    raw(mirror)
    (connection,) = on_loop(inside(mirror).clients)

    def paused() -> list[bool]:
        connection.pause_reading()
        opened = alive_after(connection, 21, 100)
        connection.resume_reading()
        return opened

    assert on_loop(paused) == [True, True]
    assert connection._ping_sent is None


# Subprotocols


def test_a_subprotocol_is_chosen_and_no_client_is_refused_without_one(serve: Any, connect: Any):
    topic = ET.Topic(generate_uid())
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], subprotocols=["v2", "v1"])})
    assert connect(server, subprotocols=["v1", "v2"]).subprotocol == "v2"
    assert connect(server, subprotocols=["v9"]).subprotocol is None
    assert connect(server).subprotocol is None
