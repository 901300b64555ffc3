"""The limits of the journal, of its lines, of mailboxes and of printing, each at the limit and one beyond it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.clock import Clock
from zefnb import ET
from zefnb.engine import printing, rate_limit
from zefnb.engine.entry import LONGEST_TEXT, Entry, line_text, presentable
from zefnb.engine.journal import CAPACITY, Journal
from zefnb.engine.mailbox import FULL_BYTES, Mailbox
from zefnb.engine.rate_limit import RateLimit
from zefnb.engine.runtime import default_runtime
from zefnb.engine.side_thread import MOST_WAITING, SideThread


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rate_limit, "time", made)
    return made


def allowed(limit: RateLimit, tries: int) -> int:
    return sum(limit.allows() for _ in range(tries))


def test_a_rate_limit_allows_its_burst_at_once_and_then_its_rate(clock: Clock):
    limit = RateLimit(3, 2.0)
    assert (allowed(limit, 5), limit.take_refused(), limit.take_refused()) == (3, 2, 0)
    clock.now += 0.25
    assert allowed(limit, 1) == 0
    clock.now += 0.25
    assert allowed(limit, 2) == 1, "the refused attempt before does not use up anything"
    clock.now += 1.0
    assert allowed(limit, 9) == 2
    assert limit.refused == 9


def test_a_long_pause_allows_no_more_than_the_burst(clock: Clock):
    limit = RateLimit(3, 2.0)
    clock.now += 3_600.0
    assert allowed(limit, 9) == 3
    clock.now += 3_600.0
    assert allowed(limit, 9) == 3


# The journal


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_the_journal_keeps_a_thousand_entries_of_a_kind_and_forgets_the_oldest(level: Any):
    journal = Journal()
    for number in range(CAPACITY):
        journal.note(level, str(number), key=number)
    assert journal.entries()[-1]["message"] == "0"
    journal.note(level, "one more")
    messages = [entry["message"] for entry in journal.entries()]
    assert (len(messages), messages[0], messages[-1]) == (CAPACITY, "one more", "1")
    assert len(journal._repeated) == CAPACITY - 1


def test_pythons_logging_receives_100_lines_at_once_and_then_10_a_second(clock: Clock, caplog: Any):
    journal = Journal()

    def lines(count: int) -> int:
        caplog.clear()
        for number in range(count):
            journal.note("warning", f"line {clock.now} {number}")
        return len(caplog.records)

    assert lines(150) == 100
    clock.now += 1.0
    assert lines(50) == 10
    assert caplog.records[0].getMessage().endswith("(and 50 other lines meanwhile)")
    assert "other lines" not in caplog.records[1].getMessage()


def test_an_error_is_logged_as_an_error_and_a_warning_as_a_warning(caplog: Any):
    journal = Journal()
    journal.note("error", "worse")
    journal.note("warning", "bad")
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_a_text_of_the_journal_has_4000_characters_at_most():
    fits = "a b " * (LONGEST_TEXT // 4)
    assert line_text(fits) == fits
    assert len(line_text(fits + "c")) == LONGEST_TEXT
    assert line_text(fits + "c") != fits


def test_an_entry_keeps_four_examples_of_200_characters():
    entry = Entry(None, "info", "m")  # type: ignore[arg-type]
    for number in range(6):
        entry.add_example(f"{number}" * (199 + number))
    assert entry.examples[:2] == ("0" * 199, "1" * 200)
    assert [len(example) for example in entry.examples] == [199, 200, 200, 200]


@pytest.mark.parametrize(("count", "line"), [(1, "m"), (10, "m (for the 10th time)")])
def test_one_example_alone_is_not_repeated_in_a_line(count: int, line: str):
    assert Entry(None, "info", "m", examples=("a",)).line(count) == line  # type: ignore[arg-type]


def test_details_keep_numbers_of_64_bits_and_handles_with_uids_of_200_characters():
    big, longest = (1 << 64) - 1, ET.Topic("t" * 200)
    kept = presentable({"number": big, "negative": -big, "handle": longest})
    assert kept == {"number": big, "negative": -big, "handle": longest}
    cut = presentable({"number": big + 1, "handle": ET.Topic("t" * 201)})
    assert [type(value) for value in cut.values()] == [str, str]


# Mailboxes and printing


@pytest.mark.parametrize(("left", "resumes"), [(FULL_BYTES // 2, True), (FULL_BYTES // 2 + 1, False)])
def test_a_sender_is_resumed_when_half_of_the_bytes_wait(left: int, resumes: bool):
    box, calls = Mailbox(), []
    box.put("x" * FULL_BYTES)
    box.put("y" * left)
    box.on_capacity = lambda: calls.append(len(box))
    box.take()
    assert calls == [1] * resumes


@pytest.mark.parametrize(("given", "is_refused"), [(MOST_WAITING - 1, False), (MOST_WAITING, True)])
def test_a_line_is_refused_when_as_many_wait_as_may(given: int, is_refused: bool, monkeypatch: pytest.MonkeyPatch):
    class Output(SideThread):
        waiting = given
        put_calls = 0

        def put(self, call: Any) -> None:
            self.put_calls += 1

    output = Output("output")
    monkeypatch.setattr(printing, "PRINTING", output)
    done = printing.printed(default_runtime(), "line", None)
    assert (done.done(), output.put_calls) == (is_refused, 0 if is_refused else 1)
    if is_refused:
        assert isinstance(done.exception(), BlockingIOError)
