"""Private keys: a server with certificates shows its keys nowhere, also when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server

_PROGRAM = """
import io, json, logging, os, pickle, sys, traceback
import trustme
from IPython.core.ultratb import VerboseTB
from zefnb import *
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers

log = io.StringIO()
logging.basicConfig(stream=log, level=logging.DEBUG)
authority = trustme.CA()

def issued(name):
    made = authority.issue_cert(name)
    chain = b''.join(blob.bytes() for blob in made.cert_chain_pems).decode()
    key = made.private_key_pem.bytes().decode()
    secrets.extend(line for line in key.splitlines() if len(line) > 40)
    return ET.TLSCredentials(certificates=chain, private_key=key, domains=[name])

secrets, shown = [], {}
good, other = issued('a.example'), issued('b.example')
swapped = ET.TLSCredentials(certificates=good.certificates, private_key=other.private_key)

def keep(place, text):
    shown[place] = shown.get(place, '') + text

def attempt(place, action):
    try:
        action()
    except Exception as error:
        keep(f'{place}: error', str(error) + repr(error) + repr(error.args))
        keep(f'{place}: traceback', traceback.format_exc())
        keep(f'{place}: verbose traceback', VerboseTB(color_scheme='NoColor').text(*sys.exc_info()))
    else:
        keep(f'{place}: no error', 'none')

wrong = {
    'wrong key': swapped,
    'wrong domain': ET.TLSCredentials(**{**vars(good), 'domains': ['c.example']}),
    'wrong field': ET.TLSCredentials(**vars(good), other=1),
}
effects = {name: FX.StartHTTPServer(routes={'/': 'x'}, port=0, certificates=[given]) for name, given in wrong.items()}
for name, effect in effects.items():
    keep('repr of effects', repr(effect) + str([effect]))
    attempt(name, lambda: effect | run)
server = FX.StartHTTPServer(routes={'/': 'x'}, port=0, certificates=[good, other]) | run
local = FX.StartHTTPServer(routes={'/': 'x'}, port=0, certificates='local') | run
secrets += [line for line in open(os.path.join(os.path.dirname(local.root_certificate), 'authority.pem')).read()
            .partition('PRIVATE KEY')[2].splitlines() if len(line) > 40]
for value in (good, [good], {'x': good}, *effects.values()):
    attempt('pickles', lambda: keep('pickles', pickle.dumps(value).decode('latin-1')))
    keep('repr', repr(value))
for handle in (server, local):
    keep('handles', repr(handle) + repr(FX.QueryHTTPServer(server=handle) | run))
    running = default_runtime().service(Servers).get(handle)
    keep('objects', repr(vars(running)) + repr(vars(running.certificates)))
keep('tables', repr(FX.QueryAllActiveHTTPServers() | run))
FX.Log(content=str(good), level='error') | run
keep('journal', repr(FX.QueryLog() | run))
keep('log', log.getvalue())
leaks = [place for place, text in shown.items() if any(secret in text for secret in secrets)]
sizes = {place: len(text) for place, text in shown.items()}
print(json.dumps({'places': sizes, 'leaks': leaks, 'secrets': len(secrets)}))
"""


def private_keys(server: Server, settings: Settings) -> Outcome:
    """Look in another process, which has the keys."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "ZEFNB_DATA_DIR": folder},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            return Outcome(f"the program failed: {done.stderr[-300:]}", ok=False)
        found = json.loads(done.stdout.splitlines()[-1])
    places = found["places"]
    failed = all(any(place.startswith(f"{name}: error") for place in places) for name in ("wrong key", "wrong domain"))
    return Outcome(
        f"{found['secrets']} lines of 3 keys; in {len(places)} places ({sum(places.values()) >> 10} KB): "
        f"{len(found['leaks'])} leaks" + (f" ({', '.join(found['leaks'])})" if found["leaks"] else ""),
        ok=not found["leaks"] and failed and "pickles: error" in places,
        details={"looked_at": places},
    )


ATTACKS = (
    Attack(
        "private-keys",
        "the private keys of certificates are in no repr, error, traceback, table, log, journal or pickle",
        private_keys,
        quick=True,
        peers=False,
    ),
)
