"""The fields of `ET.LetsEncrypt` and of `FX.GetLetsEncryptCreds`, checked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from zefnb.core.entity import Entity
from zefnb.core.record import fields_of, uid_of
from zefnb.core.shapes import SHAPES
from zefnb.errors import FieldError, InvalidEffect, shown

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class ACMEFields:
    """The certificate to request, and the authority."""

    domains: tuple[str, ...]
    email: str | None
    directory_url: str
    directory_root: str | None
    http_port: int

    @property
    def subject(self) -> str:
        """The domains, for texts."""
        return ", ".join(self.domains)

    @property
    def host(self) -> str:
        """The host of the authority, for texts."""
        return self.directory_url.partition("://")[2].partition("/")[0]


def fields_of_entity(given: Entity) -> ACMEFields:
    """The fields of an `ET.LetsEncrypt`. Raises `InvalidEffect`, which lists every mistake."""
    where, fields, shape = "certificates", fields_of(given), SHAPES["LetsEncrypt"]
    faults = list(shape.unknown(where, fields))
    further = fields.pop("domains", ())
    domains = [uid_of(given), *further] if isinstance(further, list | tuple) else further
    known = {name: value for name, value in fields.items() if name in shape.fields}
    return acme_fields("FX.StartHTTPServer", f"{where}.", domains, faults, **known)


def acme_fields(
    subject: str,
    where: str,
    domains: Any,
    faults: Iterable[FieldError] = (),
    *,
    email: Any = None,
    staging: Any = False,
    directory_url: Any = None,
    directory_root: Any = None,
    http_port: Any = 80,
    email_field: str = "email",
) -> ACMEFields:
    """Check the fields. Raises `InvalidEffect` with the errors of all of them, and the given ones."""
    found = [*faults, *_domain_faults(f"{where}domains", domains)]
    if email is not None and not (isinstance(email, str) and _EMAIL.fullmatch(email)):
        found.append(FieldError(f"{where}{email_field}", f"got {shown(email)}", "an address such as 'ada@example.com'"))
    if not isinstance(staging, bool):
        found.append(FieldError(f"{where}staging", f"got {shown(staging)}", "True or False"))
    if directory_url is not None and not str(directory_url).startswith("https://"):
        found.append(
            FieldError(f"{where}directory_url", f"got {shown(directory_url)}", "a url that begins with https://")
        )
    if directory_url is not None and staging is True:
        found.append(FieldError(f"{where}staging", "the directory_url names the authority", "one of the two"))
    is_file = isinstance(directory_root, str | os.PathLike) and os.path.isfile(directory_root)
    if directory_root is not None and not is_file:
        found.append(FieldError(f"{where}directory_root", f"got {shown(directory_root)}", "a file with certificates"))
    if type(http_port) is not int or not 1 <= http_port <= 65_535:
        found.append(FieldError(f"{where}http_port", f"got {shown(http_port)}", "1 to 65535"))
    if found:
        raise InvalidEffect(subject, found)
    url = directory_url or (STAGING if staging else LETS_ENCRYPT)
    root = None if directory_root is None else os.fspath(directory_root)
    return ACMEFields(_distinct(domains), email, url, root, http_port)


def _domain_faults(where: str, given: Any) -> list[FieldError]:
    allowed = "names such as 'demo.example.com', without a wildcard"
    if not isinstance(given, list | tuple) or not given:
        return [FieldError(where, f"got {shown(given)}", f"a list of {allowed}")]
    faults = []
    for domain in given:
        if not isinstance(domain, str) or _DOMAIN.fullmatch(domain.lower()) is None:
            hint = "a wildcard needs a check by DNS, which zefnb does not do" if str(domain).startswith("*.") else ""
            faults.append(FieldError(where, f"got {shown(domain)}", allowed, hint))
    return faults


def _distinct(domains: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(domain.lower() for domain in domains))
