"""`certificates='local'`: certificates of the user's own authority, for the names that this machine has now."""

from __future__ import annotations

from collections.abc import Callable

from zefnb.engine.runtime import Runtime
from zefnb.net.https.credentials import Credentials
from zefnb.net.https.in_thread import in_thread
from zefnb.net.https.key_files import UnsafeFile
from zefnb.net.https.local_authority import LocalAuthority, local_names
from zefnb.net.https.renewal import CertificateClock, Plan, Renewal
from zefnb.net.https.server_certificates import Certificates, OpenChallengePort, unusable
from zefnb.net.https.sni import NamedContexts

# Seconds between two reads of the addresses, which change when a laptop joins another network.
_ADDRESS_INTERVAL = 30.0


class LocalCertificates(Certificates):
    """The certificate of one server, which is made again when the addresses change."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._clock = runtime.service(CertificateClock)
        self._renewal = Renewal(runtime, "this machine", self._plan, self._renew)

    async def prepare(self, open_port: OpenChallengePort) -> None:
        """Make the authority, if there is none, and a certificate."""
        try:
            authority, self._names, self._credentials = await in_thread("zefnb-certificate", self._make)
        except (UnsafeFile, OSError) as error:
            raise unusable(f"the local authority cannot be used: {error}") from None
        self._contexts = NamedContexts([self._credentials])
        root = str(authority.root_path)
        super().__init__(self._contexts.context, self._credentials.names, root_certificate=root)

    def start(self, on_renewed: Callable[[], None]) -> None:
        """Watch the addresses and the expiry from now on."""
        self._on_renewed = on_renewed
        self._renewal.start()

    def stop(self) -> None:
        """Stop watching. May be repeated."""
        self._renewal.stop()

    def _make(self) -> tuple[LocalAuthority, frozenset[str], Credentials]:
        now = self._clock.now()
        authority, names = LocalAuthority.load(now), local_names()
        if left_out := sorted(name for name in names if not authority.permits(name)):
            text = (
                f"the root certificate does not permit {', '.join(left_out)}, which this machine did not have when it "
                f"was made; to make another one, which devices must trust again, remove {authority.root_path.parent}"
            )
            self._runtime.journal.note("warning", text, key=("local authority", tuple(left_out)))
        return authority, names, authority.issue(names, now)

    async def _plan(self, now: float) -> Plan:
        names = await in_thread("zefnb-addresses", local_names)
        return Plan(self._credentials.two_thirds if names == self._names else now, now + _ADDRESS_INTERVAL)

    async def _renew(self) -> float:
        _, self._names, self._credentials = await in_thread("zefnb-certificate", self._make)
        self._contexts.replace([self._credentials])
        self.hosts = self._credentials.names
        self._on_renewed()
        return self._credentials.not_after
