"""The blocks about HTTPS of the chapter on auth and HTTPS, in a script, in IPython and in a Jupyter kernel.

The chapter lies beside the clone, in `../shared/spec/auth-https.md`, and is not part of it. The test's own authority
takes the place of Let's Encrypt, and free ports that of the named ones; the blocks are otherwise unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import trustme

from tests.net.https.pebble import Pebble, pebble
from tests.spec import sessions
from tests.spec.chapters import Chapter

CHAPTER = Chapter("auth-https.md")
BLOCKS = CHAPTER.blocks

PRELUDE = """
import json, os, socket, ssl
from zefnb import *
given = json.loads(os.environ['GIVEN'])
routes, pem, key = {'/': 'hello'}, given['pem'], given['key']

def presented(server, name, **trust):
    context = ssl.create_default_context(**trust)
    with socket.create_connection(('127.0.0.1', server.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secured:
            secured.sendall(f'GET / HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
            reply = b''
            while part := secured.recv(1000):
                reply += part
            return reply
"""
CHECKS = {
    "ET.LetsEncrypt(": "name, trust = 'demo.example.com', {'cadata': given['pebble']}",
    "certificates='local'": "name, trust = 'localhost', {'cafile': server.root_certificate}",
    "ET.TLSCredentials(": "name, trust = 'a.example', {'cadata': given['root']}",
}
AFTER = """
[server] = [row['server'] for row in FX.QueryAllActiveHTTPServers() | run]
{check}
reply = presented(server, name, **trust)
assert reply.startswith(b'HTTP/1.1 200 OK') and reply.endswith(b'hello'), reply
assert not FX.QueryLog(level='warning') | run
print('and it holds')
"""


@pytest.fixture(autouse=True)
def chapter() -> None:
    CHAPTER.require()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble")) as authority:
        yield authority


def block_with(text: str) -> str:
    [block] = [block for block in BLOCKS if text in block and "certificates=" in block]
    return block


@pytest.mark.parametrize("kind", sessions.EACH_KIND)
@pytest.mark.parametrize("known_by", CHECKS)
def test_a_block_about_https_runs_unchanged(known_by: str, kind: str, authority: Pebble, tmp_path):
    own = trustme.CA()
    certificate = own.issue_cert("a.example")
    given = {
        "pem": b"".join(blob.bytes() for blob in certificate.cert_chain_pems).decode(),
        "key": certificate.private_key_pem.bytes().decode(),
        "root": own.cert_pem.bytes().decode(),
        "pebble": authority.roots(),
        "fields": authority.fields,
    }
    block = re.sub(r"port=\d+", "port=0", block_with(known_by))
    block = block.replace("email='ada@example.com'", "email='ada@example.com', **given['fields']")
    cells = [PRELUDE, block, AFTER.format(check=CHECKS[known_by])]
    env = {"GIVEN": json.dumps(given), "ZEFNB_DATA_DIR": str(tmp_path / "data")}
    printed = sessions.KINDS[kind](cells, tmp_path, **env)
    assert printed.splitlines()[-1] == "and it holds", printed
    assert "Traceback" not in printed, printed
    assert "PRIVATE KEY" not in printed


@pytest.mark.parametrize("kind", ["IPython", "Jupyter"])
def test_the_block_about_sharing_runs_unchanged(kind: str, tmp_path):
    [block] = [block for block in BLOCKS if block.startswith("%zef share")]
    start = "%load_ext zefnb\nserver = FX.StartHTTPServer(routes=routes, port=0) | run"
    given = json.dumps({"pem": "", "key": ""})
    printed = sessions.KINDS[kind]([PRELUDE, start, block, "print('and it holds')"], tmp_path, GIVEN=given)
    assert printed.splitlines()[-1] == "and it holds", printed
    assert "zef share:" not in printed, printed
