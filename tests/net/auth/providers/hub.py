"""A real JupyterHub on 127.0.0.1, with the proxy that it needs, and one registered service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.net.auth.providers.node_programs import INSTALLED, node
from tests.ports import free_port

TOKEN = "s3cret-of-the-service"
_CONFIGURATION = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{public}/"
c.JupyterHub.hub_ip, c.JupyterHub.hub_port = "127.0.0.1", {api}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.command = [{node!r}, {script!r}]
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.db_url = "sqlite://"
c.Authenticator.allow_all = True
c.JupyterHub.services = [
    {{"name": "zefnb", "api_token": {token!r}, "oauth_redirect_uri": {redirect_uri!r}, "oauth_no_confirm": True}},
]
c.JupyterHub.load_roles = [{{"name": "user", "scopes": ["self", "access:services!service=zefnb"]}}]
"""


class Hub(NamedTuple):
    """The addresses of a running hub: for browsers, and for its services."""

    url: str
    api_url: str

    @property
    def fields(self) -> dict[str, str]:
        """The fields of an `ET.JupyterHub` for the service."""
        return {"client_id": "service-zefnb", "api_token": TOKEN, "api_url": self.api_url, "hub_url": self.url}

    def log_in(self, browser: httpx.Client, name: str) -> None:
        """Log in at the hub itself."""
        form = browser.get(f"{self.url}/hub/login", follow_redirects=True).text
        found = re.search(r'name="_xsrf" value="([^"]+)"', form)
        assert found is not None
        fields = {"username": name, "password": "any", "_xsrf": found[1]}
        assert browser.post(f"{self.url}/hub/login", data=fields).status_code == 302


@contextmanager
def running_hub(folder: Path, redirect_uri: str) -> Iterator[Hub]:
    """Start a hub whose service gets its users back at `redirect_uri`."""
    public, api, proxy = free_port(), free_port(), free_port()
    script = INSTALLED / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    text = _CONFIGURATION.format(
        public=public,
        api=api,
        proxy=proxy,
        node=str(node()),
        script=str(script),
        token=TOKEN,
        redirect_uri=redirect_uri,
    )
    (folder / "jupyterhub_config.py").write_text(text)
    log = folder / "hub.log"
    # The proxy is a child of the hub; the hub's own variables must not describe another hub.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTERHUB_")}
    command = [sys.executable, "-m", "jupyterhub", "-f", "jupyterhub_config.py"]
    with log.open("wb") as file, subprocess.Popen(command, cwd=folder, env=environ, stdout=file, stderr=file) as hub:
        try:
            _wait_until_running(hub, log)
            yield Hub(f"http://127.0.0.1:{public}", f"http://127.0.0.1:{api}/hub/api")
        finally:
            hub.terminate()


def _wait_until_running(hub: subprocess.Popen[bytes], log: Path) -> None:
    from tests.conftest import wait_until

    def is_running() -> bool:
        assert hub.poll() is None, log.read_text()
        return "JupyterHub is now running" in log.read_text()

    wait_until(is_running, within=90)
