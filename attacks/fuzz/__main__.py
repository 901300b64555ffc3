"""`python -m attacks.fuzz frames|requests|values --seconds N`: let atheris look for bytes that break a promise.

With `--keep`, new interesting inputs go into the corpus.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TARGETS = ("frames", "requests", "values")
LONGEST_INPUT = 4_096


def main() -> None:
    import atheris

    parser = argparse.ArgumentParser(prog="python -m attacks.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--findings", type=Path, default=Path(), help="the folder for an input that fails")
    parser.add_argument("--keep", action="store_true", help="add to the corpus in the repository")
    given = parser.parse_args()
    # The code that parses a peer's bytes.
    with atheris.instrument_imports(include=["zefnb.net", "zefnb.store", "websockets", "uvicorn.protocols", "h11"]):
        target = importlib.import_module(f"attacks.fuzz.{given.target}")
        memory = importlib.import_module("attacks.fuzz.memory")
    conversations = memory.Conversations()
    seeds = CORPUS / given.target
    with tempfile.TemporaryDirectory() as found:
        options = [f"-max_total_time={given.seconds}", f"-max_len={LONGEST_INPUT}", "-print_final_stats=1"]
        options += [f"-artifact_prefix={given.findings}/", "-timeout=20", "-rss_limit_mb=1024"]
        folders = [str(seeds)] if given.keep else [found, str(seeds)]
        atheris.Setup([sys.argv[0], *options, *folders], lambda data: target.check(conversations, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
