"""TLS: converts the certificates that users give to a context for a server."""

from __future__ import annotations

import os
import ssl
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.record import fields_of
from zefnb.errors import FieldError, InvalidEffect, shown

_ALLOWED = "('cert.pem', 'key.pem'), {'certfile': ..., 'keyfile': ...} or an ssl.SSLContext"


def server_context(given: Any) -> ssl.SSLContext | None:
    """The context for `certificates=`: files of a certificate chain and its key, or a context, which is used unchanged.

    Raises `InvalidEffect`, which names the field, for a file that is missing or invalid.
    """
    if given is None or isinstance(given, ssl.SSLContext):
        return given
    if isinstance(given, Entity):
        given = fields_of(given)
    if isinstance(given, dict):
        certificate = given.get("certfile", given.get("cert"))
        key = given.get("keyfile", given.get("key"))
    elif isinstance(given, list | tuple) and len(given) == 2:
        certificate, key = given
    else:
        raise _fault(f"got {shown(given)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key):
        if not isinstance(path, str | os.PathLike) or not os.path.isfile(path):
            raise _fault(f"there is no file {shown(path)}")
    try:
        # With an empty password, an encrypted key raises an error instead of a prompt for its password.
        context.load_cert_chain(str(certificate), str(key), password="")
    except ssl.SSLError as error:
        raise _fault(f"{certificate} and {key} are no certificate and its key: {error.reason}") from None
    return context


def _fault(problem: str) -> InvalidEffect:
    return InvalidEffect("FX.StartHTTPServer", [FieldError("certificates", problem, _ALLOWED)])
