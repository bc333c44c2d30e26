"""Where values of a program come in: numbers, texts and collections of whatever library become plain data, or are refused.

A manifest holds what JSON can say and every reader gives back: text, true and false, whole numbers below 2^63, finite
numbers of 64 bits, lists and mappings. Numbers are known by Python's numeric tower (``numbers``), by ``__index__`` and
``__float__``, and by the method ``item`` of arrays without dimensions, so that scalars of NumPy, PyTorch, JAX,
TensorFlow and pandas need none of these packages here. Rounding to the nearest number of 64 bits is fine; what would
become 0, infinity, text or another whole number is refused, with the key it was given under.

===========================  =================================================================
given                        in the manifest
===========================  =================================================================
a number of any library      the number: whole where it is of a whole type
``Decimal``, ``Fraction``    the nearest number of 64 bits
a boolean                    true or false
a text, an enum, a path      its text, or what the enum's member stands for
an aware ``datetime``        RFC 3339 text; one without a zone is refused
a ``date``                   text such as ``2026-08-01``
a list, tuple, array         a list
a set                        a sorted list
a mapping with text as keys  a mapping
bytes                        refused, but as the value of a metric
===========================  =================================================================
"""

from __future__ import annotations

import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from numbers import Integral, Number, Real
from pathlib import PurePath
from typing import Final, TypeGuard, TypeVar

from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON

__all__ = [
    "INTEGER_LIMIT",
    "metric_number",
    "plain",
    "plain_bytes",
    "plain_fields",
    "plain_text",
    "real_number",
    "typed_float",
    "typed_integer",
    "whole_number",
]

INTEGER_LIMIT: Final = 2**63
"""Whole numbers from this one on, and from its negative down, are text for readers of manifests."""

_FLOAT_EXACT: Final = 2**53
_DEEPEST: Final = 60
# A manifest has at most 256 kB, and a value takes two bytes: what is larger is refused before it is copied.
_MOST_VALUES: Final = 1 << 17
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DIGITS: Final = 20
_SHOWN: Final = 60
_PLAIN: Final = frozenset({dict, list})
_T = TypeVar("_T")
# What code of other libraries raises where its object is no such number.
_NO_NUMBER: Final = (TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError)


def _show(value: object) -> str:
    words = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    try:
        text = str(value)
    except _NO_NUMBER:
        return words
    if len(text) > _SHOWN or not text.isprintable():
        return words
    return f"{text} ({words})"


def _usage_error(at: str, value: object, why: str, remedy: str) -> UsageError:
    return UsageError(f"{at or 'the value'}: {_show(value)} {why}", remedy=remedy)


def _as_text(at: str) -> str:
    return f"give {at.rpartition('.')[2] or 'it'} as text, or as a number that fits"


def _integer(number: int, at: str) -> int:
    if abs(number) >= INTEGER_LIMIT:
        words = f"{at or 'the value'}: a whole number of {number.bit_length()} bits is too large: manifests store 63 bits"
        raise UsageError(words, remedy=f"{_as_text(at)}: str(value) or float(value)")
    return number


def _real(value: object, at: str) -> float:
    """The nearest float of a number, which may be infinite or none."""
    try:
        number = float(value)  # type: ignore[arg-type]  # what has no __float__ raises TypeError
    except OverflowError as exc:
        raise _usage_error(at, value, "is finite and would become infinity", _as_text(at)) from exc
    except ValueError:  # a signalling NaN of Decimal
        return math.nan
    if not number and value != 0:
        raise _usage_error(at, value, "is not 0 and would become 0", _as_text(at))
    if math.isinf(number) and value not in (math.inf, -math.inf):
        raise _usage_error(at, value, "is finite and would become infinity", _as_text(at))
    # From 2^53 on not every whole number has a float of its own; a Decimal or a Fraction may be one that has none.
    if _FLOAT_EXACT <= abs(number) < INTEGER_LIMIT and value != number and value % 1 == 0:  # type: ignore[operator]  # real
        raise _usage_error(at, value, "would become another whole number", "pass int(value)")
    return number


def typed_float(text: str) -> float:
    """A number as it is typed, in decimal digits.

    Raises:
        ValueError: It would become 0 or infinity; said in words.
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:_DIGITS]} is too large: it would become infinity")
    if not number and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise ValueError(f"{text[:_DIGITS]} is too small: it would become 0")
    return number


def typed_integer(text: str) -> int:
    """A whole number as it is typed.

    Raises:
        ValueError: It is too large; said in words.
    """
    # The length first: int() of very many digits is slow.
    if len(text) > _DIGITS or abs(int(text)) >= INTEGER_LIMIT:
        raise ValueError(f"{text[:_DIGITS]} is too large: manifests store whole numbers below 2^63")
    return int(text)


def _unwrap_scalar(value: object, at: str) -> object:
    """What an array without dimensions holds, as an object of Python; the value itself where it is no such array."""
    shape = getattr(value, "shape", None)
    if shape is None or len(shape) or isinstance(value, int | float | str | bytes):
        return value
    convert = getattr(value, "item", None) or getattr(value, "numpy", None)
    if not callable(convert):
        return value
    try:
        return convert()
    except _NO_NUMBER as exc:
        raise _usage_error(at, value, f"has no value: {exc}", "pass a Python number") from exc


def _is_date(value: object) -> bool:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, dt.date | dt.time | dt.timedelta) or kind in {"M", "m"}


def _number(value: object, at: str) -> bool | int | float | None:
    """The number that a value is; None where it is none. It may be infinite, or not a number."""
    if isinstance(value, bool):
        return value
    if _is_date(value) or isinstance(value, str | bytes | bytearray | memoryview):
        return None
    item = _unwrap_scalar(value, at)
    if isinstance(item, bool):
        return item
    if isinstance(item, Integral):
        return _integer(int(operator.index(item)), at)
    if isinstance(item, Real):
        # As it is: of a long double, `item` may be one too.
        return _real(item, at)
    if isinstance(item, complex) or (isinstance(item, Number) and not hasattr(item, "__float__")):
        raise _usage_error(
            at, value, "is a complex number", "pass its real part, its absolute value or its text"
        )
    return _by_method(item, at)


def _by_method(item: object, at: str) -> int | float | None:
    if getattr(item, "shape", ()):
        return None  # NumPy takes an array of one value for a number
    kind = type(item)
    if hasattr(kind, "__index__"):
        return _integer(operator.index(item), at)  # type: ignore[arg-type]  # has __index__
    return _real(item, at) if hasattr(kind, "__float__") else None


def _guard(act: Callable[[], _T], value: object, at: str) -> _T:
    try:
        return act()
    except UsageError:
        raise
    except _NO_NUMBER as exc:
        raise _usage_error(at, value, f"has no plain value: {exc}", "pass a Python value") from exc


def plain_text(value: object, at: str) -> str:
    """A text, also of a subclass or a path.

    Raises:
        UsageError: It is no text, or holds half a character.
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, PurePath):
        value = str(value)
    if not isinstance(value, str):
        raise _usage_error(at, value, "is not text", "pass text: str(value)")
    text = str.__str__(value)
    if _SURROGATE.search(text):
        raise UsageError(
            f"{at or 'the value'}: {ascii(text)[:_SHOWN]} is not Unicode text",
            remedy="decode it with its encoding, or remove these characters: "
            "value.encode('utf-8', 'replace').decode()",
        )
    return text


def plain_bytes(value: object) -> bytes | None:
    """The bytes that a value is; None where it is none."""
    if isinstance(value, memoryview):
        return value.tobytes()
    return bytes(value) if isinstance(value, bytes | bytearray) else None


def whole_number(value: object, at: str) -> int:
    """A whole number of any library; ``10.0`` is one too.

    Raises:
        UsageError: It is none.
    """
    number = _guard(lambda: _number(value, at), value, at)
    if number is None or isinstance(number, bool) or not float(number).is_integer():
        raise _usage_error(at, value, "is not a whole number", "pass an int")
    return _integer(int(number), at)


def real_number(value: object, at: str) -> float:
    """A finite number of any library.

    Raises:
        UsageError: It is none.
    """
    number = _guard(lambda: _number(value, at), value, at)
    if number is None or isinstance(number, bool) or not math.isfinite(number):
        raise _usage_error(at, value, "is not a finite number", "pass a float")
    return number


def metric_number(value: object, at: str) -> int | float | None:
    """The number that a metric's value is, NaN and infinity too; None where it is none.

    Raises:
        UsageError: It would become another one, or is a boolean.
    """
    if isinstance(value, Enum):
        value = value.value
    number = _guard(lambda: _number(value, at), value, at)
    if isinstance(number, bool):
        raise _usage_error(
            at,
            value,
            "is not a metric: a metric is a number, text or bytes",
            "pass 1 or 0",
        )
    return number


def _is_plain_scalar(value: object) -> TypeGuard[str | float | None]:
    """True for what nearly every value is: it needs no look at the number types of other libraries."""
    if type(value) is str:
        return value.isascii()  # so it has no half of a character
    if type(value) is int:
        return -INTEGER_LIMIT < value < INTEGER_LIMIT
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) is bool


class _Border:
    """Goes through one value; counts what it holds, and knows where it is."""

    def __init__(self) -> None:
        self._count = 0
        self._above: list[int] = []

    def take(self, value: object, at: str) -> JSON:
        self._count += 1
        if self._count + (len(value) if type(value) is dict else 0) > _MOST_VALUES:
            raise UsageError(
                f"{at}: more than {_MOST_VALUES} values do not fit in a manifest",
                remedy="write them to a file and add it to the version: upload_artifact(path)",
            )
        if _is_plain_scalar(value):
            return value
        return self._collection(value, at) if type(value) in _PLAIN else self._other(value, at)

    def _other(self, value: object, at: str) -> JSON:
        """A value of a type that JSON does not have, or that needs a closer look."""
        if isinstance(value, Enum):
            return self.take(value.value, at)
        if isinstance(value, str | PurePath):
            return plain_text(value, at)
        if plain_bytes(value) is not None:
            raise _usage_error(
                at, value, "is bytes, which JSON cannot represent",
                "pass text: base64.b64encode(value).decode(), or add a file: upload_artifact(path)",
            )  # fmt: skip
        if _is_date(value):
            return _moment(value, at)
        number = _guard(lambda: _number(value, at), value, at)
        if number is None:
            item = _guard(lambda: _unwrap_scalar(value, at), value, at)
            return self._collection(value, at) if item is value else self.take(item, at)
        if not math.isfinite(number):
            raise _usage_error(
                at, value, "is not a finite number; JSON has no NaN or infinity", 'pass None, or text: "NaN"'
            )  # fmt: skip
        return number

    def _collection(self, value: object, at: str) -> JSON:
        if id(value) in self._above:
            raise UsageError(f"{at}: it contains itself", remedy="pass data without cycles")
        if len(self._above) >= _DEEPEST:
            raise UsageError(
                f"{at[:_SHOWN]}…: it is nested more than {_DEEPEST} levels deep", remedy="pass flatter data"
            )  # fmt: skip
        self._above.append(id(value))
        try:
            return self._inside(value, at)
        finally:
            self._above.pop()

    def _inside(self, value: object, at: str) -> JSON:
        if isinstance(value, Mapping):
            return self._mapping(value, at)
        if isinstance(value, AbstractSet):
            return sorted((self.take(one, f"{at}{{}}") for one in value), key=_order)
        if isinstance(value, Sequence):
            return [self.take(one, f"{at}[{number}]") for number, one in enumerate(value)]
        to_list, shape = getattr(value, "tolist", None), getattr(value, "shape", None)
        if callable(to_list) and shape:
            listed = _guard(to_list, value, at)
            if isinstance(listed, list):
                return self.take(listed, at)
        raise _usage_error(
            at, value, "has no representation in a manifest",
            "pass text, numbers, lists and mappings: dataclasses.asdict(value), list(value) or str(value)",
        )  # fmt: skip

    def _mapping(self, value: Mapping[object, object], at: str) -> JSON:
        found: dict[str, JSON] = {}
        is_dict = type(value) is dict  # so its values are counted already
        for key, inner in value.items():
            is_text = is_dict and type(key) is str and key.isascii() and key not in found
            if is_text and _is_plain_scalar(inner):
                self._count += 1
                found[str(key)] = inner
                continue
            own = key.value if isinstance(key, Enum) else key
            if not isinstance(own, str):
                raise _usage_error(
                    at, key, "is a key, but keys must be text", "pass text as keys: {str(k): v for k, v in value.items()}"
                )  # fmt: skip
            name = plain_text(own, at)
            if name in found:
                raise _usage_error(at, key, "appears twice as a key", "pass each key once")
            found[name] = self.take(inner, f"{at}.{name}" if at else name)
        return found


def _order(value: JSON) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float)
    return not is_number, value if isinstance(value, int | float) else 0, str(value)


def _moment(value: object, at: str) -> str:
    if isinstance(value, dt.datetime) and value == value:  # noqa: PLR0124 (pandas' NaT is a datetime)
        if value.utcoffset() is None:
            raise _usage_error(
                at, value, "has no time zone",
                "set one: value.astimezone() for local time, value.replace(tzinfo=datetime.UTC) for UTC",
            )  # fmt: skip
        return value.isoformat()
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    raise _usage_error(
        at, value, "is a time that JSON cannot represent",
        "pass text, such as value.isoformat(), or a number, such as value.total_seconds()",
    )  # fmt: skip


def plain(value: object, at: str) -> JSON:
    """A value of a program as plain data that a manifest gives back as it is.

    Args:
        value: Whatever a program has; see the table of this module.
        at: What it is called in messages, such as ``metadata.team``.

    Raises:
        UsageError: It has no such form; the message names the place in it, such as ``metadata.team.loss``.
    """
    return _Border().take(value, at)


def plain_fields(fields: Mapping[str, object], at: str = "") -> dict[str, JSON]:
    """Fields of a manifest as plain data; see ``plain``.

    Raises:
        UsageError: A value has no such form, or the fields are no mapping.
    """
    if not isinstance(fields, Mapping):
        raise _usage_error(at, fields, "is not a mapping", "pass a dict")
    prefix = f"{at}." if at else ""
    return {
        plain_text(k, at or "a key"): v if _is_plain_scalar(v) else plain(v, f"{prefix}{k}")
        for k, v in fields.items()
    }
