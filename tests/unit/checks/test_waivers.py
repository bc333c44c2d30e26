from __future__ import annotations

import datetime as dt

import pytest
from support.manifests import registry_yaml, small_registry, waiver_yaml

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.findings import Finding
from registry_tool.checks.waivers import NEVER, Waiver, apply_waivers, covers, list_waivers
from registry_tool.git.tree import DictTree
from registry_tool.manifests.layout import Layout

LANG = "models/nlp/lang-id"
RECORD = f"{LANG}/versions/1/version.yaml"
TODAY = dt.date(2026, 11, 21)
FILE = "waivers/2026-11-21-c401-rollout.yaml"


def finding(path: str = RECORD, rule: str = "C401") -> Finding:
    return Finding(rule, "refuse", path, 1, 1, "it changed", remedy="put it back")


def waiver(subject: str, rule: str = "C401") -> Waiver:
    return Waiver(FILE, rule, subject, TODAY, "@acme/platform")


def catalog(**files: str) -> Catalog:
    return Catalog(DictTree(small_registry() | {f"waivers/{n}.yaml": t for n, t in files.items()}))


def judged(found: Finding, published: Catalog, head: Catalog | None = None) -> Finding:
    [after] = apply_waivers([found], published, head or published, TODAY)
    return after


@pytest.mark.parametrize(
    ("subject", "path", "covered"),
    [
        (RECORD, RECORD, True),
        ("nlp/lang-id@1", RECORD, True),
        ("nlp/lang-id@1", f"{LANG}/versions/1/evidence/a.yaml", True),
        ("nlp/lang-id@1", f"{LANG}/versions/2/version.yaml", False),
        ("nlp/lang-id@1", f"{LANG}/model.yaml", False),
        ("nlp/lang-id@1", f"{LANG}/tags/first.yaml", False),
        ("nlp/lang-id@production", RECORD, False),
        ("nlp/lang-id@latest", RECORD, False),
        ("nlp/lang-id", f"{LANG}/model.yaml", True),
        ("nlp/lang-id", f"{LANG}/aliases/production.yaml", True),
        ("nlp/lang-id", RECORD, False),
        ("nlp/lang", f"{LANG}/model.yaml", False),
        ("lang-id", "models/default/lang-id/model.yaml", True),
        (LANG, RECORD, False),
        ("models", RECORD, False),
        ("*", RECORD, False),
        ("", RECORD, False),
    ],
)
def test_a_waiver_is_about_one_thing(subject: str, path: str, *, covered: bool) -> None:
    assert covers(waiver(subject), finding(path), Layout()) is covered


def test_a_waiver_is_about_one_rule() -> None:
    assert not covers(waiver(RECORD, "C402"), finding(), Layout())


@pytest.mark.parametrize("rule", sorted(NEVER))
def test_what_keeps_policy_in_the_open_is_never_waived(rule: str) -> None:
    assert not covers(waiver(RECORD, rule), finding(rule=rule), Layout())


@pytest.mark.parametrize("path", ["registry.yaml", FILE])
def test_the_files_of_policy_are_never_waived(path: str) -> None:
    assert not covers(waiver(path, "F103"), finding(path, "F103"), Layout())


def test_a_covered_finding_is_a_warning_that_names_the_waiver() -> None:
    published = catalog(**{"2026-11-21-c401-rollout": waiver_yaml("C401", "nlp/lang-id@1")})
    after = judged(finding(), published)
    assert after.severity == "warn"
    assert after.message == f"it changed (waived until 2026-12-01 by @acme/platform: {FILE})"
    assert after.remedy == "put it back"


@pytest.mark.parametrize(
    ("expires", "severity"),
    [("2026-11-20", "refuse"), ("2026-11-21", "warn"), ("2026-11-22", "warn")],
)
def test_a_waiver_holds_on_its_last_day(expires: str, severity: str) -> None:
    text = waiver_yaml("C401", "nlp/lang-id@1", expires=expires)
    after = judged(finding(), catalog(**{"2026-11-21-c401-rollout": text}))
    assert after.severity == severity
    assert ("expired on" in after.message) is (severity == "refuse")


def test_of_two_waivers_the_one_in_force_counts() -> None:
    old = waiver_yaml("C401", "nlp/lang-id@1", expires="2026-11-01")
    new = waiver_yaml("C401", RECORD, expires="2026-11-30")
    after = judged(finding(), catalog(**{"2026-10-01-c401-old": old, "2026-11-01-c401-new": new}))
    assert after.severity == "warn"
    assert "2026-11-01-c401-new" in after.message


def test_a_waiver_in_the_change_itself_does_not_count_and_the_finding_says_so() -> None:
    head = catalog(**{"2026-11-21-c401-rollout": waiver_yaml("C401", "nlp/lang-id@1")})
    after = judged(finding(), catalog(), head)
    assert after.severity == "refuse"
    assert (
        after.message
        == f"it changed ({FILE} has no effect until it is merged in a separate change)"
    )


def test_a_waiver_that_the_change_deletes_still_counts() -> None:
    published = catalog(**{"2026-11-21-c401-rollout": waiver_yaml("C401", "nlp/lang-id@1")})
    assert judged(finding(), published, catalog()).severity == "warn"


def test_a_warning_is_left_alone() -> None:
    published = catalog(**{"2026-11-21-c401-rollout": waiver_yaml("C401", "nlp/lang-id@1")})
    warned = finding()._replace(severity="warn")
    assert judged(warned, published) == warned


def test_waivers_that_cannot_be_read_are_left_out() -> None:
    found = catalog(
        broken="schema: [\n",
        odd=waiver_yaml(expires="2026-13-01"),
        never=waiver_yaml(expires="2026-02-30"),
        good=waiver_yaml(),
    )
    assert [w.path for w in list_waivers(found)] == ["waivers/good.yaml"]


def test_a_registry_with_shards_is_searched_by_its_own_layout() -> None:
    files = {
        "registry.yaml": registry_yaml(shard=2),
        "waivers/2026-11-21-c401-rollout.yaml": waiver_yaml("C401", "nlp/lang-id@1"),
    }
    path = f"models/nlp/{Layout(2).find_shard('lang-id')}/lang-id/versions/1/version.yaml"
    assert judged(finding(path), Catalog(DictTree(files))).severity == "warn"
