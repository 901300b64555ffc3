"""Lines of several threads, each whole."""

from __future__ import annotations

import threading

from zefnb.notebook.output.lines import Lines


def in_another_thread(call, *args):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call(*args)))
    thread.start()
    thread.join()
    return answers[0]


def test_a_line_is_given_when_it_has_ended():
    lines = Lines()
    assert [lines.write(text) for text in ("a", " ", "b", "\n", "c\nd\ne")] == ["", "", "", "a b\n", "c\nd\n"]
    assert lines


def test_another_threads_line_does_not_cut_into_it():
    lines = Lines()
    lines.write("mine ")
    assert in_another_thread(lines.write, "another's\n") == "another's\n"
    assert lines.write("too\n") == "mine too\n"
    assert not lines


def test_a_flush_gives_the_line_of_its_own_thread():
    lines = Lines()
    lines.write("50 %")
    assert in_another_thread(lines.flush) == ""
    assert lines.flush() == "50 %"
    assert not lines


def test_a_line_that_is_left_is_given_when_it_is_asked_for_the_second_time():
    lines = Lines()
    lines.write("...")
    assert lines.overdue() == ""
    lines.write(".")
    assert lines.overdue() == "...."
    assert lines.overdue() == ""


def test_a_line_that_is_left_waits_longer_while_another_thread_writes_lines():
    lines = Lines()
    lines.write("half of")
    asked = 0
    while not (given := lines.overdue()):
        in_another_thread(lines.write, "another's\n")
        asked += 1
        assert asked < 100, "never shown"
    assert (given, asked) == ("half of", 10)


def test_a_line_that_ended_and_began_anew_is_not_overdue():
    lines = Lines()
    lines.write("first")
    lines.overdue()
    lines.write(" ends\nsecond")
    assert lines.overdue() == ""


def test_a_line_that_never_ends_is_not_gathered_for_ever():
    lines = Lines()
    given = sum(len(lines.write("." * 100)) for _ in range(1_000))
    assert given > 80_000
