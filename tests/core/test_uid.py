"""Uids: the identity of topics, servers and actors."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from zefnb.core.entity import ET
from zefnb.core.types import match
from zefnb.core.uid import EntityUid, generate_uid, is_uid
from zefnb.errors import InvalidValue

UID = "🍃-87f83f06bfec2ba79b96"


def test_a_generated_uid_is_a_leaf_and_20_hex_digits():
    assert re.fullmatch(r"🍃-[0-9a-f]{20}", generate_uid())
    assert is_uid(generate_uid())


def test_uids_are_unique():
    assert len({generate_uid() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["chat", "🍃-", UID[:-1], UID + "0", UID + "\n", UID.upper(), UID[2:]])
def test_other_text_is_not_a_uid(text):
    assert not is_uid(text)


def test_a_uid_value_is_text_with_a_repr_that_evaluates_back():
    uid = EntityUid(UID)
    assert uid == UID
    assert eval(repr(uid), {"EntityUid": EntityUid}) == uid
    assert type(pickle.loads(pickle.dumps(uid))) is EntityUid
    assert copy.deepcopy(uid) == uid


@pytest.mark.parametrize("wrong", [UID[:-1], "🍃", "", None, 5])
def test_an_invalid_uid_raises(wrong):
    with pytest.raises(InvalidValue, match="EntityUid"):
        EntityUid(wrong)


def test_with_an_ellipsis_it_is_a_pattern_for_any_uid_and_its_carriers():
    anything = EntityUid(...)
    assert match(anything, UID)
    assert match(anything, EntityUid(UID))
    assert match(anything, ET.Topic(UID))
    assert not match(anything, "chat")
    assert not match(anything, ET.Topic("chat"))
    assert not match(anything, ET.Guest())
    assert not match(anything, 5)
    assert repr(anything) == "EntityUid(...)"
    assert pickle.loads(pickle.dumps(anything)) is anything
