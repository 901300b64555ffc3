"""The game lobby of the tutorials, with its unchanged cells: actions of players that the tutorial does not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.net.conftest import on_loop
from tests.notebooks.tutorial import FOLDER, Tutorial
from zefnb import FX, run
from zefnb.engine.actors import Actors
from zefnb.engine.runtime import default_runtime


@pytest.fixture
def lobby() -> dict[str, Any]:
    """Return the names of the notebook, after its cells up to the one that starts the server."""
    names: dict[str, Any] = {"__name__": "lobby"}
    exec("from zefnb import *", names)
    for cell in Tutorial(FOLDER / "13-game-lobby.ipynb").code[1:]:
        if not cell.source.startswith("%%zef"):
            exec(cell.source, names)
        if cell.id == "start":
            return names
    raise AssertionError("no cell starts the server")


@pytest.fixture
def come_in(lobby, connect):
    """`come_in('Ada')`: a player who has sent a name."""

    def come(name: str) -> Any:
        client = connect(lobby["server"], "/play")
        assert sees(client)["board"] == ""
        client.send(name)
        return client

    return come


def sees(client: Any) -> Any:
    return json.loads(client.recv(timeout=20))


@pytest.fixture
def game(come_in):
    """Ada and Bob at a table, Ada to move."""
    ada = come_in("Ada")
    sees(ada)
    bob = come_in("Bob")
    assert (sees(ada)["yours"], sees(bob)["yours"]) == (True, False)
    return ada, bob


def play(ada: Any, bob: Any, cells: str) -> tuple[Any, Any]:
    """They move in turn; return the last view of each."""
    for number, cell in enumerate(cells):
        (ada, bob)[number % 2].send(cell)
        shown = sees(ada), sees(bob)
    return shown


def handled() -> int:
    """Return the number of messages that all actors have handled; 0 while one of them has others."""

    def count() -> int:
        actors = list(default_runtime().service(Actors))
        return 0 if any(actor.is_behind for actor in actors) else sum(actor.handled for actor in actors)

    counted: int = on_loop(count)
    return counted


def test_moves_out_of_turn_or_onto_a_mark_or_invalid_ones_change_nothing(game, until):
    ada, bob = game
    before = until(handled)
    bob.send("0")
    # By his actor and by that of the table. Without the wait a later move of Ada could be the first.
    until(lambda: handled() == before + 2)
    ada.send("9")
    ada.send("00")
    ada.send(b"\x00")
    ada.send("1")
    assert [sees(client)["board"] for client in game] == [".X......."] * 2
    bob.send("1")
    bob.send("2")
    assert [sees(client)["board"] for client in game] == [".XO......"] * 2


def test_a_full_board_without_a_line_is_a_draw(game):
    ada, bob = play(*game, "013426758")
    assert ada["board"] == bob["board"] == "XOXXOOOXX"
    assert (ada["says"], ada["line"], bob["says"]) == ("Nobody has won.", "", "Nobody has won.")


def test_a_tables_actor_ends_with_its_game(game, lobby, until):
    play(*game, "04182")
    assert len(FX.ListActors() | run) == 3
    game[0].send("3")
    for client in game:
        client.close()
    until(lambda: (FX.ListActors() | run) == [lobby["lobby"]])


def test_a_player_who_leaves_ends_the_table_and_the_other_can_play_again(game, come_in, lobby, until):
    ada, bob = game
    bob.close()
    assert sees(ada)["says"] == "Bob has left."
    ada.send("again")
    assert sees(ada)["says"].startswith("Waiting")
    cleo = come_in("Cleo")
    assert sees(ada)["says"] == "It is your turn, with X, against Cleo."
    assert sees(cleo)["says"] == "Ada is thinking."
    for client in (ada, cleo):
        client.close()
    until(lambda: (FX.ListActors() | run) == [lobby["lobby"]])


def test_a_player_who_left_the_lobby_is_not_paired(come_in, lobby, until):
    ada = come_in("Ada")
    sees(ada)
    ada.close()
    until(lambda: (FX.ListActors() | run) == [lobby["lobby"]])
    until(lambda: type((FX.QueryActorState(actor=lobby["lobby"]) | run)[lobby["lobby"]]).__name__ == "Empty")
    assert sees(come_in("Bob"))["says"].startswith("Waiting")


def test_many_tables_can_be_busy_at_once(come_in):
    pairs = []
    for number in range(10):
        ada = come_in(f"Ada {number}")
        sees(ada)
        bob = come_in(f"Bob {number}")
        assert sees(ada)["says"] == f"It is your turn, with X, against Bob {number}."
        sees(bob)
        pairs.append((ada, bob))
    for ada, _ in pairs:
        ada.send("4")
    for pair in pairs:
        assert [sees(client)["board"] for client in pair] == ["....X...."] * 2


@pytest.mark.parametrize(("given", "called"), [("", "Somebody"), (" \t ", "Somebody"), ("x" * 100, "x" * 20)])
def test_names_are_short_and_never_empty(come_in, given, called):
    ada = come_in("Ada")
    sees(ada)
    come_in(given)
    assert sees(ada)["says"] == f"It is your turn, with X, against {called}."
