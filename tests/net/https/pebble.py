"""Pebble: a real ACME authority on this machine, in place of Let's Encrypt."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.ports import free_port

IS_CI = os.environ.get("CI") == "true"


class Pebble:
    """The authority. It checks every domain at 127.0.0.1 and `http_port`, and refuses some nonces."""

    def __init__(self, folder: Path, refused_nonces: int = 20) -> None:
        missing = [program for program in ("pebble", "pebble-challtestsrv") if shutil.which(program) is None]
        if missing:
            text = f"LEFT OUT: the tests of Let's Encrypt need {', '.join(missing)}"
            pytest.fail(text) if IS_CI else pytest.skip(text)
        self.http_port, self._dns, self._manage = free_port(), free_port(), free_port()
        self._listen, self._refused_nonces = free_port(), refused_nonces
        self.directory_root = folder / "pebble-root.pem"
        own = trustme.CA()
        own.cert_pem.write_to_path(self.directory_root)
        certificate = own.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(folder / "pebble.pem")
        certificate.private_key_pem.write_to_path(folder / "pebble.key")
        self._config = folder / "pebble.json"
        self._config.write_text(
            json.dumps(
                {
                    "pebble": {
                        "listenAddress": f"127.0.0.1:{self._listen}",
                        "managementListenAddress": f"127.0.0.1:{self._manage}",
                        "certificate": str(folder / "pebble.pem"),
                        "privateKey": str(folder / "pebble.key"),
                        "httpPort": self.http_port,
                        "tlsPort": free_port(),
                    }
                }
            )
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = folder / "pebble.log"

    @property
    def directory_url(self) -> str:
        return f"https://127.0.0.1:{self._listen}/dir"

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of `ET.LetsEncrypt` that lead to this authority."""
        return {
            "directory_url": self.directory_url,
            "directory_root": str(self.directory_root),
            "http_port": self.http_port,
        }

    def start(self) -> None:
        names = ["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{self._dns}"]
        off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{free_port()}"]
        self._run("pebble-challtestsrv", *names, *off)
        self._run("pebble", "-config", str(self._config), "-dnsserver", f"127.0.0.1:{self._dns}")
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                self.read("/dir")
                return
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def _run(self, *command: str) -> None:
        settings = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(self._refused_nonces)}
        with self._log.open("ab") as log:
            started = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
        self._processes.append(started)

    def stop(self) -> None:
        """End it: from now on it cannot be reached."""
        for process in self._processes:
            process.kill()
            process.wait(20)
        self._processes.clear()

    def issued(self) -> int:
        """The number of certificates that it has issued."""
        return self._log.read_text().count("Issued certificate serial")

    def read(self, path: str, port: int | None = None) -> bytes:
        context = ssl.create_default_context(cafile=str(self.directory_root))
        https = urllib.request.HTTPSHandler(context=context)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
        with opener.open(f"https://127.0.0.1:{port or self._listen}{path}", timeout=30) as reply:
            return bytes(reply.read())

    def roots(self) -> str:
        """The root certificate of those that it issues."""
        return self.read("/roots/0", self._manage).decode()

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts the certificates that it issues."""
        return ssl.create_default_context(cadata=self.roots())


@contextlib.contextmanager
def pebble(folder: Path) -> Iterator[Pebble]:
    """A running authority during the block."""
    authority = Pebble(folder)
    authority.start()
    try:
        yield authority
    finally:
        authority.stop()
