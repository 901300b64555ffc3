"""Secret fields: fields of some entity types that no text shows, and that no pickle holds.

A program reads them like other fields. Only `repr`, and everything that is made from it, shows "…" in their place.
"""

from __future__ import annotations

from collections.abc import Mapping

SECRET_FIELDS: Mapping[str, frozenset[str]] = {"TLSCredentials": frozenset({"private_key"})}
NONE: frozenset[str] = frozenset()
