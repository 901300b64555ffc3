"""An OpenID provider of the test's own on a real socket, which signs whatever a test asks for."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

# Making one takes a while.
_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class Issuer:
    """Serves metadata, keys, tokens and profiles. A test changes the attributes to make it lie."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self.key = _KEY
        self.published = [self.key]
        self.metadata: dict[str, Any] = {}
        self.profile: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        # Responses for further paths: JSON, or bytes as they are.
        self.pages: dict[str, Any] = {}
        # The Content-Encoding of all responses, whatever the client accepts.
        self.encoding = ""
        self.accepted_encodings: set[str] = set()
        self.authorizations: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a valid token for client `app` and nonce `n`, with these changes; `None` removes one."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": "app", "sub": "7", "nonce": "n", "iat": now, "exp": now + 60, "name": "Ada"}
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def signed(self, key: Any = None, alg: str = "RS256", **changes: Any) -> str:
        key = key or self.key
        header = {"alg": alg, "kid": key.kid} if key.kid else {"alg": alg}
        return jwt.encode(header, self.claims(**changes), key, algorithms=[alg])

    def _response(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize?tenant=1",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/profile",
                **self.metadata,
            }
        if path == "/keys":
            return KeySet(self.published).as_dict(private=False)
        return {"/token": self.token, "/profile": self.profile, **self.pages}.get(path)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                issuer.requests[path] += 1
                issuer.authorizations.append(self.headers.get("Authorization", ""))
                issuer.accepted_encodings.add(self.headers.get("Accept-Encoding", ""))
                response = issuer._response(path)
                body = response if isinstance(response, bytes) else json.dumps(response).encode()
                self.send_response(404 if response is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                if issuer.encoding:
                    self.send_header("Content-Encoding", issuer.encoding)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                issuer.forms.append({name: values[0] for name, values in parse_qs(form).items()})
                self.do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
