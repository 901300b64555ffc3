"""Every code block of the specification runs unchanged, in a script, in IPython and in a Jupyter kernel.

The specification lies beside the clone, in `../shared/spec/websockets.md`, and is not part of it.
"""

from __future__ import annotations

import time

import pytest

from tests.ports import is_free
from tests.spec import cases, sessions
from tests.spec.chapters import Chapter

CHAPTER = Chapter("websockets.md")
BLOCKS = CHAPTER.blocks
KINDS = {"script": sessions.run_script, "IPython": sessions.run_ipython, "Jupyter": sessions.run_kernel}


@pytest.fixture(autouse=True)
def chapter():
    CHAPTER.require()


@pytest.fixture
def port_8000():
    """The blocks name their port: ours alone for the time of the test, also where other runs of the tests go on."""
    with sessions.machine_wide("port-8000"):
        deadline = time.monotonic() + 20
        while not is_free(8000):
            assert time.monotonic() < deadline, "port 8000, which the specification names, is held by somebody"
            time.sleep(0.1)
        yield


def block_of(case):
    [block] = [block for block in BLOCKS if case.known_by in block]
    return block


def test_every_block_of_the_specification_has_its_case():
    assert sorted(map(block_of, cases.CASES)) == sorted(BLOCKS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", cases.CASES, ids=[case.name for case in cases.CASES])
def test_a_block_runs_unchanged_and_real_clients_see_the_promised_result(case, kind, port_8000, tmp_path):
    block = block_of(case)
    check = "\n".join(
        [
            "from tests.spec import cases",
            f"[case] = [case for case in cases.CASES if case.name == {case.name!r}]",
            f"case.check(globals(), {block!r})",
            "print('and it holds')",
        ]
    )
    printed = KINDS[kind](["from zefnb import *", case.prelude, block, check], tmp_path)
    assert printed.splitlines()[-1] == "and it holds", printed
    assert "Traceback" not in printed, printed
    assert "Warning" not in printed, printed
