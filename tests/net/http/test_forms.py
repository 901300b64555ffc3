"""Forms and queries: read as browsers write them, and at their edges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zefnb.net.http.forms import FIELDS_LIMIT, PART_HEAD_LIMIT, BadForm, form_fields, query_fields

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = 'multipart/form-data; boundary="b b"'


def part(name: str, content: bytes, more: str = "", head: str = "") -> bytes:
    return b'--b b\r\nContent-Disposition: form-data; name="%b"%b\r\n%b\r\n%b\r\n' % (
        name.encode(),
        more.encode(),
        head.encode(),
        content,
    )


END = b"--b b--\r\n"


@pytest.mark.parametrize("count", [FIELDS_LIMIT - 1, FIELDS_LIMIT])
def test_as_many_fields_as_the_limit_are_read(count: int):
    names = [f"f{number}" for number in range(count)]
    urlencoded = "&".join(f"{name}=1" for name in names)
    parts = b"".join(part(name, b"1") for name in names) + END
    expected = dict.fromkeys(names, "1")
    assert query_fields(urlencoded) == expected
    assert form_fields(URLENCODED, urlencoded.encode()) == expected
    assert form_fields(MULTIPART, parts) == expected


def test_a_form_with_too_many_fields_is_refused():
    urlencoded = "&".join("a=1" for _ in range(FIELDS_LIMIT + 1))
    for read in (
        lambda: query_fields(urlencoded),
        lambda: form_fields(URLENCODED, urlencoded.encode()),
        lambda: form_fields(MULTIPART, part("a", b"1") * (FIELDS_LIMIT + 1) + END),
    ):
        with pytest.raises(BadForm, match="1,000 fields at most"):
            read()


@pytest.mark.parametrize(("surplus", "fits"), [(-1, True), (0, True), (1, False)])
def test_the_headers_of_a_part_have_a_limit(surplus: int, fits: bool):
    disposition = 'Content-Disposition: form-data; name="a"\r\n'
    head = "X: ".ljust(PART_HEAD_LIMIT + surplus - len(disposition), "x")
    body = part("a", b"1", head=head + "\r\n") + END
    if fits:
        assert form_fields(MULTIPART, body) == {"a": "1"}
    else:
        with pytest.raises(BadForm, match="8,192 bytes"):
            form_fields(MULTIPART, body)


def test_a_multipart_form_of_a_browser_is_parsed():
    body = b"".join(
        [
            b"a preamble that nobody reads\r\n",
            part("plain", "grüße\r\n\r\n--b".encode()),
            part("empty", b""),
            part("file", b"\0\xff\r\n", '; filename="a \\"b\\".bin"', "Content-Type: image/png\r\n"),
            part("none", b"", '; filename=""'),
            part("plain 2", b"x"),
            END,
            b"an epilogue",
        ]
    )
    assert form_fields(MULTIPART, body) == {
        "plain": "grüße\r\n\r\n--b",
        "empty": "",
        "file": {"filename": 'a "b".bin', "content": b"\0\xff\r\n", "content_type": "image/png"},
        "none": {"filename": "", "content": b"", "content_type": None},
        "plain 2": "x",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b b",
        part("a", b"1"),
        b"--b bx\r\n\r\n" + END,
        b"--b b\r\n\r\nx\r\n" + END,
        b"--b b\r\nX\r\n\r\nx\r\n" + END,
    ],
)
def test_an_invalid_multipart_form_raises_with_a_reason(body: bytes):
    with pytest.raises(BadForm):
        form_fields(MULTIPART, body)


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary"]
)
def test_a_form_of_parts_names_its_boundary(kind: str):
    with pytest.raises(BadForm, match="names its boundary"):
        form_fields(kind, END)


def test_the_last_field_of_one_name_wins_and_invalid_bytes_are_read():
    assert form_fields(URLENCODED, b"a=1&&b&a=2&c=%zz&d=%ff%00+x&=e") == {
        "a": "2", "b": "", "c": "%zz", "d": "\ufffd\0 x", "": "e",
    }  # fmt: skip


@given(st.sampled_from([URLENCODED, MULTIPART, "multipart/form-data; boundary=x"]), st.binary(max_size=400))
def test_any_bytes_are_a_form_or_an_error_for_the_client(kind: str, body: bytes):
    for said in (body, part("a", body) + body + END, b"--x\r\n" + body + b"\r\n--x--"):
        try:
            fields: dict[str, Any] = form_fields(kind, said)
        except BadForm:
            continue
        assert all(isinstance(value, str | dict) for value in fields.values())


@given(
    st.dictionaries(
        st.text("abc ü", min_size=1, max_size=5), st.binary(max_size=50).filter(lambda b: b"--b b" not in b)
    )
)
def test_an_encoded_form_round_trips(fields: dict[str, bytes]):
    body = b"".join(part(name, content, '; filename="f"') for name, content in fields.items()) + END
    assert {name: file["content"] for name, file in form_fields(MULTIPART, body).items()} == fields
