"""Entities: immutable values with a type, fields and perhaps a uid."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET, Entity, Topic
from zefnb.core.record import fields_of
from zefnb.core.time import Time
from zefnb.core.types import Any, String, Union, match
from zefnb.core.uid import EntityUid, generate_uid
from zefnb.errors import InvalidValue, MissingField, UnknownName

calm = settings(deadline=None)
UID = "🍃-87f83f06bfec2ba79b96"
names = st.text(min_size=1, max_size=6).filter(lambda name: not name.startswith("_"))
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
entities = st.recursive(
    st.builds(lambda fields: ET.Guest(**fields), st.dictionaries(names, plain, max_size=3)),
    lambda inner: (
        st.builds(lambda fields: ET.Table(UID, **fields), st.dictionaries(names, inner, max_size=2))
        | st.builds(lambda fields: ET.Table(**fields), st.dictionaries(names, inner, max_size=2))
    ),
    max_leaves=4,
)


def test_a_field_is_read_by_its_name():
    assert ET.Guest(name="Ada", age=36).name == "Ada"


def test_entities_compare_and_hash_by_type_and_fields():
    assert ET.Guest(name="Ada", tags=["x"]) == ET.Guest(tags=["x"], name="Ada")
    assert hash(ET.Guest(name="Ada", tags=["x"])) == hash(ET.Guest(tags=["x"], name="Ada"))
    assert ET.Guest(name="Ada") != ET.Guest(name="Bob")
    assert ET.Guest(name="Ada") != ET.Host(name="Ada")
    assert len({ET.Guest(), ET.Guest(), ET.Host()}) == 2


def test_with_a_uid_identity_depends_only_on_type_and_uid():
    assert ET.Actor(UID, input=1) == ET.Actor(UID, input=2)
    assert hash(ET.Actor(UID, input=1)) == hash(ET.Actor(UID, input=2))
    assert ET.Actor(UID) != ET.Timer(UID)
    assert ET.Actor(UID) != ET.Actor(generate_uid())
    assert ET.Actor(UID) != ET.Actor()


def test_the_same_name_is_the_same_topic():
    assert ET.Topic("chat") == ET.Topic("chat")
    assert ET.Topic("chat") != ET.Topic("news")
    assert Topic is ET.Topic


@pytest.mark.parametrize("uid", ["🍃-123", "🍃-" + "g" * 20, "", "   ", 5, None])
def test_an_invalid_uid_or_name_raises(uid):
    with pytest.raises(InvalidValue, match=r"ET\.Topic"):
        ET.Topic(uid)


def test_a_second_value_by_position_is_refused():
    with pytest.raises(InvalidValue, match="everything else by field name"):
        ET.Topic("chat", "news")


def test_a_missing_field_is_an_error_that_lists_the_fields_there_are():
    with pytest.raises(MissingField, match=r"no field 'nmae'; fields: name, age. did you mean 'name'") as caught:
        _ = ET.Guest(name="Ada", age=36).nmae
    assert isinstance(caught.value, AttributeError)
    with pytest.raises(MissingField, match="it has none"):
        _ = ET.Guest().name


def test_an_entity_cannot_be_changed():
    guest = ET.Guest(name="Ada")
    for change in (
        lambda: setattr(guest, "name", "Bob"),
        lambda: setattr(guest, "age", 1),
        lambda: delattr(guest, "name"),
    ):
        with pytest.raises(AttributeError, match="immutable"):
            change()
    assert guest == ET.Guest(name="Ada")


def test_fields_are_the_only_public_attributes():
    assert dir(ET.Guest(name="Ada", age=36)) == ["age", "name"]
    assert [name for name in dir(ET.Guest) if not name.startswith("_") and name not in dir(type)] == []


def test_a_field_can_have_any_public_name():
    guest = ET.Guest(**{"self": 1, "cls": 2, "class": 3, "two words": 4, "uid": 5, "fields": 6})
    assert (guest.self, guest.cls, guest.uid, guest.fields) == (1, 2, 5, 6)
    assert eval(repr(guest), {"ET": ET}) == guest


def test_underscore_names_raise_so_that_tools_can_probe():
    with pytest.raises(InvalidValue, match="underscore"):
        ET.Guest(_repr_html_=1)
    assert not hasattr(ET.Guest(), "_repr_html_")
    assert not hasattr(ET, "_ipython_display_")
    assert not hasattr(ET, "__wrapped__")


def test_a_type_name_without_a_capital_raises_and_suggests_the_right_one():
    with pytest.raises(UnknownName, match=r"ET\.Guest"):
        _ = ET.guest


def test_types_are_classes():
    assert ET.Guest is ET.Guest
    assert isinstance(ET.Guest(), ET.Guest)
    assert not isinstance(ET.Guest(), ET.Host)
    assert issubclass(ET.Guest, Entity)
    assert repr(ET.Guest) == "ET.Guest"


def test_a_match_statement_destructures_entities():
    match ET.Chatting(name="Ada", room=ET.Room(number=5)):
        case ET.Chatting(name=name, room=ET.Room(number=number)):
            assert (name, number) == ("Ada", 5)
        case _:
            pytest.fail("no case fitted")


def test_completion_lists_the_types_that_matter_before_their_first_use():
    assert {"Topic", "WebSocket", "WSClientConnected", "Actor"} <= set(dir(ET))
    _ = ET.OnlyUsedHere
    assert "OnlyUsedHere" in dir(ET)


@calm
@given(entities)
def test_repr_evaluates_back(entity):
    assert eval(repr(entity), {"ET": ET, "inf": float("inf")}) == entity


@calm
@given(entities)
def test_pickling_and_copying_give_an_equal_entity(entity):
    for twin in (pickle.loads(pickle.dumps(entity)), copy.copy(entity), copy.deepcopy(entity)):
        assert twin == entity
        assert type(twin) is type(entity)
        assert fields_of(twin) == fields_of(entity)
        assert hash(twin) == hash(entity)


def test_types_and_namespaces_pickle_and_copy_as_themselves():
    for value in (ET, ET.Guest):
        assert pickle.loads(pickle.dumps(value)) is value
        assert copy.deepcopy(value) is value


def test_another_process_unpickles_an_unknown_type():
    sent = pickle.dumps(ET.NeverHeardOf(UID, name="Ada"))
    code = "import pickle, sys; print(ascii(pickle.loads(sys.stdin.buffer.read())))"
    answer = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    assert eval(answer.stdout, {"ET": ET}) == ET.NeverHeardOf(UID)


def test_types_join_to_unions():
    assert ET.Guest | ET.Host == Union((ET.Guest, ET.Host))
    assert repr(ET.Guest | ET.Host | String) == "ET.Guest | ET.Host | String"
    assert match(ET.Guest | None, None)
    assert match(int | ET.Guest, 5)
    with pytest.raises(TypeError):
        ET.Guest | 5


def test_an_entity_as_a_pattern_matches_only_equal_entities():
    assert match(ET.Ping(x=1), ET.Ping(x=1))
    assert not match(ET.Ping(x=1), ET.Ping(x=2))
    assert not match(ET.Ping(x=1), ET.Ping(x=1, y=2))
    assert not match(ET.Ping(x=1), ET.Ping())
    assert not match(ET.Ping(x=1), ET.Pong(x=1))
    assert not match(ET.Ping(x=1), ET.Ping("named", x=1))
    assert match(ET.Ping("named"), ET.Ping("named", x=1))


@calm
@given(entities)
def test_every_entity_as_a_pattern_matches_itself(entity):
    assert match(entity, entity)


@pytest.mark.parametrize("field", [{1, 2}, frozenset(), len, String, int, ET.Guest])
def test_sets_types_and_functions_are_data_in_an_entity(field):
    assert match(ET.Ping(x=field), ET.Ping(x=field))
    assert not match(ET.Ping(x=field), ET.Ping(x=1))


def test_a_uid_or_time_with_an_ellipsis_matches_any_in_a_pattern():
    pattern = ET.Seen(time=Time(...), topic=EntityUid(...), inner=ET.Seen(time=Time(...)))
    seen = ET.Seen(time=Time.now(), topic=ET.Topic(UID), inner=ET.Seen(time=Time(0)))
    assert match(pattern, seen)
    assert not match(pattern, ET.Seen(time=5, topic=ET.Topic(UID), inner=ET.Seen(time=Time(0))))
    assert not match(pattern, ET.Seen(time=Time(0), topic=ET.Topic("chat"), inner=ET.Seen(time=Time(0))))


def test_any_matches_an_entity():
    assert match(Any, ET.Guest())
