"""The journal: what happened and what went wrong, counted, bounded, without anybody's secrets."""

from __future__ import annotations

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zefnb import ET, generate_uid
from zefnb.engine.journal import Journal, hide_secrets


def fail(text="ouch", kind=ValueError):
    raise kind(text)


def fault(journal, text="ouch", **details):
    try:
        fail(text)
    except ValueError as error:
        journal.fault("handler f", error, **details)


def test_the_newest_entry_comes_first_and_limit_cuts_the_oldest():
    journal = Journal()
    for n in range(5):
        journal.note("info", f"line {n}")
    assert [entry["message"] for entry in journal.entries(limit=2)] == ["line 4", "line 3"]


def test_a_level_shows_itself_and_what_is_worse():
    journal = Journal()
    for level in ("debug", "info", "warning", "error"):
        journal.note(level, level)
    assert [entry["message"] for entry in journal.entries(level="warning")] == ["error", "warning"]


def test_faults_from_the_same_place_are_one_entry_with_a_count_and_two_times():
    journal = Journal()
    for _ in range(3):
        fault(journal, handler="f")
    [entry] = journal.entries()
    assert (entry["count"], entry["error"], entry["handler"]) == (3, "ValueError", "f")
    assert entry["last"] > entry["time"]
    assert "raise kind(text)" in entry["traceback"]
    assert entry["message"] == "handler f: ValueError: ouch"


def test_faults_of_different_handlers_servers_or_topics_are_different_entries():
    journal = Journal()
    first, second = ET.HTTPServer(generate_uid(), port=1), ET.HTTPServer(generate_uid(), port=2)
    for details in ({"server": first}, {"server": second}, {"handler": "g"}, {"topic": ET.Topic("t")}):
        fault(journal, **details)
    assert len(journal.entries()) == 4
    assert len(journal.entries(server=first)) == 1


def test_it_keeps_the_last_thousand_and_counts_afresh_what_it_has_forgotten():
    journal = Journal(capacity=10)
    journal.note("info", "repeated", key="k")
    for n in range(10):
        journal.note("info", str(n))
    journal.note("info", "repeated", key="k")
    entries = journal.entries()
    assert len(entries) == 10
    assert (entries[0]["message"], entries[0]["count"]) == ("repeated", 1)


def test_pythons_logging_hears_the_first_and_every_tenfold(caplog):
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


def test_listeners_hear_every_entry_and_a_broken_one_breaks_nothing(caplog):
    journal, heard = Journal(), []
    journal.listeners += [lambda entry: 1 / 0, lambda entry: heard.append(entry.message)]
    journal.note("info", "hello")
    assert heard == ["hello"]
    assert "a listener of the journal failed" in caplog.text


def test_many_threads_write_and_nothing_is_lost():
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


def test_details_keep_handles_as_they_are_and_make_text_of_everything_from_outside():
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
}


@pytest.mark.parametrize("text", SECRETS)
def test_tokens_cookies_and_passwords_never_reach_it(text):
    journal = Journal()
    journal.note("error", text, path=text, input={"text": text})
    fault(journal, text, input=text)
    shown = str([{**entry, "time": 0, "last": 0} for entry in journal.entries()])
    assert "SECRET" not in shown
    assert hide_secrets(text) == SECRETS[text]


@pytest.mark.parametrize("text", ["the cookie, which is nice", "max_tokens: 5", "authorisation", "a token of love", ""])
def test_what_is_no_secret_stays(text):
    assert hide_secrets(text) == text


@given(st.text())
def test_hiding_never_fails_and_hides_the_same_thing_twice(text):
    once = hide_secrets(text)
    assert hide_secrets(once) == once


def test_fields_in_which_peers_send_credentials_are_left_out_of_messages():
    journal = Journal()
    request = ET.Request(path="/x", headers={"x-auth": "SECRET"}, body="SECRET", query_params={"q": "SECRET"})
    journal.note("info", "x", input=request)
    [entry] = journal.entries()
    assert "SECRET" not in entry["input"]
    assert "/x" in entry["input"]
