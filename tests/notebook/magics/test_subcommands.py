"""Every subcommand of `%zef`: its help, and its errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from zefnb.notebook.magics import SUBCOMMANDS, command


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help(kernel, name):
    done = kernel.run(f"%zef {name} -h")
    assert done.error is None
    assert f"zef {name}" in done.text
    assert "-h, --help" in done.text
    assert command(name).name == name


def test_the_list_of_subcommands_is_the_folder():
    folder = Path(command.__code__.co_filename).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__", "overview"} == set(SUBCOMMANDS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%zef pubish chat hi", "no subcommand 'pubish' (%zef -h lists them); did you mean 'publish'?"),
        ("%zef start ws", "'ws' is not a path; write '/ws'"),
        ("%zef start /ws --port 99999 --topic chat", "'99999' is not a port; give a number from 0 to 65535"),
        ("%zef start /ws --colour red --topic chat", "unrecognized arguments: --colour red"),
        ("%zef start /ws", "the route has no topic or actor: give --topic"),
        ("%zef start /ws --actor nobody", "--actor nobody is not an FX.StartActor"),
        ("%zef start /ws --name 1a --topic chat", "--name 1a is not a name"),
        ("%zef start /ws --topic", "argument --topic: expected one argument"),
        ("%zef stop", "no server is running; `%zef start` starts one"),
        ("%zef stop nobody", "nobody is not a server; give the name of a variable"),
        ("%zef publish", "the following arguments are required: topic"),
        ("%zef publish chat", "the message is missing"),
        ("%zef publish chat {undefined}", "{undefined}: NameError"),
        ("%zef publish chat --json {{", "this is not JSON"),
        ("%zef kick one", "'one' is not a whole number from 0"),
        ("%zef kick 3", "no server is running; `%zef start` starts one"),
        ("%zef send 3", "the message is missing"),
        ("%zef clients nobody/ws", "nobody is not a server; give the name of a variable"),
        ("%zef watch /nowhere", "/nowhere is not a WebSocket route; routes: none"),
        ("%zef log --level loud", "invalid choice: 'loud'"),
        ("%zef tail", "the following arguments are required: topic"),
        ("%zef connect ftp://example/ws --in a", "ws://host/path or wss://host/path"),
        ("%zef connect ws://127.0.0.1:9/ws", "a topic is missing: give --in"),
        ("%zef connect ws://127.0.0.1:9/ws --in a", "127.0.0.1:9"),
        ("%zef connect ws://127.0.0.1:9/ws --in a --header hush", 'this is not a header; write "Name: value"'),
        ("%zef connect ws://127.0.0.1:9/ws --in a --header 'X Y: hush'", "a name is not valid for a header"),
        ("%zef off chat", "no cell is subscribed to chat; topics with such a cell: none"),
        ("%zef page /", "page needs a cell: write %%zef page"),
        ("%%zef\nx", "the subcommand is missing: %%zef page"),
        ("%%zef stop\nx", "stop needs a line: write %zef stop"),
        ("%%zef on\nx", "the following arguments are required: topic"),
        ("%%zef publish chat too much\nx", "the message is the cell"),
        ("%%zef publish chat --json\n{", "this is not JSON"),
        ("%%zef on chat\nif:", "line 1 of the cell: invalid syntax"),
        ("%zef actors nobody", "nobody is not an actor; give the name of a variable"),
    ],
)
def test_a_mistake_is_one_line_without_a_traceback(kernel, line, said):
    done = kernel.run(line)
    assert done.error is None
    assert said in done.text
    assert len(done.text.splitlines()) == 1, done.text
    assert done.streams[0][0] == "stderr"
