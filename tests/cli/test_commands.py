"""The command line itself, `doctor`, `shell` and `lab`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.processes import COMMAND, ENVIRONMENT, needs_tmux, terminal, zefnb
from tests.spec.sessions import machine_wide
from zefnb import __version__
from zefnb.cli import main
from zefnb.notebook import doctor as examined
from zefnb.notebook.doctor import doctor
from zefnb.notebook.tutorials import how_to_open, notebooks_folder


def test_it_prints_its_version():
    assert zefnb("--version").stdout == f"zefnb {__version__}\n"


def test_help_names_every_command():
    shown = zefnb("--help").stdout
    assert all(command in shown for command in ("demo", "shell", "doctor", "lab"))


def test_a_usage_error_is_one_line():
    for arguments, reason in (
        ((), "required: COMMAND"),
        (("dmeo",), "invalid choice: 'dmeo'"),
        (("demo", "--port", "70000"), "'70000' is not a port; give a number from 0 to 65535"),
        (("demo", "--port", "http"), "'http' is not a port; give a number from 0 to 65535"),
        (("demo", "--seconds", "-1"), "give a number of seconds above 0"),
        (("demo", "--seconds", "soon"), "give a number of seconds above 0"),
        (("doctor", "--browser"), "unrecognized arguments: --browser"),
    ):
        done = zefnb(*arguments)
        assert done.returncode == 2
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_failure_is_one_line_without_a_traceback():
    broken = "import sys, zefnb.cli as c; c._call = lambda given: (_ for _ in ()).throw(OSError(2, 'no such\\nthing'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{broken}; sys.exit(c.main(['doctor']))"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert done.returncode == 1
    assert done.stderr == "zefnb doctor: [Errno 2] no such thing\n"


def test_the_doctor_finds_nothing_missing_here():
    done = zefnb("doctor")
    assert done.returncode == 0, done.stdout
    subjects = {line[8:26].strip() for line in done.stdout.splitlines()}
    assert {"zefnb", "python", "websockets", "uvicorn", "h11", "rich", "ipython", "uvloop"} <= subjects
    assert {"event loop", "127.0.0.1", "::1", "port 8000", "HTTP", "WebSocket", "jupyterlab"} <= subjects
    assert "a message came back in" in done.stdout
    assert "Nothing that zefnb needs is missing." in done.stdout


def test_the_doctor_reports_that_port_8000_is_in_use():
    with machine_wide("port-8000"), ExitStack() as stack:
        with suppress(OSError):  # another program uses it, which has the same effect
            stack.enter_context(socket.create_server(("127.0.0.1", 8000)))
        assert "port 8000         busy" in zefnb("doctor").stdout


def test_a_missing_or_outdated_requirement_is_reported(monkeypatch):
    monkeypatch.setattr(examined, "requires", lambda name: ["rich>=13", "no-such-thing>=2", "uvicorn<0.2,>=0.1"])
    console = Console(record=True, width=200, file=open(os.devnull, "w"))  # noqa: SIM115
    assert doctor(console) == 1
    said = console.export_text()
    console.file.close()
    assert "pip install 'no-such-thing>=2'" in said
    assert "but zefnb needs <0.2,>=0.1" in said
    assert said.rstrip().endswith("2 faults")


def test_the_doctor_reports_what_a_notebook_lacks(monkeypatch):
    monkeypatch.setattr(examined, "_version_of", lambda name: None if name == "jupyterlab" else "99")
    lines = [f"{finding.verdict} {finding.text}" for finding in examined.for_notebooks()]
    assert "note not installed (the notebook itself); pip install jupyterlab" in lines


def test_the_shell_has_everything_imported():
    done = zefnb("shell", given="FX\nET.Guest(name='Ada')\n(FX.ListActors() | run) == []\n%zef\n")
    assert done.returncode == 0
    assert "Out[4]: zefnb: 0 servers" in done.stdout
    assert "Out[1]: FX" in done.stdout
    assert "ET.Guest(name='Ada')" in done.stdout
    assert "Out[3]: True" in done.stdout
    assert done.stdout.splitlines()[0].startswith(f"zefnb {__version__}: ")


@needs_tmux
def test_the_shell_in_a_terminal_prints_one_line_and_exits_at_once():
    with terminal(100, 24) as screen:
        screen.enter(" ".join(f"'{part}'" for part in (*COMMAND, "shell")))
        lines = screen.until("In [1]:", 30)
        assert sum(line.startswith("zefnb ") for line in lines) == 1
        screen.enter("FX.Publish(target=ET.Topic('t'), content='hi') | run")
        screen.until("ET.Success()")
        screen.until("In [2]:")  # what is pressed before is lost: the terminal is still the cell's
        screen.press("C-d")
        screen.until_prompt()
        screen.enter("echo status=$?")
        screen.until("status=0")


def test_lab_without_jupyter_says_how_to_install_it(monkeypatch, capsys):
    from zefnb.cli import lab

    monkeypatch.setattr(lab, "find_spec", lambda name: None)
    assert lab.lab() == 1
    assert capsys.readouterr().err.count("pip install jupyterlab") == 1


def test_lab_opens_the_notebooks_there_are(monkeypatch, tmp_path: Path):
    from zefnb.cli import lab

    called: list[list[str]] = []
    monkeypatch.setattr(lab, "find_spec", lambda name: object())
    monkeypatch.setattr(lab.os, "execv", lambda program, command: called.append(command))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "02-second.ipynb").write_text("{}")
    (tmp_path / "notebooks" / "01-first.ipynb").write_text("{}")
    assert "make lab" in how_to_open()
    main(["lab", "--no-browser"])
    (command,) = called
    assert command[:4] == [sys.executable, "-m", "jupyterlab", str(tmp_path / "notebooks")]
    assert "--LabApp.default_url=/lab/tree/01-first.ipynb" in command
    assert command[-1] == "--no-browser"


@pytest.mark.parametrize("user", [0, 1000])
def test_lab_also_starts_for_root_and_says_so(monkeypatch, tmp_path: Path, capsys, user: int):
    from zefnb.cli import lab

    called: list[list[str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lab, "find_spec", lambda name: object())
    monkeypatch.setattr(lab.os, "geteuid", lambda: user)
    monkeypatch.setattr(lab.os, "execv", lambda program, command: called.append(command))
    main(["lab"])
    assert ("--allow-root" in called[0]) == (user == 0)
    assert ("--allow-root" in capsys.readouterr().err) == (user == 0)


def test_from_another_folder_lab_opens_the_tutorials_of_its_checkout(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    folder = notebooks_folder()
    assert folder == Path(__file__).parents[2] / "notebooks"
    assert (folder / "01-start-here.ipynb").exists()
