"""The environment that Binder builds from this repository, as far as possible without Binder."""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import chromium
from tests.browser.lab import Lab

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
# What a user's server has under a hub: a path of its own, on the hub's public name.
HOST, PREFIX = "hub.example", "/user/ada/"


class Environment:
    """A clean environment with the packages that `binder/` installs."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        venv.create(folder, with_pip=True)
        self.run("python", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
                 "-r", "binder/requirements.txt")  # fmt: skip

    @property
    def variables(self) -> dict[str, str]:
        """By which its programs are found, and no others of the same name."""
        return {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(self.bin.parent)}

    def run(self, *command: str, folder: Path = ROOT) -> str:
        """Run a command in it, which must succeed, and return its output."""
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=folder, env={**os.environ, **self.variables}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="package")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("binder") / "env")


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """A browser that finds the hub on this machine."""
    with chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="package")
def hub(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab as it runs on Binder: from that environment, through `binder/start`, under the hub's prefix."""
    command = (str(BINDER / "start"), str(environment.bin / "jupyter-lab"))
    variables = {**environment.variables, "JUPYTERHUB_SERVICE_PREFIX": PREFIX}
    lab = Lab(tmp_path_factory.mktemp("hub"), PREFIX, command, HOST, **variables)
    yield lab
    lab.close()
