"""`certificates=ET.LetsEncrypt(...)`: certificates of an ACME authority, stored and renewed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from zefnb.engine.printing import log_value
from zefnb.engine.runtime import Runtime
from zefnb.errors import CertificateUnavailable
from zefnb.net.https.acme_fields import ACMEFields
from zefnb.net.https.credentials import BadCredentials, Credentials
from zefnb.net.https.file_lock import Cancelled
from zefnb.net.https.in_thread import in_thread
from zefnb.net.https.key_files import UnsafeFile
from zefnb.net.https.orders import Authority, new_key, renewal_hint, request_certificate
from zefnb.net.https.renewal import CertificateClock, Plan, Renewal
from zefnb.net.https.server_certificates import Certificates, OpenChallengePort, unusable
from zefnb.net.https.sni import NamedContexts
from zefnb.net.https.stored_certificates import StoredCertificate

_PROGRESS_INTERVAL = 10.0
# A stored certificate that is valid for less than this is replaced before the server starts.
_LEAST_LIFE = 3_600.0
# Seconds between two renewals, since authorities limit them.
_LEAST_INTERVAL = 3_600.0

IsGood = Callable[[Credentials], bool]


class Requests:
    """Obtains the certificate for some domains: the stored one, or a new one."""

    def __init__(self, fields: ACMEFields) -> None:
        self.fields = fields
        # Shows progress while the user waits.
        self.say: Callable[[str], None] = log_value
        self.stored = StoredCertificate(fields.directory_url, fields.domains)

    async def obtain(self, is_good: IsGood, open_port: OpenChallengePort) -> Credentials:
        """Raises `CertificateUnavailable`, or `UnsafeFile`. Prints what it waits for."""
        found = await in_thread("zefnb-certificate", self.stored.load)
        if found is not None and is_good(found):
            return found
        why_closed = await open_port(self.fields.http_port, self.fields.domains)
        cancelled = threading.Event()
        call = partial(self._request, is_good, why_closed, cancelled)
        waiting = asyncio.ensure_future(in_thread("zefnb-certificate", call))
        try:
            seconds = 0.0
            while not (await asyncio.wait([waiting], timeout=_PROGRESS_INTERVAL))[0]:
                seconds += _PROGRESS_INTERVAL
                self.say(f"still waiting for the certificate for {self.fields.subject} ({seconds:.0f} s)")
            return waiting.result()
        finally:
            cancelled.set()
            waiting.cancel()

    def _request(self, is_good: IsGood, why_closed: str, cancelled: threading.Event) -> Credentials:
        fields = self.fields
        with self.stored.lock(cancelled):
            # Another process may have requested it while this one waited for the lock.
            if (found := self.stored.load()) is not None and is_good(found):
                return found
            self.say(f"requesting a certificate for {fields.subject} from {fields.host}")
            made = request_certificate(
                self._authority(), fields.domains, fields.http_port, why_closed, cancelled, self.say
            )
            try:
                return self.stored.save(*made)
            except BadCredentials as error:
                text = f"{fields.host} issued a certificate that cannot be used: {error}"
                raise CertificateUnavailable(text) from None

    def hint(self, credentials: Credentials) -> tuple[float | None, float]:
        """The authority's hint for the renewal; see `renewal_hint`."""
        return renewal_hint(self._authority(), credentials.chain)

    def _authority(self) -> Authority:
        fields = self.fields
        return Authority(fields.directory_url, fields.directory_root, fields.email, self.stored.account_key(new_key))


class LetsEncryptCertificates(Certificates):
    """The certificate of one server."""

    def __init__(self, runtime: Runtime, fields: ACMEFields) -> None:
        self._runtime, self._requests = runtime, Requests(fields)
        self._clock = runtime.service(CertificateClock)
        self._renewal = Renewal(runtime, fields.subject, self._plan, self._renew, _LEAST_INTERVAL)
        self.challenge_port = fields.http_port

    async def prepare(self, open_port: OpenChallengePort) -> None:
        """Load the certificate, or request it."""
        self._open_port = open_port
        try:
            found = await self._requests.obtain(self._lasts, open_port)
        except (UnsafeFile, OSError, Cancelled) as error:
            raise unusable(str(error)) from None
        self._use(found)
        super().__init__(self._contexts.context, self._requests.fields.domains)

    def start(self, on_renewed: Callable[[], None]) -> None:
        """Renew the certificate from now on."""
        self._requests.say = lambda text: None  # no cell waits
        self._renewal.start()

    def stop(self) -> None:
        """Stop renewing. May be repeated."""
        self._renewal.stop()

    def _use(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._contexts = NamedContexts([credentials])

    def _lasts(self, credentials: Credentials) -> bool:
        return credentials.not_after - _LEAST_LIFE > self._clock.now()

    async def _plan(self, now: float) -> Plan:
        due, again = self._credentials.two_thirds, now + 6 * 3_600.0
        with contextlib.suppress(CertificateUnavailable, UnsafeFile, OSError):
            hint, in_seconds = await in_thread("zefnb-certificate", partial(self._requests.hint, self._credentials))
            again = now + in_seconds
            due = due if hint is None else hint
        return Plan(due, again)

    async def _renew(self) -> float:
        old = self._credentials

        def is_newer(found: Credentials) -> bool:
            return found.chain != old.chain and self._lasts(found)

        made = await self._requests.obtain(is_newer, self._open_port)
        self._credentials = made
        self._contexts.replace([made])
        return made.not_after


async def obtain_credentials(runtime: Runtime, fields: ACMEFields, open_port: OpenChallengePort) -> dict[str, Any]:
    """The fields of `ET.TLSCredentials` for these domains: the stored certificate until two thirds of its life."""
    clock = runtime.service(CertificateClock)
    try:
        found = await Requests(fields).obtain(lambda each: clock.now() < each.two_thirds, open_port)
    except (UnsafeFile, OSError, Cancelled) as error:
        raise CertificateUnavailable(str(error)) from None
    return {
        "certificates": found.chain.decode(),
        "private_key": found.key.pem.decode(),
        "domains": list(fields.domains),
    }
