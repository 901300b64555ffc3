"""The rough size of content: enough to bound what waits, without running the code of its types."""

from __future__ import annotations

import dataclasses

import numpy
import pytest

from zefnb import ET
from zefnb.core.size import rough_size

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
