"""Every example in every docstring of the package runs and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import zefnb
import zefnb.ops

MODULES = [
    "zefnb",
    *(found.name for found in pkgutil.walk_packages(zefnb.__path__, "zefnb.", onerror=lambda name: None)),
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0, f"{results.failed} of {results.attempted} examples of {name} failed; see above"


@pytest.mark.parametrize("name", zefnb.ops.__all__)
def test_every_op_shows_an_example_that_is_run(name):
    found = getattr(zefnb.ops, name)
    module = importlib.import_module(getattr(found, "__module__", type(found).__module__))
    examples = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert any(test.name.rpartition(".")[2] in (name, type(found).__name__) for test in examples)
