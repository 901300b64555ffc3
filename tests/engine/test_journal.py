"""The journal: events and errors, counted, bounded, without secrets."""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb import ET, FX, generate_uid, run
from zefnb.engine import side_thread
from zefnb.engine.journal import FAMILY_LIMIT, Journal, hide_secrets, logger
from zefnb.engine.runtime import default_runtime


def fail(text="ouch", kind=ValueError):
    raise kind(text)


def fault(journal, text="ouch", **details):
    try:
        fail(text)
    except ValueError as error:
        journal.exception("handler f", error, **details)


def test_the_newest_entry_is_first_and_limit_drops_the_oldest():
    journal = Journal()
    for n in range(5):
        journal.note("info", f"line {n}")
    assert [entry["message"] for entry in journal.entries(limit=2)] == ["line 4", "line 3"]


def test_a_level_includes_all_higher_levels():
    journal = Journal()
    for level in ("debug", "info", "warning", "error"):
        journal.note(level, level)
    assert [entry["message"] for entry in journal.entries(level="warning")] == ["error", "warning"]


def test_errors_from_the_same_place_are_one_entry_with_a_count_and_two_times():
    journal = Journal()
    for _ in range(3):
        fault(journal, handler="f")
    [entry] = journal.entries()
    assert (entry["count"], entry["error"], entry["handler"]) == (3, "ValueError", "f")
    assert entry["last"] > entry["time"]
    assert "raise kind(text)" in entry["traceback"]
    assert entry["message"] == "handler f: ValueError: ouch"


def test_errors_of_different_handlers_servers_or_topics_are_different_entries():
    journal = Journal()
    first, second = ET.HTTPServer(generate_uid(), port=1), ET.HTTPServer(generate_uid(), port=2)
    for details in ({"server": first}, {"server": second}, {"handler": "g"}, {"topic": ET.Topic("t")}):
        fault(journal, **details)
    assert len(journal.entries()) == 4
    assert len(journal.entries(server=first)) == 1


def test_it_keeps_the_last_thousand_entries_and_counts_forgotten_ones_again_from_one():
    journal = Journal(capacity=10)
    journal.note("info", "repeated", key="k")
    for n in range(10):
        journal.note("info", str(n))
    journal.note("info", "repeated", key="k")
    entries = journal.entries()
    assert len(entries) == 10
    assert (entries[0]["message"], entries[0]["count"]) == ("repeated", 1)


def test_pythons_logging_receives_the_first_and_every_tenfold_occurrence(caplog):
    journal = Journal()
    with caplog.at_level(logging.DEBUG, logger="zefnb"):
        for _ in range(1_001):
            fault(journal)
        journal.note("info", "not worth a log line")
    assert [record.getMessage().rpartition("ouch")[2] for record in caplog.records] == [
        "",
        " (for the 10th time)",
        " (for the 100th time)",
        " (for the 1000th time)",
    ]


def test_listeners_receive_every_entry_and_a_failing_one_does_no_harm(caplog):
    journal, heard = Journal(), []
    journal.listeners += [lambda entry: 1 / 0, lambda entry: heard.append(entry.message)]
    journal.note("info", "hello")
    assert heard == ["hello"]
    assert "a listener of the journal failed" in caplog.text


def test_many_threads_write_and_no_entry_is_lost():
    journal = Journal(capacity=10_000)

    def write(who):
        for n in range(500):
            journal.note("info", f"{who} {n}")
            journal.note("info", "shared", key="shared")

    threads = [threading.Thread(target=write, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = journal.entries()
    assert len(entries) == 8 * 500 + 1
    assert sum(entry["count"] for entry in entries) == 8 * 500 * 2


def test_details_keep_handles_and_turn_other_objects_into_text():
    journal = Journal()
    server = ET.HTTPServer(generate_uid(), port=1)
    journal.note("info", "x", server=server, input={"a": [1]}, channel_id=3, nothing=None)
    [entry] = journal.entries()
    assert (entry["server"], entry["input"], entry["channel_id"]) == (server, "{'a': [1]} (dict)", 3)
    assert "nothing" not in entry


SECRETS = {
    "GET /ws?token=SECRET&x=1": "GET /ws?token=…&x=1",
    "Cookie: a=SECRET; b=SECRET\nnext": "Cookie: …\nnext",
    "{'cookie': 'a=SECRET; b=SECRET', 'x': 1}": "{'cookie': '…', 'x': 1}",
    "[(b'cookie', b'a=SECRET; c'), (b'x', b'y')]": "[(b'cookie', b'…'), (b'x', b'y')]",
    "Set-Cookie: SECRET": "Set-Cookie: …",
    "Authorization: Bearer SECRET": "Authorization: …",
    "authorization: Digest username=x, response=SECRET": "authorization: …",
    "{'authorization': 'Basic SECRET', 'k': 2}": "{'authorization': '…', 'k': 2}",
    "Proxy-Authorization: Basic SECRET": "Proxy-Authorization: …",
    '{"access_token": "SECRET", "n": 1}': '{"access_token": "…", "n": 1}',
    '"{\\"token\\": \\"SECRET\\"}"': '"{\\"token\\": \\"…\\"}"',
    "csrf_token=SECRET; y": "csrf_token=…; y",
    "_xsrf_token=SECRET": "_xsrf_token=…",
    "sessiontoken: SECRET": "sessiontoken: …",
    "password = 'my SECRET phrase' rest": "password = '…' rest",
    "client_secret=SECRET&y=1": "client_secret=…&y=1",
    "api-key: SECRET": "api-key: …",
    "ET.Login(name='ada', password='SECRET')": "ET.Login(name='ada', password='…')",
    "connecting to wss://ada:SECRET@host.example/feed": "connecting to wss://…@host.example/feed",
    "wss://host.example/feed?key=SECRET&x=1": "wss://host.example/feed?…",
    "https://host.example/feed?key=SECRET&x=1#y": "https://host.example/feed?key=…&x=1#y",
    "redis://:SECRET@localhost:6379/0": "redis://…@localhost:6379/0",
    "https://SECRET@host.example/": "https://…@host.example/",
    "amqp://ada:p@SECRET@host/": "amqp://…@host/",
    "postgres://ada:SECRET/SECRET@host/": "postgres://…@host/",
    "the url ends: ws://ada:SECRET": "the url ends: ws://…",
    "sent Bearer SECRET.a.b to it": "sent Bearer … to it",
    "it said Basic U0VDUkVUOlNFQ1JFVA== twice": "it said Basic … twice",
    "secret_key=SECRET": "secret_key=…",
    "('password', 'SECRET')": "('password', '…')",
    "pwd=SECRET": "pwd=…",
    "JWT: SECRET": "JWT: …",
}


@pytest.mark.parametrize("text", SECRETS)
def test_tokens_cookies_and_passwords_never_reach_the_journal(text):
    journal = Journal()
    journal.note("error", text, path=text, input={"text": text})
    fault(journal, text, input=text)
    shown = str([{**entry, "time": 0, "last": 0} for entry in journal.entries()])
    assert "SECRET" not in shown
    assert hide_secrets(text) == SECRETS[text]


@pytest.mark.parametrize(
    "text",
    [
        "the cookie, which is nice",
        "max_tokens: 5",
        "authorisation",
        "a token of love",
        "",
        "a basic understanding of bearer bonds",
        "http://127.0.0.1:8000/a?b=c",
        "http://[::1]:8000",
        "write to ada@host.example",
        "see http://host.example/@ada and x@y",
    ],
)
def test_text_without_secrets_is_not_changed(text):
    assert hide_secrets(text) == text


@given(st.text())
def test_hiding_never_fails_and_hides_the_same_thing_twice(text):
    once = hide_secrets(text)
    assert hide_secrets(once) == once


def test_credential_fields_are_removed_from_messages():
    journal = Journal()
    request = ET.Request(path="/x", headers={"x-auth": "SECRET"}, body="SECRET", query_params={"q": "SECRET"})
    journal.note("info", "x", input=request)
    [entry] = journal.entries()
    assert "SECRET" not in entry["input"]
    assert "/x" in entry["input"]


# What strangers choose


def test_entries_with_text_chosen_by_peers_are_one_entry_with_some_examples(caplog):
    journal = Journal()
    with caplog.at_level(logging.WARNING, logger="zefnb"):
        for number in range(1_100):
            journal.note("warning", f"refused host-{number}", key="refused", example=f"host-{number}")
    [entry] = journal.entries()
    assert (entry["count"], entry["message"]) == (1_100, "refused host-0")
    assert entry["examples"] == ["host-0", "host-1", "host-2", "host-3"]
    assert [record.getMessage() for record in caplog.records][:2] == [
        "refused host-0",
        "refused host-0 (for the 10th time, such as host-0, host-1, host-2, host-3)",
    ]
    assert len(caplog.records) == 4


def test_errors_of_one_handler_are_one_entry_for_all_request_paths():
    journal = Journal()
    for number in range(50):
        try:
            fail()
        except ValueError as error:
            journal.exception(f"handler f of /{number}", error, key="handler", example=f"/{number}", path=f"/{number}")
    [entry] = journal.entries()
    assert (entry["count"], entry["path"], entry["examples"][:2]) == (50, "/49", ["/0", "/1"])


def test_errors_that_peers_make_different_share_an_entry_from_a_number_on():
    """Clients name topics, and a handler can name the class of an error after its message."""
    journal = Journal(capacity=4 * FAMILY_LIMIT)
    journal.note("error", "another error")
    for n in range(2 * FAMILY_LIMIT):
        fault(journal, topic=ET.Topic(f"room {n}"))
    for n in range(10 * FAMILY_LIMIT):
        journal.note("error", f"loop {n}", key=("loop", n))
    for n in range(10 * FAMILY_LIMIT):
        try:
            fail(kind=type(f"Error{n}", (Exception,), {}))
        except Exception as error:
            journal.exception("handler g", error, handler="g")
    counts = {entry["message"].partition(" (counted")[0]: entry["count"] for entry in journal.entries("error")}
    shared = [entry["count"] for entry in journal.entries("error") if "counted with others" in entry["message"]]
    assert shared == [9 * FAMILY_LIMIT, 9 * FAMILY_LIMIT, FAMILY_LIMIT]
    assert len(journal.entries("error")) == 3 * (FAMILY_LIMIT + 1) + 1
    assert counts["another error"] == 1


def test_forgotten_entries_leave_room_in_their_family():
    journal = Journal(capacity=2)
    for n in range(3 * FAMILY_LIMIT):
        journal.note("error", f"loop {n}", key=("loop", n))
    assert [entry["message"] for entry in journal.entries()] == [f"loop {3 * FAMILY_LIMIT - n}" for n in (1, 2)]
    for n in range(FAMILY_LIMIT):
        journal.note("error", f"{n}")
    assert journal._families == {}


@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_only_errors_push_out_errors(level):
    journal = Journal(capacity=10)
    fault(journal)
    for number in range(1_000):
        journal.note(level, f"line {number}")
    assert [entry["error"] for entry in journal.entries("error")] == ["ValueError"]
    assert len(journal.entries()) == 11


def test_lines_for_pythons_logging_are_limited_and_the_number_left_out_is_reported(caplog, monkeypatch):
    journal = Journal()
    for number in range(5_000):
        journal.note("warning", f"line {number}")
    assert len(caplog.records) < 500
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    journal.note("warning", "one more")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[-1].startswith("one more (and ")
    left_out = [int(found[1].replace(",", "")) for line in lines if (found := re.search(r"and ([\d,]+) other", line))]
    assert len(lines) + sum(left_out) == 5_001


# Text from outside

FORGED = "peer\x1b]52;c;cm0gLXJm\x07\x9b2J\n2026-01-01 ERROR root: forged\r\u2028\u202egnp.exe \ud800"


def bad_characters(text, allowed=""):
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c == "\u202e"} - set(allowed)


def test_no_escape_sequence_and_no_forged_line_is_kept_or_logged(caplog):
    journal = Journal()
    journal.note("warning", FORGED, key="k", example=FORGED, path=FORGED, input=[FORGED], origin=ET.Page(at=FORGED))
    journal.note("warning", FORGED, key="k", example="other" + FORGED)
    fault(journal, FORGED, path=FORGED, handler=FORGED)
    for entry in journal.entries():
        for name, value in entry.items():
            allowed = "\n" if name == "traceback" else ""
            assert not bad_characters(str(value), allowed), name
    assert not [line for line in journal.entries("error")[0]["traceback"].splitlines() if line.startswith("2026")]
    assert all(not bad_characters(record.getMessage()) for record in caplog.records)


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(), max_size=300), st.integers(1, 60), st.integers(0, 12_000))
def test_any_text_is_short_without_controls_and_without_the_secret_at_its_cut(text, times, at):
    journal = Journal()
    secret = "hush5f3a" * times
    for form in (f"token={secret}", f"wss://ada:{secret}@host/", f"Authorization: Basic {secret}", f"?key={secret}&"):
        long = (text + " ") * (at // (len(text) + 1)) + form + text * 50
        journal.note("info", long, input=long, path=long)
        try:
            fail(long)
        except ValueError as error:
            journal.exception("f", error, input={"said": long})
        for entry in journal.entries():
            assert len(entry["message"]) <= 4_000
            assert len(entry.get("traceback", "")) <= 8_000
            assert not bad_characters(entry["message"] + entry["input"])
            assert not bad_characters(entry.get("traceback", ""), "\n\t")
        if '"' not in text and "'" not in text:
            assert "hush" not in str(journal.entries())
        journal.clear()


def test_an_entity_with_a_uid_that_is_no_handle_is_kept_as_text():
    journal = Journal()
    journal.note("info", "x", input=ET.Guest("ada", password="SECRET", text="y" * 5_000))
    [entry] = journal.entries()
    assert "SECRET" not in entry["input"]
    assert len(entry["input"]) < 200


class Huge:
    text = "word " * (4 << 20)

    def __str__(self):
        return self.text

    __repr__ = __str__


@pytest.mark.parametrize("value", [Huge.text, [Huge.text] * 100, {"a": Huge.text}, ET.Guest(text=Huge.text)], ids=type)
def test_a_huge_text_takes_no_longer_than_a_short_one(value):
    journal = Journal()
    began = time.process_time()
    for number in range(50):
        journal.note("info", Huge.text, input=value, path=Huge.text)
        try:
            fail(value if isinstance(value, str) else [value])
        except ValueError as error:
            journal.exception(f"handler {number}", error, input=value)
    assert time.process_time() - began < 2.5, "cleaning all of it takes seconds each time"


NASTY = [
    "token",
    "token-",
    "token=",
    "token ",
    "token\\",
    "\\",
    "'",
    '"',
    "a-",
    "_",
    "cookie:",
    "cookie: ",
    "cookie:\n",
]
NASTY += [
    "://",
    "://a:",
    "://a@",
    "?key=",
    "bearer ",
    "basic a",
    "auth",
    "token: '",
    "session_",
    "ws://",
    "://a:/",
    "@",
]


@pytest.mark.parametrize("part", NASTY)
def test_the_time_to_remove_secrets_is_proportional_to_the_text(part):
    def took(length):
        text = (part * length)[:length]
        times = []
        for _ in range(5):
            began = time.process_time()
            hide_secrets(text)
            times.append(time.process_time() - began)
        return min(times)

    assert took(32_000) < 25 * max(took(4_000), 0.001), "eight times the text, sixty-four times the work"


# Writing from anywhere


class Publishing(logging.Handler):
    """A handler of logging that writes to the journal, as a handler that publishes and fails does."""

    def __init__(self, journal):
        super().__init__()
        self.journal = journal

    def emit(self, record):
        self.journal.note("error", f"could not publish {record.getMessage()}")
        fault(self.journal, "could not publish")


def test_a_handler_of_logging_can_write_to_the_journal():
    journal = Journal()
    handler = Publishing(journal)
    logger.addHandler(handler)
    try:
        journal.note("warning", "the first")
    finally:
        logger.removeHandler(handler)
    assert [entry["message"] for entry in journal.entries()] == [
        "handler f: ValueError: could not publish",
        "could not publish the first",
        "the first",
    ]


def test_a_listener_can_write_to_the_journal():
    journal = Journal()
    journal.listeners.append(lambda entry: journal.note("error", "heard"))
    journal.note("info", "once")
    assert [entry["message"] for entry in journal.entries()] == ["heard", "once"]


def test_a_logging_filter_that_fails_is_in_the_journal_and_does_not_raise():
    journal = Journal()

    def broken(record):
        raise RuntimeError("broken filter")

    logger.addFilter(broken)
    try:
        journal.note("warning", "x")
    finally:
        logger.removeFilter(broken)
    assert "broken filter" in journal.entries()[0]["message"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers that interrupt")
def test_a_signal_handler_can_write_during_a_write():
    journal = Journal(capacity=100_000)
    interrupted = []

    def write(number, frame):
        interrupted.append(number)
        journal.note("info", "shared", key="shared")
        fault(journal)
        # The next only now: signals that come faster than they are handled nest until the stack ends.
        if writing:
            signal.setitimer(signal.ITIMER_REAL, 0.0002)

    writing = [True]
    before = signal.signal(signal.SIGALRM, write)
    signal.setitimer(signal.ITIMER_REAL, 0.0002)
    try:
        for _ in range(5_000):
            journal.note("info", "shared", key="shared")
            fault(journal)
    finally:
        writing.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted
    counts = {entry["level"]: entry["count"] for entry in journal.entries()}
    assert counts["info"] == 5_000 + len(interrupted)
    assert counts["error"] == 5_000 + len(interrupted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_write_when_threads_of_its_parent_were_writing():
    journal = Journal()
    done = threading.Event()

    def write():
        while not done.is_set():
            journal.note("info", "x", key="x")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if not child:
                signal.alarm(10)
                journal.note("info", "from a child", key="x")
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        done.set()
        thread.join()


def test_errors_of_callbacks_are_one_entry_for_all_arguments(until):
    """asyncio's message quotes the arguments, which may come from a peer."""
    runtime = default_runtime()

    def fail(sent):
        raise ValueError("no")

    for number in range(20):
        runtime.loop.call_soon_threadsafe(fail, f"message {number}")
    until(lambda: [entry["count"] for entry in FX.QueryLog(level="error") | run] == [20])


def test_errors_of_the_loop_that_wait_for_a_slow_text_are_bounded_and_counted(until, monkeypatch):
    monkeypatch.setattr(side_thread, "MOST_WAITING", 10)
    runtime, asked, goes_on = default_runtime(), threading.Event(), threading.Event()

    class Slow(Exception):
        def __str__(self):
            asked.set()
            goes_on.wait(20)
            return "slow"

    def fail_with(error):
        raise error

    runtime.loop.call_soon_threadsafe(fail_with, Slow())
    assert asked.wait(20)
    for _ in range(30):
        runtime.loop.call_soon_threadsafe(fail_with, ValueError("no"))
    until(lambda: [entry["count"] for entry in FX.QueryLog(level="error") | run] == [20])
    goes_on.set()
    until(lambda: sorted(entry["count"] for entry in FX.QueryLog(level="error") | run) == [1, 10, 20])


def test_many_different_lines_of_info_have_an_entry_each():
    journal = Journal()
    for number in range(4 * FAMILY_LIMIT):
        journal.note("info", f"line {number}", key=("printed", number))
    lines = {entry["message"] for entry in journal.entries()}
    assert lines == {f"line {number}" for number in range(4 * FAMILY_LIMIT)}
