"""Orders: one certificate from an ACME authority (RFC 8555), by its check over HTTP. Blocks, so it runs in a thread."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import josepy
import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from zefnb.errors import CertificateUnavailable
from zefnb.net.https.challenges import CHALLENGE_PATH, publish_response, withdraw_response
from zefnb.net.https.credentials import PrivateKey
from zefnb.net.https.file_lock import Cancelled

_NETWORK_TIMEOUT = 30
_ORDER_TIMEOUT = 180.0
# The authority may refuse a nonce at any time (RFC 8555, section 6.5); acme itself tries again once.
_NONCE_ATTEMPTS = 12
# acme's own loops cannot be interrupted, so they run for so many seconds at a time.
_SLICE = 2.0


class Authority(NamedTuple):
    """An ACME authority, and the account there."""

    directory_url: str
    # A file of certificates that its own HTTPS is checked with; `None` for those of the system.
    root: str | None
    email: str | None
    account_key: PrivateKey

    @property
    def host(self) -> str:
        """Its host, for texts."""
        return self.directory_url.partition("://")[2].partition("/")[0]


class _Network(client.ClientNetwork):  # type: ignore[misc]
    def post(self, *args: Any, **options: Any) -> Any:
        for _ in range(_NONCE_ATTEMPTS - 1):
            try:
                return self._post_once(*args, **options)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return self._post_once(*args, **options)


def new_key() -> PrivateKey:
    """A new private key, for an account or a certificate."""
    return PrivateKey(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def request_certificate(
    authority: Authority,
    domains: Sequence[str],
    http_port: int,
    why_closed: str,
    cancelled: threading.Event,
    say: Callable[[str], None],
) -> tuple[bytes, PrivateKey]:
    """The chain and the key of a new certificate.

    `why_closed` is the reason why no server of this process responds at `http_port`, or empty.
    Raises `CertificateUnavailable`, or `Cancelled`.
    """
    with _explained(authority, domains, http_port), _connected(authority) as (acme, account_key):
        _register(acme, authority.email)
        key = new_key()
        order = acme.new_order(_signing_request(key, domains))
        deadline = time.monotonic() + _ORDER_TIMEOUT
        with _responses(acme, order, account_key, http_port, why_closed):
            say(f"{authority.host} checks {', '.join(domains)} over port {http_port}")
            order = _in_slices(acme.poll_authorizations, order, deadline, cancelled)
        with contextlib.suppress(messages.Error):  # not yet ready: polling sends it again
            acme.begin_finalization(order)
        order = _in_slices(acme.poll_finalization, order, deadline, cancelled)
        return order.fullchain_pem.encode(), key


def renewal_hint(authority: Authority, chain: bytes) -> tuple[float | None, float]:
    """The time at which the authority wants the certificate to be renewed (RFC 9773), and when to request it again.

    The first is `None` when the authority has no opinion. Raises `CertificateUnavailable`.
    """
    with _explained(authority, (), 0), _connected(authority) as (acme, _):
        due, again = acme.renewal_time(chain)
        # acme's second time is a naive one, of the system's clock and zone.
        in_seconds = max(60.0, (again - datetime.datetime.now()).total_seconds())
        return None if due is None else due.timestamp(), in_seconds


@contextlib.contextmanager
def _connected(authority: Authority) -> Iterator[tuple[Any, Any]]:
    """The client of the authority, and the key of the account."""
    key = josepy.JWKEC(key=load_pem_private_key(authority.account_key.pem, None))
    network = _Network(key, alg=josepy.ES256, user_agent="zefnb", timeout=_NETWORK_TIMEOUT)
    network.verify_ssl = authority.root or True
    # A connection that is kept open would be left to the garbage collection, since urllib3 does not close it.
    network.session.headers["Connection"] = "close"
    try:
        yield client.ClientV2(client.ClientV2.get_directory(authority.directory_url, network), network), key
    finally:
        network.session.close()


def _register(acme: Any, email: str | None) -> None:
    """Make the account, or find the one of this key."""
    contact = {"email": email} if email else {}
    given = messages.NewRegistration.from_data(terms_of_service_agreed=True, **contact)
    try:
        acme.new_account(given)
    except errors.ConflictError as known:
        acme.net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())


def _signing_request(key: PrivateKey, domains: Sequence[str]) -> bytes:
    names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=False)
    private: Any = load_pem_private_key(key.pem, None)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM)


@contextlib.contextmanager
def _responses(acme: Any, order: Any, account_key: Any, http_port: int, why_closed: str) -> Iterator[None]:
    """Respond to the checks of all domains during the block."""
    tokens = []
    try:
        for authorization in order.authorizations:
            if authorization.body.status == messages.STATUS_VALID:
                continue
            found = next((c for c in authorization.body.challenges if isinstance(c.chall, challenges.HTTP01)), None)
            if found is None:
                name = authorization.body.identifier.value
                raise CertificateUnavailable(f"the authority offers no check over HTTP for {name}")
            response, content = found.chall.response_and_validation(account_key)
            token = found.chall.encode("token")
            tokens.append(token)
            publish_response(token, content)
            if why_closed and not _is_served(http_port, token, content):
                raise CertificateUnavailable(f"the authority would not find a response: {why_closed}")
            acme.answer_challenge(found, response)
        yield
    finally:
        for token in tokens:
            withdraw_response(token)


def _is_served(port: int, token: str, content: str) -> bool:
    """Whether a server of this user, in another process perhaps, responds at the port."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{CHALLENGE_PATH}{token}", timeout=5) as reply:
            return bool(reply.read(1_000) == content.encode())
    except (OSError, ValueError):
        return False


def _in_slices(poll: Callable[..., Any], order: Any, deadline: float, cancelled: threading.Event) -> Any:
    while True:
        if cancelled.is_set():
            raise Cancelled
        try:
            return poll(order, datetime.datetime.now() + datetime.timedelta(seconds=_SLICE))
        except errors.TimeoutError:
            if time.monotonic() > deadline:
                raise


@contextlib.contextmanager
def _explained(authority: Authority, domains: Sequence[str], port: int) -> Iterator[None]:
    """Turn the errors of the libraries into `CertificateUnavailable`."""
    host = authority.host
    try:
        yield
    except errors.ValidationError as error:
        problems = "; ".join(_problems(error))
        text = f"{host} could not check {', '.join(domains)} over port {port}: {problems}"
        raise CertificateUnavailable(f"{text}. The name must lead to this machine, and the port be open") from None
    except messages.Error as error:
        raise CertificateUnavailable(f"{host} refused: {error.detail or error.code or 'without a reason'}") from None
    except errors.TimeoutError:
        raise CertificateUnavailable(f"{host} did not issue the certificate in {_ORDER_TIMEOUT:.0f} s") from None
    except requests.RequestException as error:
        raise CertificateUnavailable(f"{host} cannot be reached: {_reason(error)}") from None
    except (errors.Error, josepy.errors.Error, ValueError, KeyError, AttributeError) as error:
        raise CertificateUnavailable(f"{host} sent an unexpected response: {type(error).__name__}: {error}") from None


def _problems(error: Any) -> Iterator[str]:
    for authorization in error.failed_authzrs:
        for challenge in authorization.body.challenges:
            if challenge.error is not None:
                yield f"{authorization.body.identifier.value}: {challenge.error.detail}"


def _reason(error: Exception) -> str:
    """The innermost reason: requests wraps it several times."""
    inner: Any = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    return str(inner) or type(error).__name__
