"""The shapes of the entities that give a server its certificates."""

from __future__ import annotations

from zefnb.core.shapes.shape import MAY_BE_MISSING, Field, Shape

CERTIFICATES = (
    Shape(
        "TLSCredentials",
        "certificate",
        "A certificate and its private key, for `certificates=[...]` of a server.",
        {
            "certificates": Field("str | bytes", "The certificate and those of its issuers, in PEM format."),
            "private_key": Field("str | bytes", "The key in PEM format. No text shows it, and no pickle holds it."),
            "domains": Field(
                "Sequence[str]",
                "The names for which a server presents the certificate; by default all that it is valid for.",
                MAY_BE_MISSING,
            ),
        },
        """
>>> from zefnb import *
>>> pem = '-----BEGIN CERTIFICATE-----...'
>>> ET.TLSCredentials(certificates=pem, private_key='-----BEGIN PRIVATE KEY-----...', domains=['a.example'])
ET.TLSCredentials(certificates='-----BEGIN CERTIFICATE-----...', private_key=…, domains=['a.example'])
""",
    ),
)
