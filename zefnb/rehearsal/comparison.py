"""The comparison of two results by their content: types, values and order, apart from uids that differ from run to run.

`1`, `1.0` and `True` are equal for Python, and differ here, since a client receives different texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.function import ZefFunction
from zefnb.core.op import Op, Step
from zefnb.core.record import Record
from zefnb.recording.outcome import Outcome
from zefnb.recording.tape_format import is_not_stored, text_of
from zefnb.rehearsal.uids import Uids
from zefnb.store.dict_database import DictDatabase

_REMEMBERED_TYPES = 1024
# Shorter lists are compared sooner item by item.
_LONG = 4
_ADDRESS = re.compile(r"\b0x[0-9a-f]{4,}\b")


def differing(then: Outcome, now: Outcome, uids: Uids) -> tuple[str, ...]:
    """Return which parts of two outcomes differ: 'effects', 'state', 'error'. The pairs of equal outcomes stay."""
    mark = uids.mark()
    try:
        what = _differing(then, now, Comparison(uids))
    except RecursionError:  # values that contain themselves
        uids.forget_since(mark)
        what = _differing(then, now, Comparison(uids, may_be_circular=True))
    if what:
        uids.forget_since(mark)
    return what


def _differing(then: Outcome, now: Outcome, comparison: Comparison) -> tuple[str, ...]:
    effects, state, error = then
    other_effects, other_state, other_error = now
    what: tuple[str, ...] = ()
    # Most handlers return one effect or none.
    if (effects or other_effects) and not _lists(comparison, effects, other_effects):
        what = ("effects",)
    if state is not other_state and not comparison.same(state, other_state):
        what += ("state",)
    if error != other_error and not _same_texts(error, other_error, comparison.uids):
        what += ("error",)
    return what


def _same_texts(then: str | None, now: str | None, uids: Uids) -> bool:
    """Whether two texts of exceptions or objects are the same apart from uids and from the addresses of objects."""
    if then is None or now is None:
        return False
    return uids.match_texts(_ADDRESS.sub("0x", then), _ADDRESS.sub("0x", now))


class Comparison:
    """One comparison; with `may_be_circular` it also compares values that contain themselves."""

    __slots__ = ("_inside", "uids")

    def __init__(self, uids: Uids, *, may_be_circular: bool = False) -> None:
        self.uids = uids
        self._inside: set[tuple[int, int]] | None = set() if may_be_circular else None

    def same(self, then: Any, now: Any) -> bool:
        """Whether two values have the same types and content. Raises `RecursionError` for circular ones."""
        if then is now:
            return True
        cls = type(then)
        if cls is not type(now):
            # Of a value that the file of the recording could not hold, it has the text.
            return is_not_stored(then) and _same_texts(then.text, text_of(now), self.uids)
        if cls is str:
            return then == now or self.uids.match_texts(then, now)
        if cls in PLAIN:
            return bool(then == now) or (cls is float and then != then and now != now)
        read = _READERS.get(cls) or _reader_of(cls)
        return read(self, then, now) if self._inside is None else self._same_once(read, then, now)

    def _same_once(self, read: Reader, then: Any, now: Any) -> bool:
        """Compare two values that are not being compared already."""
        assert self._inside is not None
        key = (id(then), id(now))
        if key in self._inside:
            return True
        self._inside.add(key)
        try:
            return read(self, then, now)
        except RecursionError:  # too deep
            return False
        finally:
            self._inside.discard(key)


Reader = Callable[[Comparison, Any, Any], bool]


def _reader_of(cls: type) -> Reader:
    """Return how values of a type are compared, and remember it."""
    if len(_READERS) >= _REMEMBERED_TYPES:
        for known in list(_READERS)[len(_OWN) :]:
            _READERS.pop(known, None)
    reader = _READERS[cls] = next((read for base, read in _BASES if issubclass(cls, base)), _objects)
    return reader


def _lists(comparison: Comparison, then: Any, now: Any) -> bool:
    if len(then) != len(now):
        return False
    if len(then) == 1:  # most effects
        return comparison.same(then[0], now[0])
    # Most long lists are flat and equal: this runs in C.
    if len(then) >= _LONG and PLAIN.issuperset(map(type, then)) and then == now:
        return list(map(type, then)) == list(map(type, now))
    return all(map(comparison.same, then, now))


def _dicts(comparison: Comparison, then: Any, now: Any) -> bool:
    if len(then) != len(now):
        return False
    if then.keys() == now.keys():
        return all(comparison.same(item, now[key]) for key, item in then.items())
    # Keys with uids: those that are not in both are compared in their order.
    rest_then, rest_now = ([key for key in one if key not in other] for one, other in ((then, now), (now, then)))
    return (
        len(rest_then) == len(rest_now)
        and all(map(comparison.same, rest_then, rest_now))
        and all(comparison.same(item, now[key]) for key, item in then.items() if key in now)
        and all(comparison.same(then[one], now[other]) for one, other in zip(rest_then, rest_now, strict=True))
    )


def _sets(comparison: Comparison, then: Any, now: Any) -> bool:
    if len(then) != len(now):
        return False
    rest = list(now - then)
    for item in then - now:
        for candidate in rest:
            mark = comparison.uids.mark()
            if comparison.same(item, candidate):
                rest.remove(candidate)
                break
            comparison.uids.forget_since(mark)
        else:
            return False
    return True


def _records(comparison: Comparison, then: Record, now: Record) -> bool:
    if then._uid is not None and now._uid is not None:
        return comparison.uids.match(then._uid, now._uid)
    if then._uid is not now._uid:
        return False
    fields, others = then.__dict__, now.__dict__
    if len(fields) != len(others):
        return False
    # A loop, since a generator takes twice the time.
    for name, field in fields.items():
        if name not in others:
            return False
        other = others[name]
        if field is other or (type(field) in PLAIN and type(field) is type(other) and field == other):
            continue
        if not comparison.same(field, other):
            return False
    return True


def _databases(comparison: Comparison, then: DictDatabase, now: DictDatabase) -> bool:
    return comparison.uids.match(then._uid, now._uid)


def _ops(comparison: Comparison, then: Op, now: Op) -> bool:
    return comparison.same(then.steps, now.steps)


def _steps(comparison: Comparison, then: Step, now: Step) -> bool:
    return (
        then.name == now.name
        and comparison.same(then.function, now.function)
        and comparison.same(then.args, now.args)
        and comparison.same(then.kwargs, now.kwargs)
    )


def _functions(comparison: Comparison, then: FunctionType, now: FunctionType) -> bool:
    cells_then, cells_now = ([cell.cell_contents for cell in each.__closure__ or ()] for each in (then, now))
    return (
        _same_code(then.__code__, now.__code__)
        and comparison.same(then.__defaults__, now.__defaults__)
        and comparison.same(then.__kwdefaults__, now.__kwdefaults__)
        and comparison.same(cells_then, cells_now)
    )


def _same_code(then: CodeType, now: CodeType) -> bool:
    """Whether two functions have the same code, in whatever line it is."""
    if then.co_code != now.co_code or then.co_names != now.co_names or len(then.co_consts) != len(now.co_consts):
        return False
    for one, other in zip(then.co_consts, now.co_consts, strict=True):
        if isinstance(one, CodeType) and isinstance(other, CodeType):
            if not _same_code(one, other):
                return False
        elif type(one) is not type(other) or one != other:
            return False
    return True


def _marked_functions(comparison: Comparison, then: ZefFunction, now: ZefFunction) -> bool:
    return comparison.same(then.function, now.function)


def _methods(comparison: Comparison, then: MethodType, now: MethodType) -> bool:
    return comparison.same(then.__func__, now.__func__) and comparison.same(then.__self__, now.__self__)


def _partials(comparison: Comparison, then: Any, now: Any) -> bool:
    return comparison.same([then.func, then.args, then.keywords], [now.func, now.args, now.keywords])


def _types(comparison: Comparison, then: type, now: type) -> bool:
    # A cell that runs again makes the class again.
    return (then.__module__, then.__qualname__) == (now.__module__, now.__qualname__)


def _objects(comparison: Comparison, then: Any, now: Any) -> bool:
    """Compare objects by their own methods, or else by the parts that pickling would read."""
    equals = getattr(type(then), "equals", None)  # data frames and series
    try:
        if equals is not None:
            return bool(equals(then, now))
        if (then == now) is True:
            return True
    except RecursionError:
        raise
    except Exception:  # the comparison of the class cannot compare these
        pass
    try:
        parts, others = _parts(then), _parts(now)
    except RecursionError:
        raise
    except Exception:
        return True  # a resource, such as a lock, has no content
    return comparison.same(parts, others)


def _parts(value: Any) -> Any:
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return reduced
    # Some of the parts are iterators.
    return [list(part) if number in (3, 4) and part is not None else part for number, part in enumerate(reduced)]


_OWN: dict[type, Reader] = {
    list: _lists,
    tuple: _lists,
    dict: _dicts,
    set: _sets,
    frozenset: _sets,
    DictDatabase: _databases,
    Op: _ops,
    Step: _steps,
    FunctionType: _functions,
    ZefFunction: _marked_functions,
    MethodType: _methods,
    partial: _partials,
}
_BASES: tuple[tuple[type, Reader], ...] = (
    (Record, _records),
    (type, _types),
    (Op, _ops),
    (tuple, _lists),
)
_READERS = dict(_OWN)
