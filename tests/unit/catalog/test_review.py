"""The reviewer's report: what a change does, and how what it brings compares with what is there."""

from __future__ import annotations

import html
from collections.abc import Mapping

import pytest
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    model_files,
    registry_yaml,
    small_registry,
    stored_artifact,
    tracked_artifact,
    version_files,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.review import Review, review
from registry_tool.catalog.review_report import markdown
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON

FOLDER = "models/nlp/lang-id"
ALIAS = f"{FOLDER}/aliases/production.yaml"


def metric(key: str, value: JSON) -> dict[str, JSON]:
    return {"key": key, "value": value}


def folder(name: str, **sizes: int) -> dict[str, JSON]:
    files: list[JSON] = [
        {"path": p, "size": size, "sha256": f"{size:064x}", "md5": f"{size:032x}"}
        for p, size in sizes.items()
    ]
    return stored_artifact(
        name=name, path=name, size=sum(sizes.values()), md5="0" * 32 + ".dir", files=files, nfiles=len(files)
    )  # fmt: skip


FIRST = version_files(
    "1",
    framework={"type": "sklearn", "version": "1.4"},
    environment={"python_version": "3.10", "pip_packages": ["numpy==1.26", "scipy"]},
    artifacts=[stored_artifact(b"a" * 1000), stored_artifact(b"v", name="vocab", path="vocab.bin")],
    metrics=[
        metric("accuracy", 0.8),
        metric("latency_ms", 10),
        metric("zero", 0),
        metric("note", "a"),
    ],
)
SECOND = version_files("2", metrics=[metric("accuracy", 0.96), metric("f1", 0.5)])
THIRD = version_files(
    "3",
    framework={"type": "sklearn", "version": "1.5"},
    environment={"python_version": "3.11", "pip_packages": ["numpy==1.26", "pandas>=2"]},
    artifacts=[stored_artifact(b"b" * 1100), tracked_artifact("s3://bucket/eval.parquet")],
    metrics=[
        metric("accuracy", 0.9),
        metric("latency_ms", 10),
        metric("zero", 1),
        metric("note", "b"),
    ],
)
BASE = {**small_registry(versions=["1"]), **FIRST, **SECOND, ALIAS: alias_yaml("1")}


def reviewed(change: Mapping[str, str], base: Mapping[str, str] = BASE) -> Review:
    return review(Catalog(DictTree(base)), Catalog(DictTree({**base, **change})))


def report(change: Mapping[str, str], base: Mapping[str, str] = BASE) -> str:
    """The report as it is read."""
    return html.unescape(markdown(reviewed(change, base))).replace("\u200b", "")


def test_a_new_version_is_held_against_the_one_before_and_production() -> None:
    assert (
        report(THIRD)
        == """\
## Changes

- version nlp/lang-id@3 added: sklearn 1.5; model 1.1 kB, eval ?; accuracy 0.9, latency_ms 10, zero 1, note b

### nlp/lang-id@3, new

|  | 3 | 2, the version before | 1, now in production |
| --- | --- | --- | --- |
| metric accuracy | 0.9 | 0.96 ↓ -6.2% | 0.8 ↑ +12.5% |
| metric latency_ms | 10 | - | 10 = |
| metric zero | 1 | - | 0 ↑ |
| metric note | b | - | a |
| metric f1 | - | 0.5 | - |
| artifact model | 1.1 kB | 21 B ↑ +5138.1% | 1.0 kB ↑ +10.0% |
| artifact eval | s3://bucket/eval.parquet | - | - |
| artifact vocab | - | - | 1 B |
| framework type | sklearn | fasttext | = |
| framework version | 1.5 | - | 1.4 |
| environment python_version | 3.11 | - | 3.10 |
| package numpy | ==1.26 | - | = |
| package pandas | >=2 | - | - |
| package scipy | - | - | yes |

An arrow shows how a value changes in the version under review.
"""
    )


def test_one_version_may_be_both() -> None:
    versions = {**small_registry(versions=["1"]), **FIRST}
    assert "|  | 3 | 1, the version before, now in production |" in report(THIRD, versions)


def test_a_promotion_is_held_against_the_current_holder() -> None:
    text = report({ALIAS: alias_yaml("2", reason="Better.")})
    assert "- nlp/lang-id@production moved from 1 to 2: Better." in text
    assert "### nlp/lang-id@2, for production" in text
    assert "| metric accuracy | 0.96 | 0.8 ↑ +20.0% |" in text


def test_a_new_version_that_is_promoted_at_once_is_shown_once() -> None:
    found = reviewed({**THIRD, ALIAS: alias_yaml("3")})
    assert [(versus.version, versus.why) for versus in found.versions] == [("3", "new")]
    assert [other.role for other in found.versions[0].others] == [
        "the version before", "now in production",
    ]  # fmt: skip


def test_the_last_stage_is_production_where_none_has_that_name() -> None:
    base = {path: text for path, text in BASE.items() if path != ALIAS}
    base["registry.yaml"] = registry_yaml(stages={"staging": {}, "live": {"from": "staging"}})
    base[f"{FOLDER}/aliases/live.yaml"] = alias_yaml("1")
    base[f"{FOLDER}/aliases/staging.yaml"] = alias_yaml("2")
    found = reviewed(THIRD, base)
    assert [other.role for other in found.versions[0].others] == [
        "the version before",
        "now in live",
    ]


def test_a_first_version_has_nothing_to_be_held_against() -> None:
    text = report(model_files("cv/faces"))
    assert "|  | 1 |\n| --- | --- |\n| artifact model | 10 B |" in text
    assert "There is no earlier version to compare it with." in text
    assert "An arrow" not in text


def test_files_inside_of_folders() -> None:
    base = {**BASE, **version_files("2", artifacts=[folder("m", a=1, b=2, c=3, same=5)])}
    text = report(version_files("3", artifacts=[folder("m", a=1, b=4, d=7, same=5)]), base)
    assert "| file m/b | 4 B | 2 B ↑ +100.0% | - |" in text
    assert "| file m/c | - | 3 B | - |" in text
    assert "| file m/d | 7 B | - | - |" in text
    assert "m/same" in text  # version 1 has no such file
    assert "m/same" not in report(
        version_files("3", artifacts=[folder("m", a=1, b=4, d=7, same=5)]),
        {**base, ALIAS: alias_yaml("2")},
    )


def test_the_same_bytes_under_another_number() -> None:
    base = {**small_registry(versions=["1"])}
    text = report(version_files("2"), base)
    assert "It has the identity of 1: it produces the same outputs." in text
    other = report(version_files("2", artifacts=[stored_artifact(b"The bytes of a model\n")]), base)
    assert "| artifact model | 21 B | 21 B, other bytes |" in other


def test_later_metrics_count() -> None:
    late = {
        f"{FOLDER}/versions/1/evidence/late.yaml": evidence_yaml(
            "1", kind="metrics", metrics=[metric("accuracy", 0.45)]
        )
    }
    assert "0.45 ↑ +100.0%" in report(THIRD, {**BASE, **late})


def test_a_record_that_cannot_be_read_is_said() -> None:
    text = report({f"{FOLDER}/versions/3/version.yaml": "schema: version/v1\nmodel: [\n"})
    assert "### nlp/lang-id@3, new\n\nIts record cannot be read:" in text


def test_a_neighbour_that_cannot_be_read_is_left_out() -> None:
    base = {**BASE, f"{FOLDER}/versions/2/version.yaml": "broken: [\n"}
    found = reviewed(THIRD, base)
    assert [other.version for other in found.versions[0].others] == ["1"]


def test_nothing() -> None:
    assert report({}) == "## Changes\n\nNothing.\n"


def test_the_report_lists_the_results_of_gates() -> None:
    gates = ["accuracy is at least 0.9: it is 0.95", "<b>soak</b>"]
    text = markdown(reviewed(THIRD), gates=gates)
    assert text.endswith(
        "### Gates for later promotions\n\n- accuracy is at least 0&#46;9&#58; it is 0&#46;95\n"
        "- &#60;b&#62;soak&#60;&#47;b&#62;\n"
    )


HOSTILE = "| x |\n# <img src=x onerror=alert(1)> @everyone [a](http://x) `code` #1 \u202e"


@pytest.mark.parametrize("what", ["reason", "metric", "value", "package", "parameter", "path"])
def test_text_of_the_registry_is_text(what: str) -> None:
    change: dict[str, str] = {}
    if what == "reason":
        change[ALIAS] = alias_yaml("2", reason=HOSTILE)
    elif what == "path":
        change[HOSTILE] = "x\n"
    else:
        fields: dict[str, dict[str, JSON]] = {
            "metric": {"metrics": [metric("<b>@all</b>", 1)]},
            "value": {"metrics": [metric("note", "<b>@all</b> | x")]},
            "package": {"environment": {"pip_packages": ["numpy @ https://x/<b>|@all"]}},
            "parameter": {"parameters": {"<b>|@all": "](x)"}},
        }
        change = version_files("3", "nlp/lang-id", **fields[what])
    text = markdown(reviewed(change))
    lines = text.splitlines()
    tables = [line for line in lines if line.startswith("| ")]
    assert "<" not in text
    assert "@" not in text
    assert "\u202e" not in text
    assert "[" not in text
    assert len({line.count("|") for line in tables}) <= 1
    assert [line for line in lines if line.startswith("#")] == [
        line for line in lines if line.startswith(("## Changes", "### nlp&#47;lang"))
    ]


def test_a_report_fits_into_a_comment() -> None:
    change: dict[str, str] = {}
    for number in range(3, 40):
        many: list[JSON] = [metric(f"metric_{n}_{'x' * 80}", n) for n in range(100)]
        change |= version_files(str(number), metrics=many)
    change |= {f"docs/{n}-{'-' * 200}": "x\n" for n in range(300)}
    text = markdown(reviewed(change))
    assert len(text) < 65_536
    assert "more: `registry diff`" in text
    assert "more versions: `registry compare`" in text
    assert "more rows: `registry compare`" in text
