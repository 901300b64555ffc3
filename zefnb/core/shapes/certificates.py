"""The shapes of the entities that give a server its certificates."""

from __future__ import annotations

from zefnb.core.shapes.shape import MAY_BE_MISSING, Field, Shape

CERTIFICATES = (
    Shape(
        "LetsEncrypt",
        "certificate",
        "A certificate of Let's Encrypt, or of another ACME authority, requested and renewed.",
        {
            "domains": Field("Sequence[str]", "Further domains of the same certificate.", ()),
            "email": Field("str | None", "Your address, to which the authority can write.", None),
            "staging": Field("bool", "Whether to rehearse: the certificate is not trusted by browsers.", False),
            "directory_url": Field("str | None", "Another authority; `None` for Let's Encrypt.", None),
            "directory_root": Field(
                "str | os.PathLike[str] | None",
                "A file of certificates to check the authority's HTTPS with; `None` for those of the system.",
                None,
            ),
            "http_port": Field("int", "The port to which port 80 of the domain leads, for the authority's check.", 80),
        },
        """
>>> from zefnb import *
>>> ET.LetsEncrypt('demo.example.com', email='ada@example.com', staging=True)
ET.LetsEncrypt('demo.example.com', email='ada@example.com', staging=True)
""",
        uid="The domain.",
    ),
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
