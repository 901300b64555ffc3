"""Suggestions are computed when an error is read: most errors are caught and never read."""

from __future__ import annotations

import difflib
import pickle
from typing import Any

import pytest

from tests.store.on_disk import closed, opened, store_of
from zefnb import ET, FX, DictDatabase, run
from zefnb.errors import Hint, UnknownKey, ZefError, did_you_mean


@pytest.fixture
def comparisons(monkeypatch):
    """The names that were compared with others."""
    compared: list[str] = []
    whole = difflib.get_close_matches

    def counted(name: str, *rest: Any, **options: Any) -> list[str]:
        compared.append(name)
        return whole(name, *rest, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    return compared


def caught(call: Any) -> Exception:
    with pytest.raises(ZefError) as info:
        call()
    return info.value


def test_names_are_compared_once_when_an_error_is_read(comparisons):
    db = FX.CreateDB(type=DictDatabase, initial_state={"name": 1}) | run
    for call, name in (
        (lambda: db["nmae"], "nmae"),
        (lambda: db.pop("nmae"), "nmae"),
        (lambda: FX.UpdateDB(db=db, update={"nmae": 1}) | run, "nmae"),
        (lambda: FX.QueryDB(db=db, get="nmae") | run, "nmae"),
        (lambda: FX.Publisch, "Publisch"),
        (lambda: FX.Publish(contnet=1), "contnet"),
        (lambda: ET.Guest(name=1).nmae, "nmae"),
        (lambda: FX.StartTimer(interval="hourli", target=ET.Topic("t"), content=1) | run, "hourli"),
    ):
        error = caught(call)
        assert comparisons == []
        assert "did you mean" in str(error)
        assert str(error) == str(error)
        assert comparisons == [name]
        comparisons.clear()


def test_a_missing_key_reads_no_other_keys(path, monkeypatch):
    db = opened(path, initial_state={"name": 1})
    store, read = store_of(db), []
    keys = store.keys
    monkeypatch.setattr(store, "keys", lambda most=-1: read.append(most) or keys(most))
    error = caught(lambda: db["nmae"])
    assert read == []
    assert str(error).endswith("did you mean 'name'?")
    assert read == [200]


@pytest.mark.parametrize(("length", "hinted"), [(39, True), (40, True), (41, False), (30_000, False)])
def test_only_short_names_are_compared(length, hinted, comparisons):
    name = "a" * length
    assert bool(str(Hint(name, [name[:-1] + "b"]))) is hinted
    assert comparisons == ([name] if hinted else [])
    assert bool(did_you_mean("a" * 40, ["b" + "a" * (length - 1)])) is (hinted)


@pytest.mark.parametrize(("others", "hinted"), [(199, True), (200, False)])
def test_at_most_two_hundred_names_are_compared(others, hinted):
    known = [*(f"{n}" for n in range(others)), "name"]
    assert bool(did_you_mean("nmae", known)) is hinted


def test_at_most_two_thousand_names_are_examined():
    looked_at = []
    known = (looked_at.append(n) or n for n in range(1_000_000))
    assert str(Hint("name", known)) == ""
    assert len(looked_at) == 2_000


def test_a_name_is_never_its_own_hint():
    assert did_you_mean("name", ["name"]) == ""


def test_of_many_missing_keys_two_get_a_hint_and_twenty_are_named():
    db = FX.CreateDB(type=DictDatabase, initial_state={"name": 1}) | run
    text = str(caught(lambda: FX.UpdateDB(db=db, update={f"name{n:04}": 1 for n in range(1_000)}) | run))
    assert text.count("did you mean") == 2
    assert "'name0019', …" in text
    assert "'name0020'" not in text


def test_an_error_whose_database_has_been_closed_has_no_hint(path):
    db = opened(path, initial_state={"name": 1})
    error = caught(lambda: db["nmae"])
    closed(db)
    assert str(error).endswith("has no key 'nmae'")


def test_an_error_is_pickled_with_its_hint():
    db = FX.CreateDB(type=DictDatabase, initial_state={"name": 1}) | run
    for call in (lambda: db["nmae"], lambda: FX.Publish(contnet=1), lambda: ET.Guest(name=1).nmae):
        error = caught(call)
        back = pickle.loads(pickle.dumps(error))
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert "did you mean" in str(back)
    assert isinstance(caught(lambda: db["x"]), KeyError | UnknownKey)
