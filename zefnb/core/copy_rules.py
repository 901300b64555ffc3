"""Types that snapshots do not copy: their values cannot change, or their objects are shared."""

from __future__ import annotations

import collections
import datetime
import enum
import re
import types
import weakref

from zefnb.core.entity import ET, EntityTypes
from zefnb.core.function import ZefFunction
from zefnb.core.op import Applied, Evaluator, Op, OpFactory, Step
from zefnb.core.time import Time
from zefnb.core.types import ArrayType, ByteArray, Union, ValueType

# Types of immutable values without parts, for a quick check of the exact type.
PLAIN = frozenset({str, bytes, int, float, bool, type(None), Time, ByteArray})
# The same with handles, since states usually consist of both.
PLAIN_OR_HANDLE = PLAIN | {
    ET.Topic,
    ET.HTTPServer,
    ET.Actor,
    ET.WebSocketClient,
    ET.Timer,
    ET.Replay,
    ET.Subscription,
}

_NEVER_COPIED = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.ModuleType,
    types.CodeType,
    property,
    enum.Enum,
    re.Pattern,
    weakref.ref,
    ZefFunction,
    Op,
    OpFactory,
    Step,
    Evaluator,
    Applied,
    EntityTypes,
    ArrayType,
    ValueType,
    Union,
)
# Objects of subclasses may have attributes, so the type must be exactly one of these.
_NEVER_COPIED_EXACTLY = frozenset(
    {
        object,
        range,
        slice,
        types.EllipsisType,
        types.NotImplementedType,
        types.GenericAlias,
        types.UnionType,
        datetime.date,
        datetime.time,
        datetime.datetime,
        datetime.timedelta,
        datetime.timezone,
    }
)
_SCALARS = (str, bytes, int, float, complex)
# Modules whose objects represent a resource, or are meant to be shared.
_HANDLE_MODULES = frozenset(
    {
        "_socket",
        "_thread",
        "asyncio",
        "concurrent",
        "contextvars",
        "ipywidgets",
        "matplotlib",
        "multiprocessing",
        "queue",
        "selectors",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "threading",
        "tkinter",
        "traitlets",
        "weakref",
    }
)
_CONTAINERS = (
    dict,
    list,
    set,
    frozenset,
    tuple,
    bytearray,
    collections.deque,
    collections.ChainMap,
    collections.UserDict,
    collections.UserList,
    types.SimpleNamespace,
    BaseException,
)


def is_never_copied(cls: type) -> bool:
    """Whether values of this type cannot change, or belong to the program as a whole (functions, classes, modules)."""
    if cls in PLAIN_OR_HANDLE or cls in _NEVER_COPIED_EXACTLY or issubclass(cls, _NEVER_COPIED):
        return True
    return issubclass(cls, _SCALARS) and not cls.__dictoffset__


def is_handle(cls: type) -> bool:
    """Whether objects of this type are shared: the finalizer of a copy would close the original's resource."""
    return hasattr(cls, "__del__") or any(base.__module__.partition(".")[0] in _HANDLE_MODULES for base in cls.__mro__)


def is_container(cls: type) -> bool:
    """Whether objects of this type only hold other objects."""
    return hasattr(cls, "__dataclass_fields__") or hasattr(cls, "__attrs_attrs__") or issubclass(cls, _CONTAINERS)
