"""The page's own HMAC-SHA-256 agrees with Python's for all lengths."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import zefnb.notebook
from zefnb.notebook.watch.access_token import AccessToken

_PROOF = Path(zefnb.notebook.__file__).parent / "static" / "watch" / "proof.js"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def in_node(script: str, given: object) -> object:
    """Return the value of `script`, an expression over `given`, in node with the page's own functions."""
    program = f"{_PROOF.read_text('utf-8')}\nconst given = {json.dumps(given)};\nconsole.log(JSON.stringify({script}));"
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, timeout=60, check=True)
    answer: object = json.loads(done.stdout)
    return answer


def test_its_sha_256_is_right_for_every_length_around_its_blocks() -> None:
    texts = ["a" * n for n in range(200)] + ["é" * n for n in (31, 32, 33, 500)]
    expected = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    assert in_node("given.map((text) => toHex(sha256(new TextEncoder().encode(text))))", texts) == expected


def test_its_hmac_is_right_for_keys_of_every_length() -> None:
    pick = random.Random(5)
    pairs = [
        (
            "".join(pick.choices("abcé🍃", k=pick.randrange(150))),
            "".join(pick.choices("xyz\n\x00", k=pick.randrange(300))),
        )
        for _ in range(300)
    ]
    expected = [hmac.digest(key.encode(), text.encode(), "sha256").hex() for key, text in pairs]
    assert in_node("given.map(([key, text]) => hmacSha256(key, text))", pairs) == expected


def test_both_sides_of_the_page_compute_the_same_proofs_as_the_server() -> None:
    token = AccessToken()
    given = {"name": token.name, "secret": token.reveal()}
    for side in ("view", "server"):
        theirs = in_node(f"proofOf('{side}', given, 'nonce-of-the-server', 'nonce-of-the-view')", given)
        assert theirs == token.proof(side, "nonce-of-the-server", "nonce-of-the-view")  # type: ignore[arg-type]


def test_a_nonce_of_the_page_is_fresh_and_accepted() -> None:
    nonces = in_node("Array.from({ length: 50 }, freshNonce)", None)
    assert isinstance(nonces, list)
    assert len(set(nonces)) == 50
    assert all(len(nonce) == 32 and set(nonce) <= set("0123456789abcdef") for nonce in nonces)
