"""Short text: the same bytes as those of `pickle`, and other bytes are left to the usual way."""

from __future__ import annotations

import pickle

import pytest

from zefnb.core.codec.codec import decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.codec.short_text import decode_short_text, encode_short_text


@pytest.mark.parametrize("letter", ["a", "\0", "é", "€", "😀", "\ud800"])
def test_text_of_every_length_is_encoded_as_pickle_does(letter):
    for count in (*range(300), 1_000):
        text = letter * count
        stored = encode(text)
        assert stored == pickle.dumps(text, protocol=5)
        assert decode(stored) == text
        is_short = len(text.encode("utf-8", "surrogatepass")) <= 255
        assert (encode_short_text(text) == stored) is is_short
        assert decode_short_text(stored) == (text if is_short else None)


def test_other_values_are_not_short_text():
    for value in (None, 1, b"text", ["text"], ("text",), {"text": "text"}):
        assert decode_short_text(encode(value)) is None
        assert decode(encode(value)) == value


def test_damaged_short_text_raises():
    stored = encode("some text")
    for at in range(len(stored)):
        for byte in (0, 0x2E, 0xFF):
            damaged = stored[:at] + bytes([byte]) + stored[at + 1 :]
            try:
                found = decode(damaged)
            except Undecodable:
                continue
            # One byte of the text may be another one.
            assert type(found) is str
            assert len(found) == len("some text")
    with pytest.raises(Undecodable):
        decode(stored.replace(b"some", b"\xff\xfe\xfd\xfc"))
