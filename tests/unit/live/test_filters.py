"""Filters: what an expression describes, by indexes or without; patterns in linear time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.live_steps import NOW, Branch
from support.manifests import (
    metadata_yaml,
    model_files,
    registry_yaml,
    tracked_artifact,
    version_files,
)

from registry_tool.live.filters import (
    And,
    Expression,
    FilterColumn,
    FilterField,
    FilterTerm,
    Operator,
    Or,
    Scalar,
    compile_filter,
    find_candidates,
    match_pattern,
)
from registry_tool.live.moving import move
from registry_tool.live.records import Record, VersionRecord
from registry_tool.live.snapshot import Snapshot, free_value
from registry_tool.manifests.problems import JSON

TEAMS = ("a", "b", "10", "x_y%")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    branch = Branch()
    branch.commit({"registry.yaml": registry_yaml(), **model_files()})
    for number in range(2, 40):
        free: dict[str, JSON] = {
            "team": TEAMS[number % 4],
            "count": number % 7,
            "ratio": number / 4,
            "good": number % 2 == 0,
        }
        metadata: JSON = dict(list(free.items())[: number % 5])
        branch.commit(
            version_files(
                str(number), artifacts=[tracked_artifact(f"s3://{number}")], metadata=metadata
            )
        )
    return branch.snapshot()


def columns(field: FilterField) -> FilterColumn:
    if field.is_free:
        return FilterColumn(lambda record: _free(record, field.name), ("free", field.name))
    return FilterColumn(lambda record: record.id if isinstance(record, VersionRecord) else None)


def _free(record: Record, key: str) -> Scalar | None:
    value = free_value(record, key)
    return value if isinstance(value, str | int | float) else None


def found(snapshot: Snapshot, expression: Expression) -> list[int]:
    """The ids, once the candidates have been held to them."""
    accept = compile_filter(expression, columns)
    ids = [record.id for record in snapshot.listed("version") if accept(record)]
    candidates = find_candidates(expression, "version", snapshot.indexes, columns)
    assert candidates is None or set(ids) <= set(candidates)
    return ids


def free(name: str, comparator: Operator, *values: Scalar, absent: bool = False) -> FilterTerm:
    return FilterTerm(FilterField(name, is_free=True), comparator, values, absent)


def test_equality_knows_types(snapshot: Snapshot) -> None:
    assert found(snapshot, free("team", "=", "a"))
    assert found(snapshot, free("team", "=", 10)) == []
    assert found(snapshot, free("count", "=", "3")) == found(snapshot, free("count", "=", 3)) != []
    assert found(snapshot, free("count", "=", 3.0)) == found(snapshot, free("count", "=", 3))
    assert found(snapshot, free("good", "=", True)) != []
    assert found(snapshot, free("count", "=", True)) == []
    assert found(snapshot, free("good", "=", 1)) == []


def test_an_absent_value_is_neither_equal_nor_different(snapshot: Snapshot) -> None:
    every = {record.id for record in snapshot.listed("version")}
    equal, other = found(snapshot, free("team", "=", "a")), found(snapshot, free("team", "!=", "a"))
    assert set(equal) | set(other) < every
    assert set(found(snapshot, free("team", "!=", "a", absent=True))) == every - set(equal)


def test_an_index_is_used(snapshot: Snapshot) -> None:
    expression = And((free("team", "=", "a"), free("count", ">", 1)))
    candidates = find_candidates(expression, "version", snapshot.indexes, columns)
    assert candidates is not None
    assert 0 < len(candidates) < 12
    assert (
        find_candidates(
            Or((expression, free("count", ">", 1))), "version", snapshot.indexes, columns
        )
        is None
    )
    nothing = find_candidates(free("team", "=", "nowhere"), "version", snapshot.indexes, columns)
    assert nothing is not None
    assert len(nothing) == 0


def test_indexes_and_orders_follow_a_snapshot_that_moves() -> None:
    """What was built on an early snapshot and moved is what a late one builds."""
    branch = Branch()
    branch.commit({"registry.yaml": registry_yaml(), **model_files()})
    moved = branch.snapshot()
    home = "models/nlp/lang-id"
    for number in range(2, 30):
        version = str(1 + number % 5)
        files: dict[str, str | None] = {}
        if number % 7 == 0:
            files = dict.fromkeys(version_files(version))
        elif number % 3 == 0:
            files = {
                f"{home}/versions/{version}/metadata.yaml": metadata_yaml(
                    metadata={"team": TEAMS[number % 4]}
                )
            }
        else:
            files |= version_files(
                version,
                artifacts=[tracked_artifact(f"s3://{number}")],
                metadata={"team": TEAMS[number % 3]},
            )
        moved.indexes.find("version", "team", team, "a")
        moved.indexes.by_change("version", ("metadata",))
        moved.indexes.by_value("version", "text", text)
        moved.indexes.find("version", "letters", letters, "a")
        moved = move(moved, [branch.commit(files)], NOW)
        late = branch.snapshot()
        for value in TEAMS:
            found = [s.indexes.find("version", "team", team, value) for s in (moved, late)]
            assert found[0] == found[1]
        orders = [s.indexes.by_change("version", ("metadata",)) for s in (moved, late)]
        assert orders[0] == orders[1]
        texts = [s.indexes.by_value("version", "text", text) for s in (moved, late)]
        assert texts[0] == texts[1]
        for letter in "abxy1_%":
            found = [s.indexes.find("version", "letters", letters, letter) for s in (moved, late)]
            assert found[0] == found[1]


def text(record: Record) -> str:
    return f"{team(record)} {record.id % 3}"


def letters(record: Record) -> tuple[str, ...]:
    return tuple(str(team(record)))


def team(record: Record) -> Scalar | None:
    return _free(record, "team")


OPERATORS: list[Operator] = ["=", "!=", ">", ">=", "<", "<=", "IN", "NOT IN"]
TERMS = st.builds(
    lambda name, comparator, values, absent: FilterTerm(
        FilterField(name, is_free=True), comparator, tuple(values), absent
    ),
    st.sampled_from(["team", "count", "ratio", "good", "none"]),
    st.sampled_from(OPERATORS),
    st.lists(
        st.one_of(
            st.sampled_from(TEAMS), st.integers(-1, 8), st.sampled_from([0.5, 2.0]), st.booleans()
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
EXPRESSIONS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: And(tuple(some))),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: Or(tuple(some))),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_candidates_leave_nothing_out(snapshot: Snapshot, expression: Expression) -> None:
    found(snapshot, expression)


def _as_expression(pattern: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)


@given(st.text("ab%_É", max_size=8), st.text("abÉéx", max_size=12))
def test_patterns_mean_what_an_expression_means(pattern: str, text: str) -> None:
    wanted = re.fullmatch(_as_expression(pattern), text, re.DOTALL) is not None
    assert match_pattern(pattern)(text) == wanted
    folded = (
        re.fullmatch(_as_expression(pattern.casefold()), text.casefold(), re.DOTALL) is not None
    )
    assert match_pattern(pattern, folds=True)(text) == folded


@pytest.mark.parametrize(
    "pattern", ["%a" * 2000 + "b", "%" + "_" * 2000 + "b", "%" + "a_" * 900 + "b%"]
)
def test_a_hostile_pattern_takes_no_longer_for_it(pattern: str) -> None:
    match: Callable[[str], bool] = match_pattern(pattern)
    start = time.perf_counter()
    assert not match("a" * 20_000)
    assert time.perf_counter() - start < 5
