"""Every example in every docstring of the package runs, and the docstrings of public names have one form."""

from __future__ import annotations

import builtins
import doctest
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import pytest

import zefnb
import zefnb.core.effect
import zefnb.errors
import zefnb.ops
from zefnb.core.effect import DEFAULT_REGISTRY

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs" / "site"))
from docstring import SECTIONS, parse

MODULES = [
    "zefnb",
    *(found.name for found in pkgutil.walk_packages(zefnb.__path__, "zefnb.", onerror=lambda name: None)),
]
OTHERS = [
    *("DictDatabase", "EntityUid", "Time", "converter", "effect", "generate_uid", "match", "op", "plot"),
    *("public_url", "set_public_url", "watch", "zef_function"),
]
LONGEST_LINE = 116


def public() -> dict[str, object]:
    """The functions and classes of the public names, by the names that users write."""
    zefnb.FX  # noqa: B018  (declares the effects)
    effects = {f"FX.{name}": spec.function for name, spec in DEFAULT_REGISTRY.specs.items()}
    ops = {name: getattr(zefnb.ops, name) for name in zefnb.ops.__all__ if name not in ("F", "collect")}
    return {**effects, **ops, **{name: getattr(zefnb, name) for name in OTHERS}}


PUBLIC = public()


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_correct(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0, f"{results.failed} of {results.attempted} examples of {name} failed; see above"


@pytest.mark.parametrize("name", zefnb.ops.__all__)
def test_every_op_shows_an_example_that_is_run(name):
    found = getattr(zefnb.ops, name)
    module = importlib.import_module(getattr(found, "__module__", type(found).__module__))
    examples = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert any(test.name.rpartition(".")[2] in (name, type(found).__name__) for test in examples)


def parameters_of(name: str, found: object) -> dict[str, inspect.Parameter]:
    """The parameters that a user gives: of effects only the fields."""
    parameters = dict(inspect.signature(inspect.unwrap(found)).parameters)
    parameters.pop("runtime", None)
    return {name: parameter for name, parameter in parameters.items() if name != "cls"}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_docstring_has_a_summary_sections_in_order_and_an_example(name):
    found = PUBLIC[name]
    text = inspect.getdoc(found)
    doc = parse(text)
    assert "\n" not in doc.summary, "the summary has one line"
    assert doc.summary.endswith("."), doc.summary
    assert list(doc.sections) == [section for section in SECTIONS if section in doc.sections], "an unusual section"
    assert "Returns" in doc.sections or isinstance(found, type), "it does not say what is returned"
    assert doc.example.startswith(">>> "), "there is no example"
    assert max(map(len, text.splitlines())) <= LONGEST_LINE


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_docstring_describes_every_parameter_and_its_default(name):
    parameters = parameters_of(name, PUBLIC[name])
    described = parse(inspect.getdoc(PUBLIC[name])).entries("Args")
    assert list(described) == list(parameters)
    for parameter in parameters.values():
        if parameter.default not in (parameter.empty, None) and not isinstance(parameter.default, tuple):
            assert "efault" in described[parameter.name], f"the default of {parameter.name} is not described"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_docstring_names_exceptions_that_exist(name):
    for raised in parse(inspect.getdoc(PUBLIC[name])).entries("Raises"):
        kind = getattr(zefnb.errors, raised, None) or getattr(builtins, raised, None)
        assert isinstance(kind, type), raised
        assert issubclass(kind, Exception)
