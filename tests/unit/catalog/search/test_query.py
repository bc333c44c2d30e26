from __future__ import annotations

import pytest
from support.manifests import (
    alias_yaml,
    metadata_yaml,
    model_files,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.search.query import (
    Bound,
    Filter,
    MetricNames,
    Query,
    parse_query,
    search,
)
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.errors import UsageError
from registry_tool.git.tree import DictTree

LANG = "models/nlp/lang-id"
FILES = {
    "registry.yaml": registry_yaml(),
    "models/nlp/namespace.yaml": namespace_yaml(),
    "models/vision/namespace.yaml": namespace_yaml(),
    **model_files(versions=(), labels=["edge", "cpu"], license="Apache-2.0"),
    **model_files(
        "vision/cats", versions=("1",), owner="@acme/vision", task="image-classification",
        description="Finds Cats.", state="archived", metadata={"team": {"contact": "Zoë"}},
    ),
    **version_files(
        "1", artifacts=[stored_artifact(b"1")],
        metrics=[
            {"key": "accuracy", "value": 0.99, "step": 1},
            {"key": "accuracy", "value": 0.8, "step": 2},
            {"key": "F1 (macro)", "value": 0.7},
        ],
    ),
    **version_files(
        "2", artifacts=[stored_artifact(b"2")], framework={"type": "onnx"},
        metrics=[{"key": "accuracy", "value": 0.95}, {"key": "grade", "value": "good"}],
    ),
    f"{LANG}/versions/2/metadata.yaml": metadata_yaml(labels=["int8"], description="Quantised."),
    f"{LANG}/versions/1/status.yaml": status_yaml("deprecated"),
    f"{LANG}/aliases/production.yaml": alias_yaml("2"),
    f"{LANG}/tags/first.yaml": tag_yaml("1"),
}  # fmt: skip


def rows_of(files: dict[str, str]) -> Rows:
    return Rows(Catalog(DictTree(files)))


def found(*words: str, versions: bool = False, files: dict[str, str] = FILES) -> list[str]:
    query = parse_query(words, versions=versions)
    return [str(hit) for hit in search(rows_of(files), query)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["languages"], ["nlp/lang-id"]),
        (["LANGUAGES", "apart"], ["nlp/lang-id"]),
        (["cats"], ["vision/cats"]),
        (["zoë"], ["vision/cats"]),
        (["edge"], ["nlp/lang-id"]),
        (["nothing-like-it"], []),
        (["label:edge"], ["nlp/lang-id"]),
        (["label:edge label:gpu"], []),
        (["namespace:vision"], ["vision/cats"]),
        (["namespace:none"], []),
        (["namespace:nlp", "namespace:vision"], []),
        (["task:image-classification"], ["vision/cats"]),
        (["owner:@acme/speech"], ["nlp/lang-id"]),
        (["owner:acme/Speech"], ["nlp/lang-id"]),
        (["license:apache-2.0"], ["nlp/lang-id"]),
        (["state:archived"], ["vision/cats"]),
        (["state:live"], ["nlp/lang-id"]),
        (["framework:onnx"], ["nlp/lang-id@2"]),
        (["state:deprecated"], ["nlp/lang-id@1"]),
        (["alias:production"], ["nlp/lang-id@2"]),
        (["tag:first"], ["nlp/lang-id@1"]),
        (["tag:first", "alias:production"], []),
        (["accuracy>=0.9"], ["nlp/lang-id@2"]),
        (["accuracy<0.9"], ["nlp/lang-id@1"]),
        (["accuracy>0.8"], ["nlp/lang-id@2"]),
        (["accuracy<=0.8"], ["nlp/lang-id@1"]),
        (["accuracy=0.95"], ["nlp/lang-id@2"]),
        (["accuracy!=0.95"], ["nlp/lang-id@1"]),
        (["accuracy", ">=", "0.9"], ["nlp/lang-id@2"]),
        (['"F1 (macro)">=0.5'], ["nlp/lang-id@1"]),
        (["grade=good"], ["nlp/lang-id@2"]),
        (["grade!=good"], []),
        (["grade>1"], []),
        (["label:int8", "framework:onnx"], ["nlp/lang-id@2"]),
        (["quantised", "alias:production"], ["nlp/lang-id@2"]),
        (["cats framework:fasttext"], ["vision/cats@1"]),
        ([""], ["nlp/lang-id", "vision/cats"]),
        (["accuracy==0.95"], ["nlp/lang-id@2"]),
        (["accuracy == 0.95"], ["nlp/lang-id@2"]),
        (["metrics.accuracy > 0.9"], ["nlp/lang-id@2"]),
        (["metrics.accuracy>=0.9 AND framework:onnx"], ["nlp/lang-id@2"]),
        (["languages AND edge"], ["nlp/lang-id"]),
        (["languages and edge"], ["nlp/lang-id"]),
        (["zoe\u0308"], ["vision/cats"]),  # decomposed, where the file has it composed
        (["ZOE\u0308"], ["vision/cats"]),
        (['grade="good"'], ["nlp/lang-id@2"]),
    ],
)
def test_search_finds(words: list[str], expected: list[str]) -> None:
    assert found(*words) == expected


def test_versions_on_demand_highest_first() -> None:
    assert found("languages", versions=True) == ["nlp/lang-id@2", "nlp/lang-id@1"]
    assert found("label:int8", versions=True) == ["nlp/lang-id@2"]


def test_parse_query() -> None:
    assert parse_query(['edge task:x "a b" accuracy>=.5', "n != bad"]) == Query(
        ("edge", "a b"),
        (Filter("task", "x"),),
        (Bound("accuracy", ">=", 0.5), Bound("n", "!=", "bad")),
        versions=True,
    )


def test_what_is_quoted_is_a_word() -> None:
    assert parse_query(['"foo:bar"', '"a>=b"', "s3://bucket"]) == Query(
        ("foo:bar", "a>=b", "s3://bucket")
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("colour:red", "unknown filter colour:"),
        ("label:", "label: needs a value"),
        ("state:asleep", "'asleep' is not a state"),
        ("accuracy>=high", "'high' is not a number"),
        ("accuracy>=nan", "'nan' is not a number"),
        (">=0.9", "is not a condition on a metric"),
        ("accuracy>=", "is not a condition on a metric"),
        ('label:"edge', "a double quote is not closed"),
        ("accuracy=>0.9", "=> is not an operator"),
        ("accuracy => 0.9", "=> is not an operator"),
        ("accuracy=<0.9", "=< is not an operator"),
        ("accuracy<>0.9", "<> is not an operator"),
        ("accuracy===0.9", "=== is not an operator"),
        ("accuracy=~0.9", "=~ is not an operator"),
        ("accuracy=0,95", "'0,95' is not a number"),
        ("accuracy=95%", "'95%' is not a number"),
        ("0.9<=accuracy", "has its number first"),
        ("0.9=accuracy", "has its number first"),
        ("0.9<accuracy<1", "has two operators"),
        ("edge OR cpu", "there is no OR in a search"),
        ("edge or cpu", "there is no or in a search"),
        ("NOT edge", "there is no NOT in a search"),
        ("edge && cpu", "there is no && in a search"),
        ("(edge cpu)", r"\(edge is not a search word"),
        ("-edge", "-edge is not a search word"),
        ("label :edge", ":edge is not a search word"),
        ("lang*", "wildcards are not supported"),
        ("label:edge,cpu", "is not one value"),
        ("'F1 (macro)'", "is not a search word"),
    ],
)
def test_wrong_queries_say_what_is_wrong(query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_query([query])
    assert caught.value.remedy


def test_unreadable_manifests_are_passed_over_and_named() -> None:
    broken = {f"{LANG}/versions/2/version.yaml": "x: [", "models/vision/cats/model.yaml": "x: ["}
    names: list[str] = []
    query = parse_query(["framework:fasttext"])
    hits = search(rows_of(FILES | broken), query, unreadable=names.append)
    assert [str(hit) for hit in hits] == ["nlp/lang-id@1"]
    assert names == ["nlp/lang-id@2", "vision/cats"]
    names.clear()
    assert len(list(search(rows_of(FILES | broken), Query(("a",)), unreadable=names.append))) == 1
    assert names == ["vision/cats"]


def test_search_reads_no_further_than_it_is_asked() -> None:
    files = FILES | {"models/vision/cats/model.yaml": "x: ["}
    names: list[str] = []
    hits = search(rows_of(files), Query(), unreadable=names.append)
    next(hits)
    assert names == []


def test_decomposed_text_is_found_by_composed_words() -> None:
    files = FILES | model_files(
        "vision/cats", versions=("1",), description="Zoe\u0308s Katze", metadata={"k": "A\u030angstro\u0308m"},
        owner="@acme/vision", task="image-classification",
    )  # fmt: skip
    assert found("zo\u00ebs", files=files) == ["vision/cats"]
    assert found("\u00e5ngstr\u00f6m", files=files) == ["vision/cats"]


def test_the_words_of_other_languages_can_be_looked_for_in_quotes() -> None:
    assert parse_query(['"or" "not" "(x" "a*"']) == Query(("or", "not", "(x", "a*"))


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("0.5<accuracy<0.9", 'write one condition for each: "accuracy>0.5" "accuracy<0.9"'),
        ("0.5<=accuracy<0.9", 'write one condition for each: "accuracy>=0.5" "accuracy<0.9"'),
        ("0.9<accuracy", 'write the metric first: "accuracy>0.9"'),
        ("(accuracy>0.5)", 'leave them out: "accuracy>0.5"'),
        ("accuracy\u22650.9", 'write "accuracy>=0.9"; a word is "accuracy\u22650.9"'),
        ("accuracy~0.9", 'write "accuracy>=0.9"; a word is "accuracy~0.9"'),
    ],
)
def test_the_remedy_has_the_metric_and_the_numbers_of_the_query(query: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_query([query])
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("acuracy>0.1", ["no searched version has a metric 'acuracy'; did you mean accuracy?"]),
        (
            "framework=custom",
            ["no searched version has a metric 'framework'; a filter is written framework:VALUE"],
        ),
        ("accuracy>2", []),
        ("metrics.accuracy>2", []),
    ],
)  # fmt: skip
def test_a_metric_that_no_version_has_is_noted(query: str, notes: list[str]) -> None:
    names = MetricNames()
    assert list(search(rows_of(FILES), parse_query([query]), metrics=names)) == []
    assert list(names.notes()) == notes
