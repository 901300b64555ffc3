"""The display of recordings, as HTML and as text."""

from __future__ import annotations

from zefnb import ET, FX, run
from zefnb.notebook.display.display import as_html, plain_text

HOSTILE = "<script>alert(1)</script>\x1b[31m"


def test_a_recording_shows_its_span_its_counts_and_its_last_rows_in_safe_text():
    tape = FX.StartRecording(topics=["room", "sensors/*"]) | run
    for number in range(30):
        FX.Publish(target=ET.Topic(f"sensors/{number % 3}"), content=f"{HOSTILE} {number}") | run
    FX.StopRecording(recording=tape) | run
    html = as_html(tape)
    text = plain_text(tape, colour=False, width=100)
    for shown in (html, text):
        assert "\x1b" not in shown
        for part in ("contains what clients sent", "30 rows", "stopped", "sensors/2", "10"):
            assert part in shown
    assert "<script>alert" not in html
    assert "29" in text.splitlines()[-1]
    assert text.splitlines()[0].startswith("It contains what clients sent")


def test_an_empty_recording_has_a_display():
    tape = FX.StartRecording(topics="a") | run
    assert "0 rows" in plain_text(tape, colour=False, width=80)
    assert "0 rows" in as_html(tape)


def test_marimo_shows_recordings_and_rehearsals_as_a_notebook_does(clean):
    from zefnb.notebook.marimo.display import Display

    tape = FX.StartRecording(topics=[ET.Topic("room")]) | run
    FX.Publish(target=ET.Topic("room"), content="hello") | run
    FX.StopRecording(recording=tape) | run
    counting = FX.StartActor(initial_state=0, handler=lambda message, count: [[], count + 1])
    found = FX.Rehearse(recording=tape, actor=counting, all=True) | run
    display = Display()
    display.open()
    try:
        for value in (tape, found):
            mime, page = value._display_()._mime_()
            assert (mime, "hello" in page, "<table" in page) == ("text/html", True, True)
    finally:
        display.close()
    assert not hasattr(tape, "_display_")
