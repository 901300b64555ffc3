"""Magics: a value that a client chose, in a line of `%zef`, is a value, and never a name or an option."""

from __future__ import annotations

import json
import subprocess
import sys

from attacks.attack import Attack, Outcome, Settings
from attacks.targets import Server

_PROGRAM = """
import json
from IPython.core.interactiveshell import InteractiveShell
from zefnb import *

shell = InteractiveShell.instance()
shell.run_line_magic('load_ext', 'zefnb')
room, admin = ET.Topic('room'), ET.Topic('admins')
replies = {'room': [], 'admin': []}
subscriptions = [
    FX.SubscribeFX(topic=topic, op=replies[name].append) | run for name, topic in (('room', room), ('admin', admin))
]
server = FX.StartHTTPServer(routes={'/': 'x'}, port=0) | run
shell.user_ns.update(room=room, admin=admin, server=server)
VALUES = [
    'admin', '--all', '-a', '--to admin', '--topic=admin', 'room admin', 'admin hello', '{admin}', '$admin', "'admin'",
    '"admin', 'hi\\n%zef stop --all', 'hi\\r%zef stop --all', 'hi; %zef stop --all', '\\u2010\\u2010all', '--', '', ' ',
    '\\x1b]0;x\\x07', 'a' * 40_000, ['--all'], {'--all': 1}, b'--all', 3, None, '!touch x', '%zef stop --all', '?',
]
LINES = [
    'publish room {value}', 'publish room $value', 'publish {value}', 'publish $value hello', 'stop {value}',
    'url {value}',
]
refused = 0
for value in VALUES:
    shell.user_ns['value'] = value
    for line in LINES:
        result = shell.run_cell('%zef ' + line, silent=True)
        refused += result.error_in_exec is not None or result.error_before_exec is not None
FX.Publish(target=admin, content='last') | run
import time
limit = time.monotonic() + 20
while 'last' not in replies['admin'] and time.monotonic() < limit:
    time.sleep(0.01)
running = [row['server'] for row in FX.QueryAllActiveHTTPServers() | run]
print(json.dumps({'lines': len(VALUES) * len(LINES), 'refused': refused, 'admin': len(replies['admin']) - 1,
                  'running': running == [server], 'room': len(replies['room'])}))
"""


def magics(server: Server, settings: Settings) -> Outcome:
    """Run the lines in another process, which has a shell."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return Outcome(f"the program failed: {done.stderr[-300:]}", ok=False)
    found = json.loads(done.stdout.splitlines()[-1])
    return Outcome(
        f"{found['lines']} lines: {found['admin']} messages reach another topic, the server "
        f"{'runs' if found['running'] else 'has stopped'}, {found['room']} values are published",
        ok=not found["admin"] and found["running"] and found["room"] > 0,
        details=found,
    )


ATTACKS = (
    Attack(
        "magics",
        "a value of a client in a line of `%zef` is never a name, an option or another line",
        magics,
        peers=False,
    ),
)
