"""User functions: every shape of handler, and redefinition that updates."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import importlib
import pickle
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from zefnb.core.execution import Execution, next_identity, ordinal
from zefnb.core.function import ZefFunction, as_handler, name_of, positional_arity, zef_function
from zefnb.errors import InvalidValue

HEAD = "from zefnb.core.function import zef_function\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Writes a module of that name and runs it: imports it at first, reloads it after."""
    # `syspath_prepend` needs the whole of `pkg_resources`; of that, the Autobahn cases load a part.
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names = []

    def write(source: str, name: str = "handlers_of_a_test") -> ModuleType:
        (tmp_path / f"{name}.py").write_text(HEAD + source)
        importlib.invalidate_caches()
        if name in sys.modules:
            return importlib.reload(sys.modules[name])
        names.append(name)
        return importlib.import_module(name)

    yield write
    for name in names:
        sys.modules.pop(name, None)


@zef_function
def at_home(input: Any) -> Any:
    """A function of this module."""
    return [[], input[1]]


def test_calling_a_zef_function_calls_the_original_function():
    @zef_function
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    assert (add(1), add(1, b=5)) == (2, 6)
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert "add" in repr(add)


@pytest.mark.parametrize(
    "function",
    [
        lambda input: ("answer", input[0], input[1]),
        lambda msg, state: ("answer", msg, state),
        lambda msg, state, context: ("answer", msg, state),
        lambda *args: ("answer", args[0], args[1]),
        lambda input, more=None: ("answer", input[0], input[1]),
        lambda msg, state, *, more=None: ("answer", msg, state),
        lambda msg=None, state=None: ("answer", msg, state),
        functools.partial(lambda tag, msg, state: ("answer", msg, state), "tag"),
    ],
)
def test_a_handler_can_have_each_supported_signature(function):
    assert ZefFunction(function).invoke("hi", 5, "context") == ("answer", "hi", 5)
    assert ZefFunction(function).call("hi", 5) == ("answer", "hi", 5)


def test_a_handler_of_two_parameters_is_called_without_a_function_in_between():
    def handle(msg: Any, state: Any) -> Any:
        return [[], state]

    assert ZefFunction(handle).call is handle


def test_handlers_with_three_parameters_receive_the_context():
    assert ZefFunction(lambda msg, state, context: context).invoke("hi", 5, "context") == "context"
    assert ZefFunction(lambda msg, state, context: context).wants_context
    assert not ZefFunction(lambda msg, state: state).wants_context


@pytest.mark.parametrize("function", [lambda: None, lambda a, b, c, d: None])
def test_any_other_signature_raises(function):
    with pytest.raises(InvalidValue, match=r"takes [04] arguments; allowed: f\(input\)"):
        zef_function(function)


def test_arity_counts_required_arguments():
    assert positional_arity(lambda a, b=1: None) == 1
    assert positional_arity(lambda a=1, b=2, c=3: None) == 2
    assert positional_arity(lambda a, b, c: None) == 3
    assert positional_arity(type("Callable", (), {"__call__": lambda self, a, b: None})()) == 2


def test_async_functions_are_recognized():
    async def later(input: Any) -> Any:
        return input

    class Later:
        async def __call__(self, input: Any) -> Any:
            return input

    assert zef_function(later).is_async
    assert zef_function(functools.partial(later)).is_async
    assert ZefFunction(Later()).is_async
    assert not at_home.is_async
    assert asyncio.run(zef_function(later)(5)) == 5


def test_inline_is_off_unless_requested():
    @zef_function(inline=True)
    def quick(input: Any) -> Any:
        return input

    assert quick.inline
    assert not at_home.inline
    assert as_handler(quick, "rules", "handler") is quick


def test_an_object_that_is_not_callable_is_no_handler():
    with pytest.raises(InvalidValue, match=r"FX\.StartActor: handler: got 5"):
        as_handler(5, "FX.StartActor", "handler")
    with pytest.raises(InvalidValue, match=r"FX\.StartActor: handler: .*takes 4 arguments"):
        as_handler(lambda a, b, c, d: None, "FX.StartActor", "handler")


def test_a_zef_function_also_works_as_a_method():
    class Room:
        @zef_function
        def enter(self, name: str) -> tuple[Any, str]:
            return self, name

    room = Room()
    assert room.enter("Ada") == (room, "Ada")


def test_a_module_function_pickles_and_copies_as_itself():
    assert pickle.loads(pickle.dumps(at_home)) is at_home
    assert copy.deepcopy(at_home) is at_home


def test_errors_name_the_function():
    assert name_of(at_home) == "at_home"
    assert name_of(functools.partial(at_home)) == "partial(at_home)"
    assert name_of(len) == "len"


def test_running_the_definition_again_puts_the_new_code_into_the_same_object(written):
    first = written("@zef_function\ndef on_message(input):\n    return 'old'\n").on_message
    version = first.version
    again = written(
        "@zef_function(inline=True)\ndef on_message(msg, state):\n    'New.'\n    return 'new'\n"
    ).on_message
    assert again is first
    assert first.invoke("hi", None, None) == first.call("hi", None) == "new"
    assert first("hi", None) == "new"
    assert (first.inline, first.__doc__) == (True, "New.")
    assert first.version > version
    third = written("@zef_function\nasync def on_message(input):\n    return 'newest'\n").on_message
    assert third is first
    assert (first.inline, first.is_async) == (False, True)


def test_holders_of_the_function_use_the_new_code(written):
    held = {"rule": written("@zef_function\ndef greet(input):\n    return 'hello'\n").greet}
    written("@zef_function\ndef greet(input):\n    return 'welcome'\n")
    assert held["rule"]("x") == "welcome"


def test_a_definition_that_is_refused_leaves_the_old_code(written):
    kept = written("@zef_function\ndef on_message(input):\n    return 'old'\n").on_message
    with pytest.raises(InvalidValue):
        written("@zef_function\ndef on_message(a, b, c, d):\n    return 'new'\n")
    assert kept.invoke("hi", None, None) == kept("hi") == "old"


def test_one_execution_never_replaces_its_own_definitions(written):
    twice = (
        "@zef_function\ndef step(input):\n    return {0!r}\nfirst = step\n"
        "@zef_function\ndef step(input):\n    return {1!r}\nsecond = step\n"
    )
    module = written(twice.format("one", "two"))
    first, second = module.first, module.second
    assert first is not second
    assert (first("x"), second("x")) == ("one", "two")
    module = written(twice.format("uno", "due"))
    assert (module.first, module.second) == (first, second)
    assert (first("x"), second("x")) == ("uno", "due")


def test_an_import_between_definitions_does_not_change_the_count(written):
    written("@zef_function\ndef step(input): pass\n", name="imported_in_between")
    del sys.modules["imported_in_between"]
    source = (
        "@zef_function\ndef step(input):\n    return {0!r}\nfirst = step\nimport imported_in_between\n"
        "@zef_function\ndef step(input):\n    return {1!r}\nsecond = step\n"
    )
    module = written(source.format("one", "two"))
    first, second = module.first, module.second
    written(source.format("uno", "due"))
    assert (first("x"), second("x")) == ("uno", "due")


def test_functions_inside_functions_are_never_swapped(written):
    head = "def factory(word):\n    @zef_function\n    def handle(input):\n"
    source = head + "        return {0!r} + word\n    return handle\n"
    module = written(source.format("old "))
    one, two = module.factory("one"), module.factory("two")
    assert one is not two
    module = written(source.format("new "))
    three = module.factory("three")
    assert [one("x"), two("x"), three("x")] == ["old one", "old two", "new three"]


def test_lambdas_are_never_swapped(written):
    old = written("handle = zef_function(lambda input: 'old')\n").handle
    new = written("handle = zef_function(lambda input: 'new')\n").handle
    assert old is not new
    assert (old("x"), new("x")) == ("old", "new")


def test_a_function_of_the_same_name_elsewhere_is_another(written):
    here = written("@zef_function\ndef on_message(input):\n    return 'here'\n", name="handlers_here").on_message
    there = written("@zef_function\ndef on_message(input):\n    return 'there'\n", name="handlers_there").on_message
    assert here is not there
    written("@zef_function\ndef on_message(input):\n    return 'changed'\n", name="handlers_there")
    assert (here("x"), there("x")) == ("here", "changed")


def test_a_function_that_was_deleted_is_updated_when_it_is_defined_again(written):
    source = "@zef_function\ndef on_message(input):\n    return {0!r}\n"
    kept = written(source.format("old")).on_message
    written("on_message = None\n")
    assert kept("x") == "old"
    assert written(source.format("new")).on_message is kept
    assert kept("x") == "new"


def test_an_unreferenced_function_is_forgotten(written):
    source = "@zef_function\ndef on_message(input):\n    return {0!r}\n"
    gone = weakref.ref(written(source.format("old")).on_message)
    written("on_message = None\n")
    gc.collect()
    assert gone() is None
    assert written(source.format("new")).on_message("x") == "new"


def test_objects_are_counted_by_kind_within_one_execution_of_one_cell():
    first, other, again = Execution("cell 1", "a"), Execution("cell 2", "b"), Execution("cell 1", "c")
    assert [ordinal(first, "server"), ordinal(first, "server"), ordinal(first, "timer")] == [0, 1, 0]
    assert ordinal(other, "server") == 0
    assert ordinal(first, "server") == 2
    assert [ordinal(again, "server"), ordinal(again, "server")] == [0, 1]


def test_outside_of_a_notebook_there_are_no_keys():
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        pytest.skip("the tests themselves run inside IPython")
    assert next_identity("server") is None
