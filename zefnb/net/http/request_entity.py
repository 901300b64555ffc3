"""The message that a handler receives: `ET.Request`, from the head and the body of a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zefnb.core.entity import ET, Entity
from zefnb.core.time import Time
from zefnb.net.http.decision import ANONYMOUS, Visitor
from zefnb.net.http.forms import query_pairs
from zefnb.net.http.request_head import RequestHead
from zefnb.net.pairs import lists_of


def request_entity(
    head: RequestHead,
    body: bytes,
    form: Iterable[tuple[str, Any]],
    variables: dict[str, Any],
    visitor: Visitor = ANONYMOUS,
) -> Entity:
    """The request of a head, a body, the fields of its form, and the variables of its path."""
    try:
        text: str | bytes = body.decode()
    except UnicodeDecodeError:
        text = body
    query, form = query_pairs(head.query), list(form)
    fields: dict[str, Any] = {
        "path": head.path,
        "method": head.method,
        "headers": {name: values[0] for name, values in head.headers.items()},
        "header_lists": {name: list(values) for name, values in head.headers.items()},
        "query": head.query,
        "query_params": dict(query),
        "query_lists": lists_of(query),
        "body": text,
        "form_data": dict(form),
        "form_lists": lists_of(form),
        "client_ip": head.client_ip,
        "base_url": head.base_url,
        "req_time": Time.now(),
        "path_params": variables,
    }
    if visitor is not ANONYMOUS:
        fields["user"] = visitor.user
    entity: Entity = ET.Request(**{**variables, **fields})
    return entity
