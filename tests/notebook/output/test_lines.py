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


def test_a_line_is_passed_on_when_it_ends():
    lines = Lines()
    assert [lines.write(text) for text in ("a", " ", "b", "\n", "c\nd\ne")] == ["", "", "", "a b\n", "c\nd\n"]
    assert lines


def test_lines_of_two_threads_do_not_mix():
    lines = Lines()
    lines.write("mine ")
    assert in_another_thread(lines.write, "another's\n") == "another's\n"
    assert lines.write("too\n") == "mine too\n"
    assert not lines


def test_a_flush_passes_on_the_line_of_its_own_thread():
    lines = Lines()
    lines.write("50 %")
    assert in_another_thread(lines.flush) == ""
    assert lines.flush() == "50 %"
    assert not lines


def test_an_unfinished_line_is_passed_on_at_the_second_request():
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


def test_a_line_that_ended_and_started_again_is_not_overdue():
    lines = Lines()
    lines.write("first")
    lines.overdue()
    lines.write(" ends\nsecond")
    assert lines.overdue() == ""


def test_a_line_without_end_is_not_collected_for_ever():
    lines = Lines()
    given = sum(len(lines.write("." * 100)) for _ in range(1_000))
    assert given > 80_000
