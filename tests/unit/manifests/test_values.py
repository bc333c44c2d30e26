"""Values of programs as plain data: what a manifest gives back is what was given, or it is refused with its key."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections import OrderedDict, UserDict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.artifacts.entry_builder import metric_entry
from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain, plain_fields, whole_number
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.writer import render


class Tensor:
    """A scalar as PyTorch and JAX have them: no number of Python's tower, and no base class in common."""

    def __init__(self, *values: float, shape: tuple[int, ...] = ()) -> None:
        self._values = values
        self.shape = shape

    def item(self) -> float:
        if len(self._values) != 1:
            raise RuntimeError("a Tensor with 3 elements cannot be converted to Scalar")
        return self._values[0]

    def tolist(self) -> list[float]:
        return list(self._values)

    def __float__(self) -> float:
        return float(self.item())

    def __index__(self) -> int:
        raise TypeError("only integer tensors of a single element can be converted to an index")


class Eager:
    """A scalar as TensorFlow has it: ``numpy`` instead of ``item``."""

    shape = ()

    def numpy(self) -> np.float32:
        return np.float32(0.5)


class Colour(str, enum.Enum):  # noqa: UP042 (which prints as its name)
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Kind(enum.Enum):
    ONE = ("a", 1)


class Floaty:
    def __float__(self) -> float:
        return 0.25


class Integer:
    def __index__(self) -> int:
        return 7


Point = namedtuple("Point", "x y")  # noqa: PYI024 (as programs have them)
NUMBERS = [
    (np.float64(0.99), 0.99),
    (np.float32(0.5), 0.5),
    (np.float16(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.int64(-3), -3),
    (np.uint8(200), 200),
    (np.array(0.5), 0.5),
    (np.array(5), 5),
    (Decimal("0.1"), 0.1),
    (Decimal(3), 3.0),
    (Fraction(1, 3), 1 / 3),
    (Tensor(0.5), 0.5),
    (Tensor(5), 5),
    (Eager(), 0.5),
    (Floaty(), 0.25),
    (Integer(), 7),
    (Level.HIGH, 3),
    (2**63 - 1, 2**63 - 1),
    (-(2**63) + 1, -(2**63) + 1),
    (5e-324, 5e-324),
    (-0.0, -0.0),
    (Decimal("0e-999"), 0.0),
]


@pytest.mark.parametrize(("value", "expected"), NUMBERS, ids=[type(v).__name__ for v, _ in NUMBERS])
def test_what_is_a_number_becomes_the_plain_number(value: object, expected: float) -> None:
    for found in (plain(value, "metadata.x"), metric_entry("x", value)["value"]):  # type: ignore[arg-type]  # whatever it is
        assert type(found) is type(expected)
        assert found == expected
        assert explain(render({"x": found})).data == {"x": expected}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal("1e-400"), "is not 0 and would become 0"),
        (Decimal(2**53 + 1), "would become another whole number"),
        (Fraction(2**53 + 1), "would become another whole number"),
        (Fraction(1, 10**400), "is not 0 and would become 0"),
        (Decimal("1e400"), "is finite and would become infinity"),
        (Fraction(10**400), "would become infinity"),
        (2**63, "a whole number of 64 bits is too large"),
        (-(2**63), "too large"),
        (10**5000, "too large"),
        (np.uint64(2**63), "too large"),
        (1 + 2j, "complex"),
        (np.complex64(1j), "complex"),
        (np.array([1.0, 2.0]), r"metrics\.x|metadata\.x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_become_another_is_refused_with_its_key(value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        metric_entry("x", value)  # type: ignore[arg-type]  # that is the point
    assert "metrics.x" in caught.value.message
    assert caught.value.remedy
    if isinstance(value, np.ndarray):
        assert plain(value, "metadata.x") == [1.0, 2.0]
        return
    with pytest.raises(UsageError, match=words):
        plain({"x": value}, "metadata")


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="no wider numbers")
def test_long_doubles_that_do_not_fit() -> None:
    for text in ("1e-400", "1e400"):
        with pytest.raises(UsageError, match="would become"):
            plain(np.longdouble(text), "x")


def test_values_of_a_metric_that_json_does_not_have() -> None:
    for value in (math.nan, np.float32("nan"), Decimal("NaN"), Decimal("sNaN"), Tensor(math.nan)):
        assert metric_entry("x", value)["value"] == "NaN"
    assert metric_entry("x", np.float64("-inf"))["value"] == "-Infinity"
    assert metric_entry("x", Decimal("Infinity"))["value"] == "Infinity"
    for data in (b"ab", bytearray(b"ab"), memoryview(b"xabx")[1:3], np.bytes_(b"ab")):
        assert metric_entry("x", data)["value"] == {"bytes": "YWI="}
    assert metric_entry("x", np.str_("good"))["value"] == "good"
    assert metric_entry("x", Colour.RED)["value"] == "red"
    for wrong in (
        True,
        np.bool_(True),
        None,
        [],
        {},
        dt.datetime.now(dt.UTC),
        Tensor(1, 2, shape=(2,)),
        object(),
    ):
        with pytest.raises(UsageError, match=r"metrics\.x"):
            metric_entry("x", wrong)  # type: ignore[arg-type]  # that is the point


def test_the_step_and_the_time_of_a_metric() -> None:
    moment = dt.datetime(2026, 8, 1, 12, 0, 0, 500_000, tzinfo=dt.UTC)
    entry = metric_entry("x", 1, step=np.int64(5), wallclock=moment)
    assert (entry["step"], type(entry["step"]), entry["timestamp"]) == (5, int, 1785585600500)
    assert metric_entry("x", 1, wallclock=np.float64(1.5))["timestamp"] == 1500
    assert whole_number(10.0, "step") == 10
    for step in (True, 1.5, "3", math.nan, 2**70):
        with pytest.raises(UsageError, match=r"metrics\.x: step"):
            metric_entry("x", 1, step=step)  # type: ignore[arg-type]  # that is the point
    for when in (math.inf, "now", dt.datetime(2026, 8, 1)):  # noqa: DTZ001 (a naive one)
        with pytest.raises(UsageError, match=r"metrics\.x: wallclock"):
            metric_entry("x", 1, wallclock=when)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.bool_(True), True),
        (np.array(True), True),
        (np.array("text"), "text"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ((1, "a"), [1, "a"]),
        (Point(1, 2), [1, 2]),
        (deque([1]), [1]),
        (range(3), [0, 1, 2]),
        ({10, 9, "b"}, [9, 10, "b"]),
        (frozenset(), []),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (UserDict({np.str_("k"): np.int8(1)}), {"k": 1}),
        ({Colour.RED: Kind.ONE}, {"red": ["a", 1]}),
        (PurePosixPath("a/b"), "a/b"),
        (dt.date(2026, 8, 1), "2026-08-01"),
        (dt.datetime(2026, 8, 1, 12, tzinfo=dt.UTC), "2026-08-01T12:00:00+00:00"),
        (Tensor(1, 2, shape=(2,)), [1, 2]),
        (None, None),
    ],
    ids=lambda value: type(value).__name__,  # a repr may have an address or the order of a set
)
def test_what_a_manifest_can_hold(value: object, expected: JSON) -> None:
    found = plain(value, "metadata.x")
    assert found == expected
    assert explain(render({"x": found})).data == {"x": expected}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"team": {"loss": math.nan}}, r"metadata\.team\.loss: nan \(float\) is not a finite number"),
        ({"a": [1, {"b": math.inf}]}, r"metadata\.a\[1\]\.b: inf"),
        ({"a": b"x"}, r"metadata\.a: .* is bytes"),
        ({"a": {1: 2}}, r"metadata\.a: 1 \(int\) is a key, but keys must be text"),
        ({"a": dt.datetime(2026, 8, 1)}, "has no time zone"),  # noqa: DTZ001 (a naive one)
        ({"a": dt.timedelta(1)}, "JSON cannot represent"),
        ({"a": np.datetime64("2026-08-01")}, "JSON cannot represent"),
        ({"a": object()}, "no representation in a manifest"),
        ({"a": iter([])}, "no representation in a manifest"),
        ({"a": "\ud800"}, "not Unicode text"),
        ({"a": {"\udcff": 1}}, "not Unicode text"),
        ({"a": {"b": 1, np.str_("b"): 2}, "c": {Colour.RED: 1, "red2": object()}}, "representation in a manifest"),
        ({"a": np.float64}, r"metadata\.a"),
        ({"a": range(10**9)}, "do not fit"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_it_cannot_hold_is_refused_with_its_place(
    value: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        plain_fields(value, "metadata")
    assert caught.value.remedy


def test_data_that_holds_itself_or_is_very_deep() -> None:
    own: list[object] = [1]
    own.append({"a": own})
    with pytest.raises(UsageError, match=r"metadata\[1\]\.a: it contains itself"):
        plain(own, "metadata")
    twice = {"x": 1}
    assert plain([twice, twice], "metadata") == [{"x": 1}, {"x": 1}]
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(UsageError, match="more than 60 levels"):
        plain(deep, "metadata")


@given(
    st.one_of(
        st.integers(-(2**80), 2**80), st.floats(), st.decimals(), st.fractions(), st.text(), st.booleans(),
        st.integers(-(2**63), 2**63 - 1).map(np.int64), st.floats(width=32).map(np.float32),
        st.dates(), st.datetimes(), st.binary(), st.complex_numbers(),
    )
)  # fmt: skip
def test_a_value_comes_back_as_it_was_or_is_refused(value: object) -> None:
    try:
        found = plain(value, "x")
    except UsageError:
        return
    assert explain(render({"x": found})).data == {"x": found}
    if isinstance(value, int | float | np.number | Decimal | Fraction):
        assert type(found) in {int, float, bool}
        assert isinstance(found, float) or found == value
        assert bool(found) == bool(value)
