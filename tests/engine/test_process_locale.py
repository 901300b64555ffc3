"""The locale of the process, as it is read after each call of a plain handler."""

from __future__ import annotations

import locale
import sys
from collections.abc import Iterator

import pytest

from zefnb.engine import process_locale


@pytest.fixture
def other() -> Iterator[str]:
    """Another locale for numbers, if the system has one."""
    before = locale.setlocale(locale.LC_ALL)
    name = "C" if locale.setlocale(locale.LC_NUMERIC) != "C" else "C.UTF-8"
    try:
        locale.setlocale(locale.LC_NUMERIC, name)
    except locale.Error:
        pytest.skip(f"the system has no locale {name}")
    locale.setlocale(locale.LC_ALL, before)
    yield name
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_changed_locale_is_seen_and_restored(platform: str, other: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(process_locale, "locale_now", process_locale._reader())
    before, text = process_locale.locale_now(), locale.setlocale(locale.LC_ALL)
    assert process_locale.locale_now() == before
    locale.setlocale(locale.LC_NUMERIC, other)
    assert process_locale.locale_now() != before
    assert f"LC_NUMERIC={other}" in process_locale.restore_locale(before).split(";")
    assert process_locale.locale_now() == before
    assert locale.setlocale(locale.LC_ALL) == text


@pytest.mark.skipif(sys.platform != "linux", reason="only there the C library's own function is known")
def test_the_locale_is_read_without_decoding_it():
    assert type(process_locale.locale_now()) is bytes
    assert process_locale.locale_now() == locale.setlocale(locale.LC_ALL).encode()
