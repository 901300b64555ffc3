"""Effects on certificates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zefnb.core.effect import effect
from zefnb.core.entity import ET, Entity

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@effect("GetLetsEncryptCreds")
async def get_lets_encrypt_creds(
    runtime: Runtime,
    *,
    domains: Sequence[str],
    email_address: str | None = None,
    staging: bool = False,
    directory_url: str | None = None,
    directory_root: str | os.PathLike[str] | None = None,
    http_port: int = 80,
    allow_external_requests: bool = True,
) -> Entity:
    """Request a certificate from Let's Encrypt, or return the stored one until two thirds of its life.

    The authority checks each domain by a request to its port 80, which must lead to `http_port` of this machine. Unlike
    `certificates=ET.LetsEncrypt(...)`, the certificate is not renewed by itself. By using it, you accept the terms of
    service of the authority.

    Args:
        domains: The names of the certificate, without wildcards.
        email_address: Where the authority can write to. Default: nowhere.
        staging: Whether to rehearse (default false): the certificate is not trusted by browsers.
        directory_url: Another authority with the same protocol (ACME). Default: Let's Encrypt.
        directory_root: A file of certificates to check the authority's HTTPS with. Default: those of the system.
        http_port: The port that is open during the check (default 80). A server of this user on that port replies, too.
        allow_external_requests: Whether other machines reach that port (default true). With false, a program on this
            machine must pass the requests on.

    Returns:
        `ET.TLSCredentials(certificates=…, private_key=…, domains=[…])`, for `certificates=[...]` of a server.

    Raises:
        InvalidEffect: A field is not valid; the error lists every mistake.
        CertificateUnavailable: The authority has not issued the certificate; the text has the reason.
        NotInstalled: A package is missing; the text has the command that installs it.

    Source:
        RFC 8555, section 8.3, for the check.

    >>> from zefnb import *
    >>> effect = FX.GetLetsEncryptCreds(domains=['a.example'], email_address='ada@example.com')
    >>> effect | run  # doctest: +SKIP
    """
    from zefnb.net.extras import require
    from zefnb.net.http.servers import Servers
    from zefnb.net.https.acme_fields import acme_fields
    from zefnb.topics.hub import Hub

    fields = acme_fields(
        "FX.GetLetsEncryptCreds",
        "",
        domains,
        email=email_address,
        staging=staging,
        directory_url=directory_url,
        directory_root=directory_root,
        http_port=http_port,
        email_field="email_address",
    )
    require("https", "cryptography", "acme")
    from zefnb.net.https.lets_encrypt import obtain_credentials

    async with runtime.service(Servers).challenge_ports(runtime.service(Hub), allow_external_requests) as open_port:
        return ET.TLSCredentials(**await obtain_credentials(runtime, fields, open_port))  # type: ignore[no-any-return]
