"""Every code block of the specification runs unchanged, in a script, in IPython and in a Jupyter kernel.

The specification lies beside the clone, in `../shared/spec/websockets.md`, and is not part of it.
"""

from __future__ import annotations

import pytest

from tests.spec import cases, sessions
from tests.spec.chapters import Chapter

CHAPTER = Chapter("websockets.md")
BLOCKS = CHAPTER.blocks


@pytest.fixture(autouse=True)
def chapter():
    CHAPTER.require()


def block_of(case):
    [block] = [block for block in BLOCKS if case.known_by in block]
    return block


def cells_of(case):
    """The cells of a case, without the import: what is before its block, the block, and the check."""
    block = block_of(case)
    lines = [
        "from tests.spec import cases",
        f"[case] = [case for case in cases.CASES if case.name == {case.name!r}]",
        f"case.check(globals(), {block!r})",
        "print('and it holds')",
    ]
    return [case.prelude, block, "\n".join(lines)]


def test_every_block_of_the_specification_has_its_case():
    assert sorted(map(block_of, cases.CASES)) == sorted(BLOCKS)


@pytest.mark.parametrize("kind", sessions.EACH_KIND)
@pytest.mark.parametrize("case", cases.CASES, ids=[case.name for case in cases.CASES])
def test_a_block_runs_unchanged_and_real_clients_see_the_promised_result(case, kind, port_8000, tmp_path):
    printed = sessions.KINDS[kind](["from zefnb import *", *cells_of(case)], tmp_path)
    assert printed.splitlines()[-1] == "and it holds", printed
    assert "Traceback" not in printed, printed
    assert "Warning" not in printed, printed
