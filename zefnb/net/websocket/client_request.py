"""The request of a client's handshake, as its topics and its actor see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class ClientRequest(NamedTuple):
    """The variables of the route's path, the headers by name, and the pairs of the query."""

    path_params: dict[str, str]
    headers: Mapping[str, Sequence[str]]
    query: Sequence[tuple[str, str]]
