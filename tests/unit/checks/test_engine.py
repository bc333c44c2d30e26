from __future__ import annotations

import pytest
from support import (
    alias_yaml,
    metadata_yaml,
    model_files,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
)

from registry_tool.checks.engine import check
from registry_tool.checks.findings import EXIT_CODES, Report
from registry_tool.git.tree import DictTree

LANG = "models/nlp/lang-id"


def two_models() -> dict[str, str]:
    """A registry in which ``vision/eyes`` 1 was made from ``nlp/lang-id`` 2."""
    made = version_files(
        model="vision/eyes",
        artifacts=[stored_artifact(b"eyes")],
        lineage={"base_model": "nlp/lang-id@2"},
    )
    return {
        **small_registry(),
        "models/vision/namespace.yaml": namespace_yaml(),
        "models/vision/eyes/model.yaml": model_yaml("eyes", "vision"),
        **made,
    }


def without(files: dict[str, str], prefix: str) -> dict[str, str]:
    return {path: text for path, text in files.items() if not path.startswith(prefix)}


def change(base: dict[str, str], head: dict[str, str]) -> Report:
    return check(DictTree(head), base=DictTree(base))


def said(report: Report) -> list[tuple[str, str]]:
    return [(finding.rule, finding.path) for finding in report.findings]


def test_a_valid_registry_passes_without_a_word() -> None:
    report = check(DictTree(two_models()))
    assert report.findings == ()
    assert report.verdict == "pass"
    assert report.checked == len(two_models())
    assert EXIT_CODES[report.verdict] == 0


def test_an_equal_base_leaves_nothing_to_check() -> None:
    assert change(two_models(), two_models()).checked == 0


def test_a_change_is_checked_and_what_it_did_not_touch_is_not() -> None:
    base = two_models() | {
        "models/vision/eyes/aliases/production.yaml": alias_yaml("9", "vision/eyes")
    }
    head = base | {f"{LANG}/aliases/staging.yaml": alias_yaml("7")}
    assert said(change(base, head)) == [("M203", f"{LANG}/aliases/staging.yaml")]


def test_a_changed_file_brings_its_model() -> None:
    base = small_registry()
    head = base | {f"{LANG}/versions/1/status.yaml": status_yaml("withdrawn")}
    assert said(change(base, head)) == [("M203", f"{LANG}/aliases/production.yaml")]


def test_a_deleted_version_that_another_model_was_made_from_is_found() -> None:
    base = two_models()
    head = without(base, f"{LANG}/versions/2/")
    assert said(change(base, head)) == [("M206", "models/vision/eyes/versions/1/version.yaml")]


def test_a_deleted_model_that_another_names_is_found() -> None:
    base = two_models()
    head = without(base, f"{LANG}/")
    assert said(change(base, head)) == [("M206", "models/vision/eyes/versions/1/version.yaml")]


def test_a_deleted_alias_that_another_model_names_is_found() -> None:
    made = version_files(
        model="vision/eyes",
        artifacts=[stored_artifact(b"eyes")],
        lineage={"base_model": "nlp/lang-id@production"},
    )
    base = two_models() | made
    head = without(base, f"{LANG}/aliases/")
    assert said(change(base, head)) == [("M206", "models/vision/eyes/versions/1/version.yaml")]


def test_a_reference_without_a_namespace_is_found_too() -> None:
    made = version_files(
        model="vision/eyes",
        artifacts=[stored_artifact(b"eyes")],
        lineage={"base_model": "base@1"},
    )
    base = two_models() | model_files("default/base") | made
    base["models/default/namespace.yaml"] = namespace_yaml()
    head = without(base, "models/default/")
    assert said(change(base, head)) == [("M206", "models/vision/eyes/versions/1/version.yaml")]


def test_a_claim_to_a_value_that_another_model_has_is_found() -> None:
    base = small_registry() | model_files("nlp/eyes", external_id="x-1")
    head = base | {f"{LANG}/model.yaml": model_yaml(external_id="x-1")}
    assert said(change(base, head)) == [("R306", f"{LANG}/model.yaml")]


def test_the_newcomer_answers_for_a_shared_value_whatever_its_name() -> None:
    base = small_registry() | {f"{LANG}/model.yaml": model_yaml(external_id="x-1")}
    head = base | model_files("nlp/aaa", external_id="x-1")
    assert said(change(base, head)) == [("R306", "models/nlp/aaa/model.yaml")]


@pytest.mark.parametrize("path", ["registry.yaml", "schemas/team.json", ".dvc/config"])
def test_a_change_of_policy_brings_the_whole_registry(path: str) -> None:
    base = two_models() | {f"{LANG}/aliases/old.yaml": alias_yaml("9")}
    head = base | {path: base.get(path, "") + "\n"}
    assert said(change(base, head)) == [("M203", f"{LANG}/aliases/old.yaml")]


def test_severities_come_from_the_base() -> None:
    base = small_registry()
    soft = base | {"registry.yaml": registry_yaml(rules={"M203": "warn"})}
    broken = {f"{LANG}/aliases/staging.yaml": alias_yaml("9")}
    assert change(base, soft | broken).verdict == "refuse"
    assert change(soft, soft | broken).verdict == "pass"
    assert change(soft, base | broken).verdict == "pass"


@pytest.mark.parametrize(
    ("severity", "verdict", "code"),
    [("refuse", "refuse", 1), ("review", "review", 3), ("warn", "pass", 0)],
)
def test_the_policy_sets_the_severity(severity: str, verdict: str, code: int) -> None:
    files = small_registry() | {
        "registry.yaml": registry_yaml(rules={"M208": severity}),
        f"{LANG}/versions/1/status.yaml": status_yaml("deprecated"),
    }
    report = check(DictTree(files))
    assert [(f.rule, f.severity) for f in report.findings] == [("M208", severity)]
    assert report.verdict == verdict
    assert EXIT_CODES[report.verdict] == code


def test_a_rule_that_is_off_says_nothing() -> None:
    files = small_registry() | {
        "registry.yaml": registry_yaml(rules={"M208": "off"}),
        f"{LANG}/versions/1/status.yaml": status_yaml("deprecated"),
    }
    assert check(DictTree(files)).findings == ()


def test_the_gravest_finding_decides() -> None:
    files = small_registry() | {
        f"{LANG}/versions/1/status.yaml": status_yaml("deprecated"),
        f"{LANG}/tags/odd.yaml": tag_yaml("9"),
    }
    report = check(DictTree(files))
    assert [f.severity for f in report.findings] == ["warn", "refuse"]
    assert report.verdict == "refuse"


def test_findings_come_in_the_order_of_files_and_lines_and_once_each() -> None:
    files = small_registry() | {
        f"{LANG}/aliases/b.yaml": 'schema: alias/v1\nmodel: nlp/other\nversion: "9"\n',
        f"{LANG}/aliases/a.yaml": 'schema: alias/v1\nmodel: nlp/other\nversion: "9"\n',
    }
    found = [(f.path[-6], f.line, f.column, f.rule) for f in check(DictTree(files)).findings]
    assert found == [
        ("a", 2, 8, "F105"),
        ("a", 3, 10, "M203"),
        ("b", 2, 8, "F105"),
        ("b", 3, 10, "M203"),
    ]


def test_a_check_can_be_narrowed_to_a_folder() -> None:
    files = two_models() | {
        f"{LANG}/aliases/staging.yaml": alias_yaml("9"),
        "models/vision/eyes/aliases/staging.yaml": alias_yaml("9", "vision/eyes"),
    }
    report = check(DictTree(files), paths=["models/vision"])
    assert said(report) == [("M203", "models/vision/eyes/aliases/staging.yaml")]


def test_a_file_that_cannot_be_read_is_one_finding() -> None:
    files = small_registry() | {f"{LANG}/versions/1/version.yaml": "schema: [\n"}
    assert said(check(DictTree(files))) == [("F101", f"{LANG}/versions/1/version.yaml")]


def test_an_unreadable_status_leaves_the_pointers_to_its_version_alone() -> None:
    files = small_registry() | {f"{LANG}/versions/1/status.yaml": "state: gone\n"}
    assert said(check(DictTree(files))) == [("F103", f"{LANG}/versions/1/status.yaml")]


def test_the_first_change_of_a_registry_is_judged_by_itself() -> None:
    head = small_registry() | {
        "registry.yaml": registry_yaml(rules={"M203": "warn"}),
        f"{LANG}/aliases/staging.yaml": alias_yaml("9"),
    }
    report = change({}, head)
    assert [(f.rule, f.severity) for f in report.findings] == [("M203", "warn")]


def test_progress_is_told_for_each_file_and_model() -> None:
    steps: list[int] = []
    check(DictTree(two_models()), progress=lambda: steps.append(1))
    assert len(steps) == len(two_models()) + 2


def test_words_of_a_hostile_file_are_printed_harmlessly() -> None:
    schema = '{"properties": {"a\\u001b[31m": {"type": "string"}}}'
    files = small_registry() | {
        "registry.yaml": registry_yaml(
            metadata_schemas=[
                {"schema": "schemas/t.json", "applies_to": "versions", "field": "metadata"}
            ]
        ),
        "schemas/t.json": schema,
        f"{LANG}/versions/1/metadata.yaml": metadata_yaml(metadata={"a\x1b[31m": 1}),
    }
    [finding] = check(DictTree(files)).findings
    assert finding.rule == "M210"
    assert finding.message.isprintable()


@pytest.mark.parametrize("shard", [0, 2])
def test_hostile_names_everywhere_are_findings_and_never_an_exception(shard: int) -> None:
    odd = "caf\udce9\x1b[2J"
    text = small_registry()
    files = text | {
        "registry.yaml": registry_yaml(shard=shard),
        odd: "x",
        f"models/{odd}/namespace.yaml": namespace_yaml(),
        f"models/{odd}/{odd}/model.yaml": model_yaml(moved_to="nlp/lang-id"),
        f"models/nlp/{odd}/versions/{odd}/version.yaml": text[f"{LANG}/versions/1/version.yaml"],
        f"{LANG}/versions/{odd}/version.yaml": text[f"{LANG}/versions/1/version.yaml"],
        f"{LANG}/versions/1/{odd}.dvc": text[f"{LANG}/versions/1/model.bin.dvc"],
        f"{LANG}/aliases/{odd}.yaml": alias_yaml("9"),
        f"{LANG}/tags/{odd}.yaml": tag_yaml("9"),
        f"waivers/{odd}.yaml": "x: [\n",
    }
    whole = check(DictTree(files))
    assert whole.verdict == "refuse"
    assert change(text, files).verdict == "refuse"
    assert change(files, text).verdict == "pass"
    for finding in whole.findings:
        assert (finding.message + finding.found + finding.expected + finding.remedy).isprintable()
