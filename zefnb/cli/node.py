"""A further node of the demo, in a process of its own: `python -m zefnb.cli.node CLUSTER TOPIC`.

It prints the port of its server, and ends with its standard input, so also when the demo is killed.
"""

from __future__ import annotations

import json
import sys

from zefnb import ET, FX, run
from zefnb.cli.chatroom import start_chatroom


def main(name: str, topic: str) -> None:
    """Join, serve the chatroom, and leave at the end of the standard input."""
    chat = ET.Topic(topic)
    FX.JoinCluster(name=name, topics=[chat]) | run
    server = start_chatroom(chat, 0)
    print(json.dumps({"port": server.port}), flush=True)
    sys.stdin.read()
    FX.StopHTTPServer(server=server) | run
    FX.LeaveCluster() | run


if __name__ == "__main__":
    main(*sys.argv[1:])
