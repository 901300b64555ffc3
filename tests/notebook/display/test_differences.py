"""The display of a rehearsal: a table with what differs marked, filters, and the steps of one connection."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from tests.rehearsal.made import recorded
from tests.rehearsal.test_rehearsal import TALK, on_text, rehearsed, with_text
from zefnb import ET, FX, Any, String
from zefnb.notebook.display.display import as_html, plain_text
from zefnb.notebook.display.marks import marked


def changed(text, state):
    if text == "b":
        raise ValueError("<b>no b</b>")
    exclaimed = text + "!" * (text == "two")
    return [[FX.Publish(target=state.out, content=f"{state.n}: {exclaimed}")], ET.Guest(out=state.out, n=state.n + 1)]


@pytest.fixture
def found():
    return rehearsed(recorded(with_text(on_text), TALK), with_text(changed))


def cells(page):
    rows = BeautifulSoup(page, "html.parser").select("tbody tr")
    return [[cell.get_text(" ", strip=True) for cell in row.select("td")] for row in rows]


def test_a_row_has_the_message_and_only_the_parts_that_differ(found):
    row, *_ = cells(as_html(found))
    assert row[2:5] == ["1", "changed", "'two'"]
    assert row[5:] == ["effects[0].content '1: two'", "effects[0].content '1: two ! '"]


def test_only_the_words_that_differ_are_marked(found):
    page = BeautifulSoup(as_html(found), "html.parser")
    assert [mark.get_text() for mark in page.select("tbody tr")[0].select("ins, del")] == ["!"]


def test_texts_from_clients_and_exceptions_are_escaped(found):
    page = as_html(found)
    assert "<b>no b</b>" not in page
    assert "&lt;b&gt;no b" in page


def test_the_filters_are_rules_of_the_style_sheet_and_no_script(found):
    page = as_html(found)
    assert "<script" not in page
    choices = BeautifulSoup(page, "html.parser").select("select")
    assert [choice["data-by"] for choice in choices] == ["client", "kind"] or "client" in choices[0]["data-by"]
    assert ':has([data-by=client] .o0:checked) tr[data-client]:not([data-client="1"])' in page


def test_the_steps_of_a_connection_show_the_states_and_open_where_they_differ(found):
    page = BeautifulSoup(as_html(found.connection(2)), "html.parser")
    steps = page.select("details")
    assert [step.has_attr("open") for step in steps] == [False, False, True, True]
    assert "before" in steps[2].get_text()
    assert "n=1" in steps[2].select("tr")[0].get_text()
    assert "error" in steps[2].select_one("summary").get_text()


def test_a_terminal_shows_the_same_table_without_control_characters():
    tape = recorded(with_text(on_text), [(1, "\x1b[31mred")])
    found = rehearsed(tape, with_text(changed))
    assert plain_text(found, colour=False, width=120) == "no difference in 3 messages of 1 connection"
    found = rehearsed(tape, with_text(lambda text, state: [[], state]))
    text = plain_text(found, colour=False, width=120)
    assert "\x1b" not in text
    assert "effects[0]" in text
    assert "\x1b[" in plain_text(found, colour=True, width=120)


def test_long_results_are_cut():
    found = rehearsed(recorded(with_text(on_text), [(1, str(n)) for n in range(300)]), with_text(lambda t, s: [[], s]))
    page = as_html(found)
    assert len(cells(page)) == 200
    assert "101 more" in page
    steps = BeautifulSoup(as_html(found.connection(1)), "html.parser").select("details")
    assert [step.has_attr("open") for step in steps[1:23]] == [True] * 20 + [False] * 2


def test_the_rules_of_rows_that_are_not_shown_are_named():
    def on_leave(message, state):
        return [[], ET.Gone()]

    def rules(on_text, leave):
        given = {(String, Any): on_text, (ET.WSClientDisconnected, Any): leave, (Any, Any): lambda m, s: [[], s]}
        return FX.StartActor(initial_state=0, rules=given)

    def on_text(text, state):
        return [[FX.Publish(target=ET.Topic("room"), content=text)], state]

    def silent(text, state):
        return [[], state]

    tape = recorded(rules(on_text, lambda m, s: [[], s]), [(1, str(n)) for n in range(300)])
    found = rehearsed(tape, rules(silent, on_leave))
    assert "… 101 more; slice or filter them: only(channel_id=…), or only(rule=…) for &#x27;on_leave&#x27;" in as_html(
        found
    )


def test_texts_with_little_in_common_are_marked_as_a_whole():
    then, now = marked("'welcome'", "'slow down: wait'")
    assert [span.differs for span in then] == [True]
    assert [span.text for span in now] == ["'slow down: wait'"]
