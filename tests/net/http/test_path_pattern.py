"""Path patterns: the same matches as a regular expression finds, in a time that no path can stretch."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from starlette.routing import compile_path

from zefnb.net.http.path_pattern import path_pattern

SHAPES = (
    "/{a:path}/{b:path}",
    "/{a:path}/x/{b:path}/{c:path}",
    "/{a}-{b}",
    "/{a}{b}",
    "/{a:int}{b:int}/{c:path}",
    "/{a}.{b:int}",
    "/x{a:path}x{b:path}x",
)


def by_expression(shape: str, path: str) -> dict[str, Any] | None:
    regex, _, convertors = compile_path(shape)
    found = regex.fullmatch(path)
    return found and {name: convertors[name].convert(text) for name, text in found.groupdict().items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_variables_match_as_in_a_regular_expression(shape: str):
    pattern, fitting = path_pattern(shape), 0
    for length in range(7):
        for letters in itertools.product("/x-1.", repeat=length):
            path = "/" + "".join(letters)
            expected = by_expression(shape, path)
            fitting += expected is not None
            assert pattern.match(path) == expected, path
    assert fitting


def test_a_character_of_several_bytes_is_not_split():
    assert path_pattern("/{a}{b}").match("/été") == {"a": "ét", "b": "é"}
    assert path_pattern("/{a}ü{b}").match("/日ü本") == {"a": "日", "b": "本"}
    assert path_pattern("/{a}{b}").match("/é") is None


@pytest.mark.parametrize("shape", ["/" + "/".join(f"{{v{n}:path}}" for n in range(5)) + "/x", "/{a}-{b}-{c}-{d}.x"])
@pytest.mark.parametrize("filler", ["/", "-", "a", "1-", "a/"])
def test_the_time_to_match_grows_with_the_length_of_the_path_only(shape: str, filler: str):
    pattern = path_pattern(shape)

    def cost(length: int) -> float:
        path = "/" + filler * (length // len(filler))
        return min(_timed(pattern, path) for _ in range(5))

    # With the square it would be 64 times, with the cube 512.
    assert cost(64_000) < 40 * cost(8_000)


def _timed(pattern: Any, path: str) -> float:
    began = time.thread_time()
    assert pattern.match(path) is None
    return time.thread_time() - began
