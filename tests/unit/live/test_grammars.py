"""The two grammars of filters, with each protocol's own errors; text that is no filter is an error, never a crash."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.live.filter_kubeflow import parse_kubeflow_filter
from registry_tool.live.filter_mlflow import (
    PROMPT_TAG,
    MlflowKind,
    MlflowOrder,
    parse_mlflow_filter,
    parse_mlflow_order,
)
from registry_tool.live.filters import (
    And,
    Expression,
    FilterError,
    FilterField,
    FilterTerm,
    Operator,
    Or,
    Scalar,
)

FIELDS = ("name", "state", "experimentRunId", "id")
PROMPTS = FilterTerm(FilterField(PROMPT_TAG, is_free=True), "!=", ("true",), absent=True)


def kubeflow(source: str) -> Expression:
    return parse_kubeflow_filter(source, FIELDS)


def mlflow(source: str, kind: MlflowKind = "version") -> list[object]:
    found = parse_mlflow_filter(source, kind).expression
    assert isinstance(found, And)
    return [term for term in found.terms if term != PROMPTS]


def term(
    name: str, comparator: Operator, *values: Scalar, kind: str = "", free: bool = False
) -> FilterTerm:
    return FilterTerm(FilterField(name, free or bool(kind), kind), comparator, values)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("name = 'a'", term("name", "=", "a")),
        ('name="a"', term("name", "=", "a")),
        (r"name = 'it\'s \\ \n'", term("name", "=", "it's \\ \n")),
        ("NAME = 'a'", term("NAME", "=", "a", free=True)),
        ("experimentRunId in ('3', 7)", term("experimentRunId", "IN", "3", 7)),
        ("accuracy <> 0.5e1", term("accuracy", "!=", 5.0, free=True)),
        ("good = TRUE", term("good", "=", True, free=True)),
        ("`team name`.string_value ilike '%x'", term("team name", "ILIKE", "%x", kind="string")),
        ("name.int_value = -3", term("name", "=", -3, kind="int")),
        ("a.b.c = 1", term("a.b.c", "=", 1, free=True)),
        ("größe >= +1", term("größe", ">=", 1, free=True)),
        ("((name = 'a'))", term("name", "=", "a")),
        (
            "id = 1 or id = 2 AND name != 'x'",
            Or((term("id", "=", 1), And((term("id", "=", 2), term("name", "!=", "x"))))),
        ),
        (
            "(id = 1 OR id = 2) and name != 'x'",
            And((Or((term("id", "=", 1), term("id", "=", 2))), term("name", "!=", "x"))),
        ),
    ],
)
def test_kubeflow_filters(source: str, expected: Expression) -> None:
    assert kubeflow(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "name", "name =", "= 'a'", "name = a", "name == 'a'", "name = 'a", 'name = "a', "name = 'a' 'b'",
        "name = 'a' AND", "AND name = 'a'", "name IN ()", "name IN ('a'", "name IN 'a'", "NOT name = 'a'",
        "(name = 'a'", "name = 'a')", "name LIKE 5", "name = 'a' ; drop", "name = 1x", "`name = 1", "",
        "name = '\0'", "(" * 60 + "id=1" + ")" * 60, "name = NOT", "name ! 'a'", "1 = 1",
    ],
)  # fmt: skip
def test_text_that_is_no_kubeflow_filter(source: str) -> None:
    with pytest.raises(FilterError, match="invalid filter query: "):
        kubeflow(source)


def test_a_thousand_terms_and_no_more() -> None:
    assert isinstance(kubeflow(" OR ".join(["id = 1"] * 1000)), Or)
    with pytest.raises(FilterError, match="more than 1000 comparisons"):
        kubeflow(" OR ".join(["id = 1"] * 1001))
    assert len(mlflow(" AND ".join(["name = 'a'"] * 1000))) == 1000
    with pytest.raises(FilterError, match="more than 1000 comparisons"):
        mlflow(" AND ".join(["name = 'a'"] * 1001))
    for much in (
        "'\\" * 49_000 + "'",
        "a." * 49_000,
        "`" * 99_999,
        "'\\'" * 33_000,
        "a = '",
        "(" * 200_000,
        "'" * 200_000,
        "AND " * 200_000,
        "(" * 99_999,
    ):
        start = time.perf_counter()
        with pytest.raises(FilterError):
            kubeflow(much)
        with pytest.raises(FilterError):
            mlflow(much)
        assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("name = 'a'", [term("name", "=", "a")]),
        ('attribute.name != "a"', [term("name", "!=", "a")]),
        ("run_id IN ('a', 'b')", [term("run_id", "IN", "a", "b")]),
        ("name not in ('a')", [term("name", "NOT IN", "a")]),
        ("version_number >= 3 and version_number<'7'", [term("version_number", ">=", 3), term("version_number", "<", 7)]),
        ("source_path like 's3:%'", [term("source_path", "LIKE", "s3:%")]),
        ("tags.team = 'x'", [term("team", "=", "x", free=True)]),
        ("tag.`a b.c` ILIKE '%x'", [term("a b.c", "ILIKE", "%x", free=True)]),
        ('tags."a-b" = \'x\'', [term("a-b", "=", "x", free=True)]),
        ("tags.mlflow.user = 'x'", [term("mlflow.user", "=", "x", free=True)]),
        ("name = 'it\\'s AND so'", [term("name", "=", "it\\'s AND so")]),
        ("name = 'it''s' AND", [term("name", "=", "it''s")]),
        ("", []),
        ("  ", []),
    ],
)  # fmt: skip
def test_mlflow_filters(source: str, expected: list[object]) -> None:
    assert mlflow(source) == expected


@pytest.mark.parametrize(
    ("kind", "source", "message"),
    [
        ("model", "foo = 'a'", "Invalid attribute key 'foo' specified. Valid keys are '{'name'}'"),
        ("version", "foo = 'a'", "Invalid attribute key 'foo' specified. Valid keys are '{'name', 'run_id', 'source_path', 'version_number'}'"),
        ("model", "name > 'a'", "Invalid comparator for attribute: >"),
        ("version", "tags.x > 'a'", "Invalid comparator for tag: >"),
        ("version", "version_number LIKE 'a'", "Invalid comparator for attribute version_number: LIKE"),
        ("version", "version_number = 1.5", "Invalid value for numeric attribute 'version_number': '1.5'"),
        ("version", "version_number = 'abc'", "Invalid value for numeric attribute 'version_number': 'abc'"),
        ("model", "metric.x = 'a'", "Invalid entity type 'metric'. Valid entity types are ('attribute', 'tag', 'tags')"),
        ("model", "tags.x = 5", "Expected a quoted string value for tag (e.g. 'my-value'). Got value 5"),
        ("model", "name = 5", "Expected a quoted string value or a list of quoted string values for attributes. Got value 5"),
        ("version", "name = 5", "Only the '{'version_number', 'creation_timestamp', 'last_updated_timestamp'}' attributes support comparison with numeric values."),
        ("model", "name = a", "Parameter value is either not quoted or unidentified quote types used for string value a. Use either single or double quotes."),
        ("version", "source_path IN ('a')", "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values."),
        ("model", "name = 'a' OR name = 'b'", "Invalid clause(s) in filter string: OR"),
        ("model", "name = 'a", "Invalid clause(s) in filter string: name, =, 'a"),
        ("model", "(name = 'a')", "Invalid clause(s) in filter string: ( name = 'a' )"),
        ("model", "name == 'a'", "Invalid comparator for attribute: =="),
        ("model", "tags.x IN ('a')", "Expected a quoted string value for tag (e.g. 'my-value'). Got value ('a')"),
        ("model", "'a' = name", "Invalid comparison clause. Expected 'Identifier' found ''a''"),
        ("version", "run_id IN ()", "While parsing a list in the query, expected a non-empty list of string values, but got empty list"),
        ("model", "name = 'a'; name = 'b'", "Search filter contained multiple expression \"name = 'a'; name = 'b'\". Provide AND-ed expression list."),
    ],
)  # fmt: skip
def test_mlflow_errors_are_word_for_word(kind: MlflowKind, source: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_mlflow_filter(source, kind)
    assert caught.value.message == message


def test_prompts_are_left_out_unless_they_are_asked_for() -> None:
    tag = f"tags.`{PROMPT_TAG}`"
    for source in ("", "name = 'a'", f"{tag} = 'false'", f"{tag} != 'true'"):
        found = parse_mlflow_filter(source, "model")
        assert isinstance(found.expression, And)
        assert (found.wants_prompts, found.expression.terms[-1]) == (False, PROMPTS)
    for source in (f"{tag} = 'true'", f"{tag} != 'False'"):
        found = parse_mlflow_filter(source, "model")
        assert found.wants_prompts
        assert PROMPTS not in mlflow(source)


def test_mlflow_orders() -> None:
    assert parse_mlflow_order(["name DESC", " `version_number`  asc "], "version") == [
        MlflowOrder("name", False), MlflowOrder("version_number", True)
    ]  # fmt: skip
    assert parse_mlflow_order(["timestamp"], "model") == [
        MlflowOrder("last_updated_timestamp", True)
    ]
    for wrong, message in {
        "name up": "Invalid ordering key in order_by clause 'name up'.",
        "name asc desc": "Invalid order_by clause 'name asc desc'. Could not be parsed.",
        "": "Invalid order_by clause ''. Could not be parsed.",
        "owner": "Invalid attribute key 'owner' specified. Valid keys are ",
    }.items():
        with pytest.raises(FilterError) as caught:
            parse_mlflow_order([wrong], "model")
        assert caught.value.message.startswith(message)
    with pytest.raises(FilterError, match="duplicate fields"):
        parse_mlflow_order(["name", "name DESC"], "model")


WORDS = st.sampled_from(
    ["name", "tags.`a b`", "version_number", "=", "!=", ">", "LIKE", "IN", "NOT", "(", ")", ",", "'a'", '"b"', "5",
     "1e9", "AND", "OR", "'", '"', "`", ".", "\\", "true", "\x00", "é", "$", "x.string_value"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_is_a_filter_or_an_error(source: str) -> None:
    with contextlib.suppress(FilterError):
        kubeflow(source)
    kinds: tuple[MlflowKind, ...] = ("model", "version")
    for kind in kinds:
        with contextlib.suppress(FilterError):
            parse_mlflow_filter(source, kind)
        with contextlib.suppress(FilterError):
            parse_mlflow_order([source], kind)


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name.upper() not in {"AND", "OR", "NOT", "IN", "LIKE", "ILIKE"}
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def _quoted(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@given(
    st.lists(
        st.tuples(NAMES, st.one_of(TEXTS, st.integers(-9, 99), st.booleans())),
        min_size=1,
        max_size=5,
    )
)
def test_a_kubeflow_filter_that_was_written_is_read_back(pairs: list[tuple[str, Scalar]]) -> None:
    source = " AND ".join(f"`{name}` = {_quoted(value)}" for name, value in pairs)
    found = kubeflow(source)
    terms = found.terms if isinstance(found, And) else (found,)
    assert [(t.field.name, t.values[0]) for t in terms if isinstance(t, FilterTerm)] == pairs


@given(
    st.lists(
        st.tuples(NAMES, TEXTS.filter(lambda t: not {"'", "\\"} & set(t))), min_size=1, max_size=5
    )
)
def test_an_mlflow_filter_that_was_written_is_read_back(pairs: list[tuple[str, str]]) -> None:
    source = " and ".join(f"tags.`{name}` = '{value}'" for name, value in pairs)
    found = [(t.field.name, t.values[0]) for t in mlflow(source) if isinstance(t, FilterTerm)]
    assert found == pairs
