"""The rough size of content: enough to bound what waits, without running the code of its types."""

from __future__ import annotations

import dataclasses

import numpy
import pytest

from zefnb import ET
from zefnb.core.size import SizeEstimate, rough_size

LONG = "x" * 100_000


@dataclasses.dataclass
class Picture:
    data: str


class Unfriendly:
    """Its methods raise."""

    def __init__(self) -> None:
        self.data = LONG

    def __sizeof__(self) -> int:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError

    @property
    def nbytes(self) -> int:
        raise AssertionError


@pytest.mark.parametrize(
    "content",
    [
        LONG,
        LONG.encode(),
        bytearray(100_000),
        {"a": LONG},
        {"a": {"b": [LONG]}},
        [1, (LONG, 2), []],
        {LONG},
        ET.Picture(data=LONG),
        ET.Picture(data=[LONG, {}]),
        Picture(LONG),
        Unfriendly(),
        [Unfriendly()],
        numpy.zeros(12_500),
        {"pixels": numpy.zeros(12_500)},
        list(range(4_000)),
    ],
    ids=lambda content: type(content).__name__,
)
def test_long_parts_count_wherever_they_are(content: object):
    assert 90_000 < rough_size(content) < 130_000


@pytest.mark.parametrize("content", [1, 1.5, None, True, "", b"", {}, [], [[]], ET.Empty(), object(), len, {"a": 1}])
def test_small_content_has_a_small_size(content: object):
    assert 0 <= rough_size(content) < 1_024


def test_content_that_contains_itself_or_repeats_its_parts_is_measured_up_to_a_limit():
    circle: list[object] = []
    circle.append(circle)
    doubled: object = [LONG]
    for _ in range(60):
        doubled = [doubled, doubled]
    assert rough_size(circle) == rough_size([circle]) == 16 << 20
    assert 16 << 20 <= rough_size(doubled) < 17 << 20


def test_one_of_seven_small_contents_is_measured_and_counts_for_all():
    sizes, content = SizeEstimate(), {"number": 1, "text": "x" * 100}
    estimates = [sizes.estimate(content) for _ in range(70)]
    assert [number for number, size in enumerate(estimates) if size] == list(range(0, 70, 7))
    assert sum(estimates) == 70 * rough_size(content)


def test_each_long_content_and_each_text_is_measured():
    sizes = SizeEstimate()
    long = {"text": "x" * 20_000}
    assert [sizes.estimate(long) for _ in range(3)] == [rough_size(long)] * 3
    sizes.estimate([1])
    assert [sizes.estimate("x" * 5), sizes.estimate(b"x" * 6)] == [5, 6]


def test_contents_that_alternate_between_two_sizes_are_measured_in_both():
    sizes, small, long = SizeEstimate(), [1], ["x" * 1_000_000]
    counted = sum(sizes.estimate(content) for _ in range(70) for content in (small, long))
    assert counted >= 10 * rough_size(long)
