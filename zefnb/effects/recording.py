"""Effects on recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import effect
from zefnb.core.entity import HTTPServer, Success, Topic
from zefnb.core.types import Matcher
from zefnb.errors import FieldError, InvalidEffect, shown

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime
    from zefnb.recording.recording import Recording

    RecordingType = Recording
else:

    class _RecordingType:
        """The pattern that matches recordings, which loads their package only when one can exist."""

        def __pattern__(self) -> Matcher:
            return Matcher(by_type=None, test=lambda value: type(value).__name__ == "Recording")

        def __repr__(self) -> str:
            return "a recording"

    RecordingType = _RecordingType()

_KEEP, _MOST_ROWS = 100_000, 10_000_000


@effect("StartRecording", keyed="recording")
async def start_recording(
    runtime: Runtime,
    *,
    server: HTTPServer | None = None,
    topics: Topic | str | Sequence[Topic | str] | None = None,
    keep: int | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Recording:
    """Record what the clients of a server send and when they connect and leave, or what is published to topics.

    A recording contains what clients sent. It contains no cookies, no `Authorization` headers and no tokens of urls.
    For routes with an actor it also has what the handlers returned, for `FX.Rehearse`.

    It ends with `FX.StopRecording`, or when the server stops. Its rows stay. Running the cell again replaces the
    recording.

    Args:
        server: The server whose clients are recorded.
        topics: Or the topics: `ET.Topic`, or patterns of names such as `'sensors/*'`, where `*` stands for any text,
            `?` for one character and `[ab]` for one of these.
        keep: The most rows in memory, 100,000 by default; the oldest are dropped and counted.
        path: The path of a file, such as `'evening.zeft'`, to which all rows are written as they arrive. A recording
            that the file has already is continued. Default: the rows are in memory.

    Returns:
        The recording: a sequence of rows with the fields time, kind, topic, channel_id, path, user and content.

    Raises:
        InvalidEffect: Neither or both of `server` and `topics` are given, a topic has no name, `keep` is not valid or
            given with `path`, or another recording writes to this file.
        NotRunning: The server has been stopped, or belongs to another process.
        StorageFailed: The file cannot be used, or another program has it open.

    >>> from zefnb import *
    >>> tape = FX.StartRecording(topics=[ET.Topic('room')]) | run
    >>> FX.Publish(target=ET.Topic('room'), content='hello') | run
    ET.Success()
    >>> FX.StopRecording(recording=tape) | run
    ET.Success(rows=1)
    >>> tape[0].content
    'hello'
    """
    from zefnb.net.http.servers import Servers
    from zefnb.recording.recordings import Recordings
    from zefnb.topics.hub import Hub

    if (server is None) == (topics is None):
        given = "both `server` and `topics`" if server is not None else "neither `server` nor `topics`"
        raise InvalidEffect("FX.StartRecording", [FieldError("server", f"got {given}", "exactly one of the two")])
    if keep is not None:
        _check_keep(keep, path)
    recordings = runtime.service(Recordings)
    names, patterns = _topics(topics)
    running = runtime.service(Servers).get(server) if server is not None else None
    if (previous := recordings.previous()) is not None:
        await recordings.stop(previous.handle)
        runtime.cells.replaced("the recording that this cell started before")
    tape = recordings.in_memory(keep or _KEEP) if path is None else await recordings.on_disk(path)
    if running is not None:
        recording = recordings.start_for_server(running, tape)
    else:
        recording = recordings.start_for_topics(runtime.service(Hub), names, patterns, tape)
    runtime.cells.record(recording)
    return recording


def _check_keep(keep: int, path: Any) -> None:
    if path is not None:
        problem = FieldError("keep", f"got {keep} with `path`", "for a recording in memory only; a file has all rows")
        raise InvalidEffect("FX.StartRecording", [problem])
    if not 1 <= keep <= _MOST_ROWS:
        raise InvalidEffect("FX.StartRecording", [FieldError("keep", f"got {keep}", f"1 to {_MOST_ROWS:,}")])


def _topics(given: Topic | str | Sequence[Topic | str] | None) -> tuple[list[Topic], list[str]]:
    """Return the topics and the patterns of names."""
    from zefnb.topics.hub import topic_key

    if given is None:
        return [], []
    listed: list[Any] = [given] if isinstance(given, Topic | str) else list(dict.fromkeys(given))
    if not listed:
        raise InvalidEffect("FX.StartRecording", [FieldError("topics", "got no topic", "a topic, or a list of topics")])
    if "" in listed:
        raise InvalidEffect("FX.StartRecording", [FieldError("topics", f"got {shown('')}", "a name, or a pattern")])
    names = [each for each in listed if isinstance(each, Topic)]
    for topic in names:
        topic_key(topic, "topics")
    return names, [each for each in listed if isinstance(each, str)]


@effect("StopRecording")
async def stop_recording(runtime: Runtime, *, recording: RecordingType) -> Success:
    """Stop a recording. Its rows stay as long as the program uses them.

    Args:
        recording: The recording.

    Returns:
        `ET.Success(rows=…)`, with the number of its rows.

    Raises:
        NotRunning: The recording has been stopped before, or its server has.

    >>> from zefnb import *
    >>> tape = FX.StartRecording(topics='sensors/*') | run
    >>> FX.StopRecording(recording=tape) | run
    ET.Success(rows=0)
    """
    from zefnb.recording.recordings import Recordings

    await runtime.service(Recordings).stop(recording)
    return Success(rows=len(recording))


@effect("SaveRecording")
async def save_recording(runtime: Runtime, *, recording: RecordingType, path: str | os.PathLike[str]) -> Success:
    """Write a recording, which may still run, to a file. A recording at that path is replaced.

    The file contains what clients sent. Values that a file cannot hold, such as functions in the effects of handlers,
    are stored as the text of an `ET.NotStored`.

    Args:
        recording: The recording.
        path: The path of the file, such as `'evening.zeft'`. Its directory must exist.

    Returns:
        `ET.Success(rows=…)`, with the number of rows in the file.

    Raises:
        StorageFailed: The file cannot be written, is in use, or is not a recording.

    >>> from zefnb import *
    >>> import os, tempfile
    >>> tape = FX.StartRecording(topics='sensors/*') | run
    >>> path = os.path.join(tempfile.mkdtemp(), 'evening.zeft')
    >>> FX.SaveRecording(recording=tape, path=path) | run
    ET.Success(rows=0)
    >>> FX.StopRecording(recording=tape) | run
    ET.Success(rows=0)
    """
    from zefnb.recording.files import resolved, save
    from zefnb.recording.recordings import in_handler_thread

    place = resolved("FX.SaveRecording", path)
    return Success(rows=await in_handler_thread(runtime, lambda: save(recording, place)))


@effect("LoadRecording")
async def load_recording(runtime: Runtime, *, path: str | os.PathLike[str]) -> Recording:
    """Open the file of a recording. Its rows are read when they are used, some at a time.

    A file from anyone can be opened: it runs no code.

    Args:
        path: The path of the file.

    Returns:
        The recording, which does not grow, unless another program still writes to the file.

    Raises:
        StorageFailed: The file does not exist, is damaged, is not a recording, or was written by a newer zefnb.

    >>> from zefnb import *
    >>> import os, tempfile
    >>> tape = FX.StartRecording(topics='sensors/*') | run
    >>> path = os.path.join(tempfile.mkdtemp(), 'evening.zeft')
    >>> FX.SaveRecording(recording=tape, path=path) | run
    ET.Success(rows=0)
    >>> len(FX.LoadRecording(path=path) | run)
    0
    >>> FX.StopRecording(recording=tape) | run
    ET.Success(rows=0)
    """
    from zefnb.recording.files import load, resolved
    from zefnb.recording.recordings import in_handler_thread

    place = resolved("FX.LoadRecording", path)
    loaded: Recording = await in_handler_thread(runtime, lambda: load(place))
    return loaded
