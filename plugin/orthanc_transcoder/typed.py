"""From plain values of JSON to dataclasses, by the types of their fields.

The rule: what comes from a worker may be anything that JSON can be. Every field is there
and of its type, no other is, numbers fit into 64 bits, and nothing is nested deeply.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Made = TypeVar("Made")

_MOST = 2**63 - 1
_DEPTH = 16


def build(kind: type[Made], values: object, *, partial: bool = False) -> Made:
    """Make a dataclass.

    Parameters
    ----------
    partial
        Whether fields that have a default may be left out.

    Raises
    ------
    ValueError
        If the values are not such a one's.
    """
    hints = _hints(cast("Any", kind))
    parts = _of(dict, values, kind.__name__)
    if surplus := parts.keys() - hints.keys():
        raise ValueError(f"{kind.__name__} has no {_said(sorted(surplus)[0])}")
    if not partial and (missing := hints.keys() - parts.keys()):
        raise ValueError(f"{kind.__name__} lacks {sorted(missing)[0]}")
    fields = {name: _value(hints[name], value, name) for name, value in parts.items()}
    try:
        return kind(**fields)
    except TypeError as error:  # of a partial one: a field without a default is missing
        raise ValueError(str(error)) from error


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _value(hint: Any, value: object, name: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _either(get_args(hint), value, name)
    if origin is tuple:
        return _tuple(get_args(hint), value, name)
    if origin is dict:
        items = _of(dict, value, name).items()
        return {key: _value(get_args(hint)[1], one, name) for key, one in items}
    return _SCALARS[hint](value, name) if hint in _SCALARS else _made(hint, value, name)


def _made(kind: type[Any], value: object, name: str) -> Any:
    if issubclass(kind, StrEnum):
        return value if isinstance(value, kind) else kind(_of(str, value, name))
    return build(kind, value)


def _either(hints: tuple[Any, ...], value: object, name: str) -> Any:
    if value is None and types.NoneType in hints:
        return None
    (hint,) = (one for one in hints if one is not types.NoneType)
    return _value(hint, value, name)


def _tuple(hints: tuple[Any, ...], value: object, name: str) -> tuple[Any, ...]:
    items = _of(list, value, name)
    if hints[-1] is not Ellipsis:
        if len(items) != len(hints):
            raise ValueError(f"{name} has {len(items)} parts")
        return tuple(_value(hint, one, name) for hint, one in zip(hints, items, strict=True))
    return tuple(_value(hints[0], one, name) for one in items)


def _of(kind: type[Made], value: object, name: str) -> Made:
    if type(value) is not kind:  # a boolean is no number here
        raise ValueError(f"{name}: {_said(value)} is no {kind.__name__}")
    return value


def _int(value: object, name: str) -> int:
    number = _of(int, value, name)
    if abs(number) > _MOST:
        raise ValueError(f"{name} is beyond 64 bits")
    return number


def _float(value: object, name: str) -> float:
    return float(_int(value, name)) if type(value) is int else _of(float, value, name)


_SCALARS: dict[Any, Callable[[object, str], Any]] = {
    str: lambda value, name: _of(str, value, name),
    bool: lambda value, name: _of(bool, value, name),
    int: _int,
    float: _float,
    Any: lambda value, _: plain(value),
}


def plain(value: object, depth: int = _DEPTH) -> Any:
    """The very same; ValueError if it is nested deeply, or a number is too large."""
    if not depth:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            plain(one, depth - 1)
    elif type(value) is int:
        _int(value, "a number")
    return value


def _said(value: object) -> str:
    return repr(value)[:60] if isinstance(value, str | int | float | None) else str(type(value))
