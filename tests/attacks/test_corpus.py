"""Interesting inputs that the fuzzer has found, replayed: the server reads them as RFC 6455 does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attacks.fuzz import frames, requests, values
from attacks.fuzz.__main__ import CORPUS
from attacks.fuzz.memory import Conversations
from tests.net.hostile import BAD_HANDSHAKES, BAD_TEXT, BREACHES, GARBAGE
from tests.net.wire import CLOSE, CONT, PING, PONG, TEXT, closing, frame

CUTS = (0, 1, 2, 3, 7)


@pytest.fixture
def conversations(clean: None) -> Iterator[Conversations]:
    held = Conversations()
    yield held
    held.close()


def inputs(target: str) -> list[Path]:
    return sorted((CORPUS / target).iterdir())


def test_there_is_a_corpus():
    assert len(inputs("frames")) > 20
    assert len(inputs("requests")) > 20
    assert len(inputs("values")) > 10


@pytest.mark.parametrize(("target", "check"), [("frames", frames.check), ("requests", requests.check)])
def test_every_input_of_the_corpus_gets_a_valid_response(conversations: Any, target: str, check: Any):
    for path in inputs(target):
        check(conversations, path.read_bytes())


def test_every_stored_value_of_the_corpus_is_refused_or_read_in_proportion():
    for path in inputs("values"):
        values.check(None, path.read_bytes())


@pytest.mark.parametrize("cut", CUTS)
def test_every_known_protocol_error_gets_the_same_close_code_at_every_cut(conversations: Any, cut: int):
    known = [said for said in BREACHES.values() if len(said) < 4_000]
    for said in (*known, *map(frame, BAD_TEXT), frame("x", fin=False) + closing(1000), closing(), closing(4000, "ü")):
        frames.check(conversations, bytes([cut]) + frame("before") + said + frame("after"))


@pytest.mark.parametrize("cut", CUTS)
def test_every_known_invalid_request_gets_the_same_response_at_every_cut(conversations: Any, cut: int):
    for said in (*GARBAGE.values(), *(request for request, _ in BAD_HANDSHAKES.values())):
        requests.check(conversations, bytes([cut]) + said)


@pytest.mark.parametrize("last", ["HTTP/1.0", "HTTP/1.1\r\nConnection: close"])
@pytest.mark.parametrize("length", ["Content-Length: 5", "Content-Length: 5\r\nContent-Length: 5"])
def test_the_last_request_of_a_connection_gets_one_response_at_every_cut(conversations: Any, last: str, length: str):
    said = f"POST / {last}\r\nHost: localhost\r\n{length}\r\n\r\nhello and more".encode()
    expected = [405] if length.count("Length") == 1 else [400]
    for first in range(len(said)):
        for second in {first, len(said) - len(" and more"), len(said) - 4}:
            pieces = (said[:first], said[first:second], said[max(first, second) :])
            assert requests.statuses(conversations.hold(pieces)[0]) == expected, pieces


payloads = st.binary(max_size=200) | st.sampled_from([b"x" * 125, b"x" * 126, b"x" * 2_047, b"x" * 2_048, b"x" * 2_049])
good_frames = st.builds(
    frame,
    st.text(max_size=40).map(str.encode) | payloads,
    st.sampled_from([CONT, TEXT, 2, PING, PONG]),
    fin=st.booleans(),
    mask=st.binary(min_size=4, max_size=4),
)
any_frames = good_frames | st.builds(
    frame,
    payloads,
    st.integers(0, 15),
    fin=st.booleans(),
    rsv=st.integers(0, 7) | st.just(0),
    mask=st.none() | st.just(b"abcd"),
    announced=st.none() | st.integers(0, 2**63),
)
endings = st.just(b"") | st.builds(frame, st.binary(max_size=20), st.just(CLOSE)) | any_frames | st.binary(max_size=9)


@given(st.lists(good_frames, max_size=8), endings, st.integers(0, 255))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_frames_cut_anywhere_are_read_as_rfc_6455_reads_them(conversations: Any, said: Any, end: bytes, cut: int):
    frames.check(conversations, bytes([cut]) + b"".join(said) + end)


@given(st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_message_in_fragments_is_the_same_message_whichever_byte_ends_a_piece(conversations: Any, data: Any):
    text = data.draw(st.text(max_size=30)).encode()
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    said = b"".join(
        frame(part, CONT if number else TEXT, fin=number == len(parts) - 1) + frame(b"?", PING)
        for number, part in enumerate(parts)
    )
    for cut in range(1, len(said)):
        written, heard = conversations.hold((frames.PRELUDE, said[:cut], said[cut:]))
        assert heard == [text.decode()]
        assert frames.replies(written.partition(b"\r\n\r\n")[2]) == ([b"?"] * len(parts), None)
