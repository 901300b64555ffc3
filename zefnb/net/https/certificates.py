"""Certificates: the forms of the field `certificates=` of a server."""

from __future__ import annotations

import importlib
import os
import ssl
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from zefnb.core.entity import ET, Entity
from zefnb.core.record import fields_of, uid_of
from zefnb.core.shapes import SHAPES
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.net.extras import require
from zefnb.net.https.acme_fields import fields_of_entity
from zefnb.net.https.credentials import (
    BadCredentials,
    Credentials,
    PrivateKey,
    check_context,
    server_context,
    text_of,
)
from zefnb.net.https.in_thread import in_thread
from zefnb.net.https.key_files import UnsafeFile, check_private
from zefnb.net.https.server_certificates import Certificates
from zefnb.net.https.sni import NamedContexts

ALLOWED = (
    "'local', ET.LetsEncrypt('demo.example.com'), [ET.TLSCredentials(...)], "
    "('cert.pem', 'key.pem'), {'certfile': ..., 'keyfile': ...} or an ssl.SSLContext"
)


# The packages of a local authority, and those of Let's Encrypt.
_PACKAGES = (("cryptography", "ifaddr"), ("cryptography", "acme"))


async def load_packages(given: Any) -> None:
    """Import in a thread what the certificates need, since that can take a second. Raises `NotInstalled`."""
    if _is_local(given) or type(given) is ET.LetsEncrypt:
        await in_thread("zefnb-imports", partial(_import_packages, given))


def _import_packages(given: Any) -> None:
    if _is_local(given):
        require("https", *_PACKAGES[0])
        importlib.import_module("zefnb.net.https.local")
    else:
        require("https", *_PACKAGES[1])
        importlib.import_module("zefnb.net.https.lets_encrypt")


def _is_local(given: Any) -> bool:
    return isinstance(given, str) and given == "local"


def certificates_of(runtime: Runtime, given: Any) -> Certificates:
    """The certificates for `certificates=`, which is not `None`.

    Raises `InvalidEffect`, which names each wrong field, or `NotInstalled`.
    """
    if isinstance(given, ssl.SSLContext):
        return Certificates(given)
    if _is_local(given):
        require("https", *_PACKAGES[0])
        from zefnb.net.https.local import LocalCertificates

        return LocalCertificates(runtime)
    if type(given) is ET.LetsEncrypt:
        fields = fields_of_entity(given)
        require("https", *_PACKAGES[1])
        from zefnb.net.https.lets_encrypt import LetsEncryptCertificates

        return LetsEncryptCertificates(runtime, fields)
    items = [given] if type(given) is ET.TLSCredentials else given
    if isinstance(items, list | tuple) and items and all(type(item) is ET.TLSCredentials for item in items):
        return _given(items)
    return Certificates(_from_files(given))


def _given(items: Sequence[Entity]) -> Certificates:
    faults: list[FieldError] = []
    credentials = [_credentials(f"certificates[{number}]", item, faults) for number, item in enumerate(items)]
    found = [each for each in credentials if each is not None]
    if faults:
        raise InvalidEffect("FX.StartHTTPServer", faults)
    return Certificates(NamedContexts(found).context, [domain for each in found for domain in each.domains])


def _credentials(where: str, item: Entity, faults: list[FieldError]) -> Credentials | None:
    shape, given = SHAPES["TLSCredentials"], fields_of(item)
    wrong = [*shape.unknown(where, given), *shape.missing(where, given)]
    if uid_of(item) is not None:
        wrong.append(FieldError(where, "it has no name", "fields alone"))
    domains = given.get("domains", ())
    if not isinstance(domains, list | tuple) or not all(isinstance(domain, str) and domain for domain in domains):
        wrong.append(FieldError(f"{where}.domains", f"got {shown(domains)}", "a list of names, such as ['a.example']"))
    faults += wrong
    if wrong:
        return None
    try:
        key = PrivateKey(text_of(given["private_key"], "private_key"))
        return Credentials(text_of(given["certificates"], "certificates"), key, domains)
    except BadCredentials as error:
        faults.append(FieldError(f"{where}.{error.field}" if error.field else where, error.problem))
        return None


def _from_files(given: Any) -> ssl.SSLContext:
    """The context for the files of a certificate chain and its key."""
    if isinstance(given, Entity):
        given = fields_of(given)
    if isinstance(given, dict):
        certificate = given.get("certfile", given.get("cert"))
        key = given.get("keyfile", given.get("key"))
    elif isinstance(given, list | tuple) and len(given) == 2:
        certificate, key = given
    else:
        raise _fault(f"got {shown(given)}")
    for path in (certificate, key):
        if not isinstance(path, str | os.PathLike) or not os.path.isfile(path):
            raise _fault(f"there is no file {shown(path)}")
    return _loaded(str(certificate), str(key))


def _loaded(certificate: str, key: str) -> ssl.SSLContext:
    context = server_context()
    try:
        check_private(key)
        # With an empty password, an encrypted key raises an error instead of a prompt for its password.
        context.load_cert_chain(certificate, key, password="")
        check_context(context, Path(certificate).read_bytes())
    except ssl.SSLError as error:
        raise _fault(f"{certificate} and {key} are no certificate and its key: {error.reason}") from None
    except BadCredentials as error:
        raise _fault(f"{certificate} cannot be used: {error.problem}") from None
    except UnsafeFile as error:
        raise _fault(str(error)) from None
    except OSError as error:
        raise _fault(f"{certificate} and {key} cannot be read: {error.strerror}") from None
    return context


def _fault(problem: str) -> InvalidEffect:
    return InvalidEffect("FX.StartHTTPServer", [FieldError("certificates", problem, ALLOWED)])
