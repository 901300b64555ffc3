"""The picture in a terminal: its tree, and its bound in lines."""

from __future__ import annotations

import io
import re

from rich.console import Console

from tests.notebook.picture.test_diagram import answer, the_diagram
from tests.notebook.viewer import here
from zefnb import ET, FX, Any, picture, run, to_upper_case
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.picture.diagram import Diagram
from zefnb.notebook.picture.observed import Observed
from zefnb.notebook.picture.terminal import drawn, plain_text

CHAT = ET.Topic("chat")


def lines_of(diagram, most_lines=None):
    console = Console(file=io.StringIO(), width=100)
    console.print(drawn(diagram, most_lines))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_box_is_below_the_one_it_gets_messages_from_and_has_its_details_once(clean):
    FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_push_into_=[CHAT])}, port=0) | run
    FX.MapTopic(source=CHAT, target=ET.Topic("loud"), op=to_upper_case) | run
    FX.StartActor(initial_state=0, input=[CHAT], rules={(Any, Any): answer}) | run
    lines = plain_text(the_diagram()).splitlines()
    assert lines[0].split() == ["zefnb", "1", "server", "2", "topics", "1", "actor"]
    depth = {}
    for line in lines[1:]:
        name = re.sub(r"^[\s│├└─→⇄←⇢]*", "", line).split("  ")[0]
        depth[name] = len(line) - len(line.lstrip("│├└─ "))
    assert depth["/ws"] < depth["chat"] < depth["to_upper_case"] < depth["loud"]
    assert depth["chat"] < depth["answer"]
    assert len([line for line in lines if "loud" in line]) == 1


def test_nothing_runs(clean):
    assert lines_of(Diagram()) == ["zefnb", "nothing runs"]


def test_a_tree_has_so_many_lines_and_counts_the_others(clean):
    for number in range(20):
        FX.StartActor(initial_state=0, input=[ET.Topic(f"in {number}")], rules={(Any, Any): answer}) | run
    whole, cut = lines_of(the_diagram()), lines_of(the_diagram(), 5)
    # Each actor and its topic, the headline, and databases of other tests.
    databases = [line for line in whole if "database" in line]
    assert len(whole) == 41 + len(databases)
    assert cut[:-1] == whole[:6]
    assert cut[-1] == f"… and {len(whole) - 6} more lines"


def test_outside_of_a_terminal_it_is_drawn_once_and_effects_are_no_longer_observed(clean, capsys):
    picture()  # a diagram that is still new
    FX.StartActor(initial_state=0, input=[CHAT], rules={(Any, Any): answer}) | run
    picture()
    assert "answer" in capsys.readouterr().out
    assert default_runtime().monitors == ()
    release = here(default_runtime().service(Observed).acquire)
    here(release)
