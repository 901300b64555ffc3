"""A view of a live table or chart: `python -m bench.load.viewer URL TOKEN SECRET [REQUEST ...]`.

It sends the requests, which are JSON, and receives until standard input ends.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

# The first request of a page with a table: the window of the first fifty rows.
_WINDOW = '{"do": "window", "limit": 50}'


def main(url: str, token: str, secret: str, *requests: str) -> None:
    with connect(url, close_timeout=0.5) as socket:
        nonce, own = json.loads(socket.recv(timeout=5))["nonce"], secrets.token_urlsafe(16)
        proof = hmac.digest(secret.encode(), f"view\n{token}\n{nonce}\n{own}".encode(), "sha256").hex()
        socket.send(json.dumps({"token": token, "nonce": own, "proof": proof}))
        json.loads(socket.recv(timeout=5))
        for request in requests or (_WINDOW,):
            socket.send(request)
        counted = {"messages": 0, "tables": 0, "bytes": 0}

        def look() -> None:
            try:
                for text in socket:
                    counted["messages"] += 1
                    counted["tables"] += json.loads(text)["t"] == "table"
                    counted["bytes"] += len(text)
            except ConnectionClosed:
                pass

        threading.Thread(target=look, daemon=True).start()
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.read()
        print(json.dumps(counted), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
