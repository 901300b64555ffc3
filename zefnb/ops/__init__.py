"""The op library.

    flow    identity add apply map filter reduce constant_func match_ one_of is_a equals greater_than less_than log
    data    first last nth take drop length reverse sort unique
    fields  F get insert insert_into
    text    join split trim replace_text to_upper_case to_lower_case contains starts_with to_json parse_json
    bytes   array_to_bytes bytes_to_array

`collect` evaluates a chain. `map` and `filter` are not among the names of `from zefnb import *`, which would hide
Python's own.
"""

from zefnb.core.op import collect
from zefnb.ops.bytes import array_to_bytes, bytes_to_array
from zefnb.ops.data import drop, first, last, length, nth, reverse, sort, take, unique
from zefnb.ops.fields import F, get, insert, insert_into
from zefnb.ops.flow import (
    add,
    apply,
    constant_func,
    equals,
    filter,
    greater_than,
    identity,
    is_a,
    less_than,
    log,
    map,
    match_,
    one_of,
    reduce,
)
from zefnb.ops.text import (
    contains,
    join,
    parse_json,
    replace_text,
    split,
    starts_with,
    to_json,
    to_lower_case,
    to_upper_case,
    trim,
)

__all__ = [
    "F",
    "add",
    "apply",
    "array_to_bytes",
    "bytes_to_array",
    "collect",
    "constant_func",
    "contains",
    "drop",
    "equals",
    "filter",
    "first",
    "get",
    "greater_than",
    "identity",
    "insert",
    "insert_into",
    "is_a",
    "join",
    "last",
    "length",
    "less_than",
    "log",
    "map",
    "match_",
    "nth",
    "one_of",
    "parse_json",
    "reduce",
    "replace_text",
    "reverse",
    "sort",
    "split",
    "starts_with",
    "take",
    "to_json",
    "to_lower_case",
    "to_upper_case",
    "trim",
    "unique",
]
