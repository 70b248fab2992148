"""From JSON to the types of `answers` and `jobs`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from .jobs import KINDS, JobBody, check_amount
from .problems import UnexpectedAnswer

T = TypeVar("T")
Reader = Callable[[object], object]

_FRACTION = re.compile(r"\.(\d+)")


class _Member(NamedTuple):
    """A field of a class, and how it is read."""

    field: str
    name: str
    read: Reader
    is_required: bool


_READ: dict[Any, tuple[_Member, ...]] = {}


def decode(form: type[T], value: object) -> T:
    """Read an answer. Members that are not known are passed over: a later release may have more.

    Raises:
        UnexpectedAnswer: A member is missing, or is of another type.

    """
    if not isinstance(value, Mapping):
        raise UnexpectedAnswer(f"{value!r:.80} came in place of an object ({form.__name__})")
    found: dict[str, Any] = {}
    for member in _members(form):
        if value.get(member.name) is None:
            if member.is_required:
                raise UnexpectedAnswer(f"{form.__name__} came without {member.name}")
            continue
        try:
            found[member.field] = member.read(value[member.name])
        except (TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"{form.__name__}.{member.name} is {value[member.name]!r:.80}: {error}") from error
    return form(**found)


def parse_job(body: Mapping[str, object]) -> JobBody:
    """Make a job of its JSON, such as `{"kind": "deposit", …}` or the `body` of a job in the ledger.

    Raises:
        ValueError: The kind is not known, a member is none of its, missing, or of another type.
        TypeError: An amount is no `int`.

    """
    kind = KINDS.get(str(body.get("kind")))
    if kind is None:
        raise ValueError(f"kind is {body.get('kind')!r}, and must be one of {', '.join(KINDS)}")
    unknown = sorted(body.keys() - {member.name for member in _members(kind)} - {"kind"})
    if unknown:
        raise ValueError(f"{kind.kind} has no member {unknown[0]!r}")
    for name in ("amount", "overdraft_limit"):
        if body.get(name) is not None:
            # Says what to write, which the type alone does not.
            check_amount(f"{kind.kind}.{name}", body[name], 0)
    try:
        return decode(kind, body)
    except UnexpectedAnswer as error:
        raise ValueError(f"this is no job: {error}") from error


def read_time(text: object) -> datetime:
    """Read a time of RFC 3339: Python 3.10 knows neither `Z` nor any number of digits behind the second."""
    if not isinstance(text, str):
        raise TypeError("must be a time (RFC 3339)")
    whole = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text, count=1)
    time = datetime.fromisoformat(whole[:-1] + "+00:00" if whole[-1:] in ("Z", "z") else whole)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time


def _members(form: Any) -> tuple[_Member, ...]:
    """Return how a class is read; found once for each."""
    found = _READ.get(form)
    if found is None:
        hints = get_type_hints(form)
        # A trailing underscore keeps `from` and `import` apart from the words of Python.
        found = _READ[form] = tuple(
            _Member(
                field.name,
                field.name.rstrip("_"),
                _reader(hints[field.name]),
                field.default is MISSING and field.default_factory is MISSING,
            )
            for field in fields(form)
        )
    return found


def _reader(hint: Any) -> Reader:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _reader(next(argument for argument in arguments if argument is not NoneType))
    if origin is Literal:
        return lambda value: _of(str, value)
    if origin is not None and issubclass(origin, Mapping):
        return lambda value: _of(Mapping, value)
    if origin is not None:
        element = _reader(arguments[0])
        return lambda value: tuple(map(element, _of(list, value)))
    if hint is datetime:
        return read_time
    if hint is date:
        return lambda value: date.fromisoformat(_of(str, value))
    if hint is float:
        return lambda value: float(_of((int, float), value))
    if hint is int:
        return _whole
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value: decode(hint, value)
    return lambda value: _of(hint, value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("must be a whole number")
    return value


def _of(form: Any, value: Any) -> Any:
    if not isinstance(value, form):
        raise TypeError("is of another type")
    return value
