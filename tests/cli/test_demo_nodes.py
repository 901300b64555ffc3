"""`zefnb demo --nodes 2`: one chatroom, which two processes serve."""

from __future__ import annotations

import json
import re

from websockets.sync.client import ClientConnection, connect

from tests.cli.processes import RunningDemo, needs_tmux, running_demo, terminal, zefnb
from tests.conftest import wait_until
from tests.ports import is_free
from zefnb.cluster.private_broker import PrivateBroker


def visitor(port: int) -> ClientConnection:
    return connect(f"ws://localhost:{port}/ws", proxy=None)


def until_heard(guest: ClientConnection, text: str) -> None:
    while json.loads(guest.recv(timeout=20)).get("text") != text:
        pass


def nothing_is_left(demo: RunningDemo) -> bool:
    """Whether the servers of both nodes have ended, and the broker."""
    socket = PrivateBroker.place(f"demo-{demo.process.pid}") / "broker.sock"
    return all(map(is_free, demo.ports)) and not socket.exists()


def test_visitors_of_two_nodes_share_a_room_and_an_interrupt_ends_both():
    with running_demo("--port", "0", "--seconds", "300", "--nodes", "2") as demo:
        assert len(set(demo.ports)) == 2
        directory = PrivateBroker.place(f"demo-{demo.process.pid}")
        assert directory.is_dir()
        with visitor(demo.ports[0]) as one, visitor(demo.ports[1]) as other:
            one.send(json.dumps({"name": "Zoe", "text": "from one node"}))
            until_heard(other, "from one node")
            other.send(json.dumps({"name": "Yan", "text": "from the other"}))
            until_heard(one, "from the other")
            until_heard(one, "The one with the crooked tail?")  # of the second client, which is at the other node
        said = demo.end()
        assert demo.process.returncode == 0
        assert "Traceback" not in said
        assert "Yan    from the other" in said
        titles = next(line for line in said.splitlines() if "address" in line)
        assert titles.split()[:2] == ["id", "node"]
        assert len(set(re.findall(r"^ +\d+ +(\S+-\d+-\w{4}) +127", said, re.M))) == 2
        assert not directory.exists()
        assert all(map(is_free, demo.ports))


def test_a_killed_demo_ends_its_nodes_and_its_broker():
    with running_demo("--port", "0", "--seconds", "300", "--nodes", "2") as demo:
        assert not nothing_is_left(demo)
        demo.process.kill()
        demo.process.wait()
        wait_until(lambda: nothing_is_left(demo))


@needs_tmux
def test_in_a_terminal_one_view_shows_both_nodes_until_ctrl_c():
    with terminal(100, 24) as screen:
        screen.run_demo("--port", "0", "--nodes", "2")
        lines = screen.until("connected to 2 nodes, which share the chatroom", 60)
        assert len(re.findall(r"http://localhost:\d+/", lines[0])) == 2
        screen.press("C-c")
        screen.until("The 2 nodes of the chatroom have stopped.")
        screen.until_prompt()
        screen.enter("echo status=$?")
        screen.until("status=0")


def test_a_number_of_nodes_is_checked():
    for given in ("0", "ten", "100", "-1"):
        done = zefnb("demo", "--nodes", given)
        assert done.returncode == 2
        assert "is not a number of nodes; give one from 1 to 9" in done.stderr
