"""Requests to a login provider: bounded in time and size, without redirects, and encrypted beyond this machine."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from zefnb.net.auth.providers.provider import LoginFailed
from zefnb.net.hosts import is_loopback

# Seconds for each request, and bytes for each response. Key sets and profiles have some kilobytes.
REQUEST_TIMEOUT = 10.0
RESPONSE_LIMIT = 1 << 20
_JSON = {"accept": "application/json"}
# A compressed response could be a thousand times as long as its bytes on the wire.
_UNCOMPRESSED = {"accept-encoding": "identity"}


def is_safe_url(url: Any) -> bool:
    """Whether secrets may be sent to `url`: it is encrypted, or stays on this machine.

    >>> [is_safe_url(url) for url in ('https://login.example.com', 'http://login.example.com', 'http://127.0.0.1:9400')]
    [True, False, True]
    """
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname or ""
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


class UnexpectedStatus(LoginFailed):
    """The provider responded with another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the login provider responded with {status}")
        self.status = status


class _Bounded(httpx2.AsyncByteStream):
    """A response body that fails when it is longer than `RESPONSE_LIMIT`."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > RESPONSE_LIMIT:
                raise httpx2.ReadError(f"the response is longer than {RESPONSE_LIMIT:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise httpx2.ReadError("the response is compressed, which the request did not allow")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream)


class Outgoing:
    """The HTTP client of one provider. Errors are `LoginFailed`; their texts contain nothing that the provider sent."""

    def __init__(
        self,
        *,
        client_id: str = "",
        client_secret: str = "",
        auth_method: str | None = None,
        trusts_address: bool = False,
    ) -> None:
        # A hub's own address for its services, often without TLS in a private network, which its administrator sets.
        self._trusts_address = trusts_address
        self._identity = {"client_id": client_id, "client_secret": client_secret}
        self._auth_method = auth_method
        # Reading the system's certificates takes a while, so it is done once, before the first login.
        self._verify = ssl.create_default_context()

    def _client(self, url: str, **options: Any) -> AsyncOAuth2Client:
        if not self._trusts_address and not is_safe_url(url):
            raise LoginFailed("the address of the login provider must begin with https://")
        return AsyncOAuth2Client(
            **self._identity,
            token_endpoint_auth_method=self._auth_method,
            verify=self._verify,
            timeout=REQUEST_TIMEOUT,
            follow_redirects=False,
            headers=_UNCOMPRESSED,
            # A proxy can't reach this machine under a loopback address.
            trust_env=not is_loopback(urlsplit(url).hostname or ""),
            event_hooks={"response": [_bound]},
            **options,
        )

    async def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON at `url`. Raises `LoginFailed`, also when the status is not 200."""
        try:
            async with self._client(url) as client:
                response = await client.request("GET", url, headers={**_JSON, **(headers or {})}, withhold_token=True)
                if response.status_code != 200:
                    raise UnexpectedStatus(response.status_code)
                return json.loads(response.content)
        except (httpx2.HTTPError, OSError) as error:
            raise LoginFailed(f"the login provider cannot be reached ({type(error).__name__})") from None
        except (ValueError, RecursionError):
            raise LoginFailed("the login provider did not respond with JSON") from None

    async def fetch_token(self, url: str, *, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        """Exchange an authorization code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
        try:
            async with self._client(url, redirect_uri=redirect_uri) as client:
                token = await client.fetch_token(
                    url, grant_type="authorization_code", code=code, code_verifier=verifier, headers=_JSON
                )
        except AuthlibBaseError as error:
            raise LoginFailed(f"the login provider refused the code ({_code_of(error)})") from None
        except (httpx2.HTTPError, OSError) as error:
            raise LoginFailed(f"the login provider cannot be reached ({type(error).__name__})") from None
        except (ValueError, RecursionError):
            raise LoginFailed("the login provider did not respond with a token") from None
        if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
            raise LoginFailed("the login provider did not respond with a token")
        return dict(token)


def _code_of(error: AuthlibBaseError) -> str:
    """The error code of RFC 6749, section 5.2, if it has the form of one: it can be shown."""
    code = error.error
    is_code = isinstance(code, str) and code.isascii() and code.replace("_", "").isalnum() and len(code) < 64
    return str(code) if is_code else "?"
