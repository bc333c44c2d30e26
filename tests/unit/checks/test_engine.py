from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from types import GeneratorType

import pytest
from support.manifests import (
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
    waiver_yaml,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.checks.findings import EXIT_CODES, Report
from registry_tool.checks.rules import RULES
from registry_tool.git.tree import DictTree, OverlayTree
from registry_tool.manifests.layout import Layout

LANG = "models/nlp/lang-id"
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


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


def about_the_result(report: Report) -> list[tuple[str, str]]:
    """What is found in the files as they are after the change, whether or not they may change so."""
    return [(rule, path) for rule, path in said(report) if not rule.startswith("C")]


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
    assert about_the_result(change(base, head)) == [
        ("M206", "models/vision/eyes/versions/1/version.yaml")
    ]


def test_a_deleted_model_that_another_names_is_found() -> None:
    base = two_models()
    head = without(base, f"{LANG}/")
    assert about_the_result(change(base, head)) == [
        ("M206", "models/vision/eyes/versions/1/version.yaml")
    ]


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
    assert about_the_result(change(base, head)) == [
        ("M206", "models/vision/eyes/versions/1/version.yaml")
    ]


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
    report = change(base, head)
    assert about_the_result(report) == [("M203", f"{LANG}/aliases/old.yaml")]
    assert ("C409", path) in said(report)


def test_severities_come_from_the_base() -> None:
    base = small_registry()
    soft = base | {"registry.yaml": registry_yaml(rules={"M203": "warn"})}
    broken = {f"{LANG}/aliases/staging.yaml": alias_yaml("9")}
    assert change(base, soft | broken).verdict == "refuse"
    assert change(soft, soft | broken).verdict == "pass"
    # The change of policy itself is for a person to look at.
    assert change(soft, base | broken).verdict == "review"


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


def test_progress_is_told_by_numbers_of_files() -> None:
    steps: list[int] = []
    check(DictTree(two_models()), progress=steps.append)
    assert sum(steps) == len(two_models())
    assert len(steps) > 2


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


def test_what_is_published_is_judged_by_itself_whatever_the_base_is() -> None:
    published = small_registry(versions=("1",))
    mine = published | version_files("2", artifacts=[stored_artifact(b"first try")])
    mended = published | version_files("2", artifacts=[stored_artifact(b"second try")])
    report = check(DictTree(mended), base=DictTree(mine), published=DictTree(published))
    assert (report.findings, report.kind) == ((), "version")
    assert report.checked == 2
    refused = check(DictTree(mended), base=DictTree(mended), published=DictTree(mine))
    assert {rule for rule, _ in said(refused)} == {"C401"}
    assert refused.checked == 0


def test_a_change_merges_by_itself_where_policy_lists_its_kind_and_nothing_speaks_against_it() -> (
    None
):
    asked = small_registry() | {"registry.yaml": registry_yaml(automerge=["version", "status"])}
    added = version_files("3", artifacts=[stored_artifact(b"third")])
    report = change(asked, asked | added)
    assert (report.kind, report.verdict, report.automerge) == ("version", "pass", True)
    assert not change(small_registry(), small_registry() | added).automerge
    assert not change(asked, asked | {f"{LANG}/aliases/production.yaml": alias_yaml("2")}).automerge
    narrowed = check(DictTree(asked | added), base=DictTree(asked), paths=[LANG])
    assert (narrowed.kind, narrowed.verdict, narrowed.automerge) == ("version", "pass", False)
    # Refused, and what the change itself wants automated is not asked.
    gone = asked | {f"{LANG}/versions/1/status.yaml": status_yaml("withdrawn")}
    assert not change(asked, gone).automerge
    greedy = small_registry() | added | {"registry.yaml": registry_yaml(automerge=["version"])}
    assert not change(small_registry(), greedy).automerge


def test_what_passes_by_a_waiver_does_not_merge_by_itself() -> None:
    waiver = waiver_yaml("M203", f"{LANG}/aliases/production.yaml", expires="2026-12-01")
    base = small_registry() | {
        "registry.yaml": registry_yaml(automerge=["status"]),
        "waivers/2026-11-21-m203-rollout.yaml": waiver,
    }
    head = base | {f"{LANG}/versions/1/status.yaml": status_yaml("withdrawn")}
    report = check(DictTree(head), base=DictTree(base), now=NOW)
    assert [(f.rule, f.severity) for f in report.findings] == [("M203", "warn")]
    assert (report.kind, report.verdict, report.automerge) == ("status", "pass", False)
    late = check(DictTree(head), base=DictTree(base), now=NOW + dt.timedelta(days=11))
    assert late.verdict == "refuse"
    assert "expired on 2026-12-01" in late.findings[0].message


def test_a_rule_about_changes_can_be_switched_off_in_what_is_published_only() -> None:
    off = small_registry() | {"registry.yaml": registry_yaml(rules={"C404": "off"})}
    moved = {f"{LANG}/tags/first.yaml": tag_yaml("2")}
    assert said(change(off, off | moved)) == []
    assert ("C404", f"{LANG}/tags/first.yaml") in said(change(small_registry(), off | moved))


def test_a_changed_shard_does_not_hide_what_it_moves() -> None:
    base = small_registry()
    head = {"registry.yaml": registry_yaml(shard=2)} | {
        path.replace("nlp/lang-id", f"nlp/{Layout(2).find_shard('lang-id')}/lang-id"): text
        for path, text in base.items()
        if path != "registry.yaml"
    }
    found = {rule for rule, _ in said(change(base, head))}
    assert {"C401", "C404", "C410", "C413"} <= found


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
    there, back = change(text, files), change(files, text)
    assert there.verdict == "refuse"
    assert about_the_result(back) == []
    for finding in (*whole.findings, *there.findings, *back.findings):
        assert (finding.message + finding.found + finding.expected + finding.remedy).isprintable()


def test_new_restrictions_only_warn_about_what_is_published() -> None:
    path = f"{LANG}/model.yaml"
    glued = model_yaml(labels=["edge"]) + 'metadata: {note: "x"}# c\n'
    base = {**small_registry(), path: glued}
    report = check(DictTree({**base, f"{LANG}/CARD.md": "# Card\n"}), base=DictTree(base))
    assert report.verdict == "pass"
    whole = check(DictTree(base), published=DictTree(base))
    assert [(f.rule, f.severity) for f in whole.findings] == [("F121", "warn")]
    edited = change(base, {**base, path: glued.replace("edge", "mobile")})
    assert [(f.rule, f.severity) for f in edited.findings] == [("F121", "warn")]
    worse = change(base, {**base, path: glued.replace("labels:\n  - edge", "labels: [edge]# d")})
    assert [(f.rule, f.severity) for f in worse.findings] == [("F121", "warn"), ("F121", "refuse")]
    assert [(f.rule, f.severity) for f in check(DictTree(base)).findings] == [("F121", "refuse")]


def test_every_rule_runs_while_its_violations_are_taken() -> None:
    """The engine makes the generators of all rules first, and those of rules that are off are never run."""
    checks: dict[str, Callable[..., Iterator[object]]] = {n: r.check for n, r in RULES.items()}
    nothing = object()  # which a rule that runs would ask something
    assert [n for n, run in checks.items() if not isinstance(run(nothing), GeneratorType)] == []


def test_what_was_read_of_the_base_is_not_read_again() -> None:
    """An edit reads a few files, and its result is checked on what is left as it was."""

    class Counted(DictTree):
        def read(self, path: str, *, limit: int | None = None) -> bytes | None:
            reads.append(path)
            return super().read(path, limit=limit)

    reads: list[str] = []
    base = Counted(small_registry())
    known = Catalog(base)
    assert known.registry is not None
    card = "models/nlp/lang-id/CARD.md"
    change = DictTree({card: "new"})
    report = check(known.after({card}, OverlayTree(base, change)), base=known)
    assert reads.count("registry.yaml") == 1
    plain = DictTree(small_registry())
    assert report == check(OverlayTree(plain, change), base=plain)


def test_another_shard_gives_all_files_other_meanings() -> None:
    known = Catalog(DictTree(small_registry()))
    assert known.registry is not None
    other = DictTree(
        {**small_registry(), "registry.yaml": "schema: registry/v1\nname: x\nshard: 2\n"}
    )
    assert known.after({"registry.yaml"}, other).layout == Layout(2)
