"""The blocks about logins of the chapter on auth and HTTPS, in a script, in IPython and in a Jupyter kernel.

The chapter lies beside the clone, in `../shared/spec/auth-https.md`, and is not part of it. Free ports take the place
of the named ones, and the test's own provider that of the public ones; the blocks are otherwise unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.auth.providers.issuer import Issuer
from tests.spec import sessions
from tests.spec.auth_cases import CASES, Case
from tests.spec.chapters import Chapter

CHAPTER = Chapter("auth-https.md")
BLOCKS = CHAPTER.blocks
# The addresses of the test's provider take the place of those of the public providers.
ADDRESSES = {
    "ET.GoogleOAuth(": "ET.GoogleOAuth(issuer={url!r}, ",
    "ET.GitHubOAuth(": "ET.GitHubOAuth(url={url!r}, ",
    "'https://login.example.com'": "{url!r}",
    "ET.JupyterHub()": "ET.JupyterHub(client_id='c', api_token='t', api_url={url!r}, hub_url={url!r})",
}


@pytest.fixture(autouse=True)
def chapter() -> None:
    CHAPTER.require()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


def block_of(case: Case) -> str:
    [block] = [block for block in BLOCKS if case.known_by in block]
    return block


def test_every_block_about_logins_has_its_case():
    elsewhere = [block for block in BLOCKS if "certificates=" in block or block.startswith("%zef share")]
    assert sorted(map(block_of, CASES.values())) == sorted(block for block in BLOCKS if block not in elsewhere)


@pytest.mark.parametrize("kind", sessions.EACH_KIND)
@pytest.mark.parametrize("case", CASES.values(), ids=[case.name for case in CASES.values()])
def test_a_block_about_logins_runs_unchanged(case: Case, kind: str, issuer: Issuer, tmp_path: Path):
    block = re.sub(r"port=\d+", "port=0", block_of(case))
    for public, own in ADDRESSES.items():
        block = block.replace(public, own.format(url=issuer.url))
    check = f"from tests.spec import auth_cases\nauth_cases.check({case.name!r}, globals())\nprint('and it holds')"
    cells = ["from zefnb import *", case.before, block, case.after, check]
    printed = sessions.KINDS[kind](cells, tmp_path, GIVEN=json.dumps({"issuer": issuer.url}))
    assert printed.splitlines()[-1] == "and it holds", printed
    assert "Traceback" not in printed, printed
    assert "s3cret" not in printed
