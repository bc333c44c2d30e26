"""C406 against real history: a stage moves only when its gates pass, goes back with a pin, and no other way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support import git
from support.manifests import namespace_yaml, registry_yaml, status_yaml
from support.staged_registries import (
    ADA,
    ALIASES,
    BOB,
    CAROL,
    MODEL,
    NOW,
    Staged,
    alias,
    approval,
    evaluation,
    key,
    record,
    signer,
)

from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree, OverlayTree
from registry_tool.manifests.problems import JSON

PATH = f"{ALIASES}/production.yaml"
FROM: dict[str, JSON] = {"from": "staging"}


def staged(
    tmp_path: Path,
    *require: Mapping[str, JSON],
    files: Mapping[str, str] | None = None,
    before: str = "",
    soak: str = "",
) -> Staged:
    stage: dict[str, JSON] = {"from": before, "soak": soak}
    gates: list[JSON] = [dict(gate) for gate in require]
    known = {name: value for name, value in stage.items() if value}
    return Staged(tmp_path / "registry", {**known, "require": gates}, files)


def judged(
    registry: Staged,
    change: Mapping[str, str],
    *,
    deletes: Sequence[str] = (),
    place: Path | None = None,
) -> list[Finding]:
    """What C406 finds in a change to what is published, in a clone of it where one is named."""
    repository = Repository.open(place or registry.root)
    published = repository.tree(registry.head)
    head = OverlayTree(published, DictTree(change), deletes=frozenset(deletes))
    line = FirstParentHistory(repository.git, registry.head)
    report = check(head, base=published, published=published, line=line, now=NOW)
    return [finding for finding in report.findings if finding.rule == "C406"]


@pytest.fixture
def moved(tmp_path: Path) -> Staged:
    """Version 1 went through staging to production; 2 is in staging."""
    registry = staged(tmp_path, before="staging")
    registry.commit(alias("staging", "1"), at="2026-11-10T12:00:00Z")
    registry.commit(alias("production", "1"), at="2026-11-11T12:00:00Z")
    registry.commit(alias("staging", "2"), at="2026-11-12T12:00:00Z")
    return registry


def test_a_move_whose_gates_hold(moved: Staged) -> None:
    assert judged(moved, alias("production", "2")) == []


def test_a_hand_edited_move_whose_gates_do_not_hold(moved: Staged) -> None:
    moved.commit(alias("staging", "1"))
    (found,) = judged(moved, alias("production", "2"))
    assert (found.severity, found.path, found.line) == ("refuse", PATH, 3)
    assert (
        found.message
        == "version 2 cannot be promoted to nlp/lang-id@production: staging is version 1"
    )
    assert found.expected == "from: staging"
    assert "registry promote nlp/lang-id@2 --to production --dry-run" in found.remedy


def test_every_gate_that_fails_is_said(tmp_path: Path) -> None:
    registry = staged(
        tmp_path, {"metric": "accuracy", "min": 0.99}, {"approvals": 2},
        {"evidence": "evaluation", "suite": "holdout", "verdict": "pass"}, {"artifacts": "available"},
        before="staging", soak="2d",
    )  # fmt: skip
    found = judged(registry, alias("production", "2"))
    assert sorted(finding.expected for finding in found) == [
        "approvals: 2",
        "evidence: evaluation, suite: holdout, verdict: pass",
        "from: staging",
        "metric: accuracy, min: 0.99",
        "soak: 2d",
    ]  # and not the remote, which nobody asked


def test_a_first_holder_is_asked_too(tmp_path: Path) -> None:
    registry = staged(tmp_path, before="staging")
    assert len(judged(registry, alias("production", "1"))) == 1


def test_both_stages_in_one_change_do_not_help_each_other(tmp_path: Path) -> None:
    registry = staged(tmp_path, before="staging")
    assert len(judged(registry, alias("staging", "2") | alias("production", "2"))) == 1


def test_a_whole_promotion_with_every_gate(tmp_path: Path) -> None:
    ada = key(tmp_path / "keys", "ada")
    registry = staged(
        tmp_path, {"metric": "accuracy", "min": 0.9},
        {"metric": "latency_ms", "not_worse_than": "current", "tolerance": 0.05},
        {"evidence": "evaluation", "suite": "holdout", "verdict": "pass"},
        {"approvals": 2, "not": "author"}, {"artifacts": "available"}, {"signed": "commit"},
        files={"allowed_signers": signer(ADA, ada), **alias("production", "1")}, before="staging", soak="2d",
    )  # fmt: skip
    registry.merged({f"{MODEL}/versions/2/version.yaml": record("2")} | {"NOTES.md": "x\n"}, by=ADA)
    # Signed at last, with the same bytes: removed and added again before it was ever published.
    path = f"{MODEL}/versions/2/version.yaml"
    registry.commit(deletes=[path])
    registry.merged({path: record("2")}, by=ADA, key=ada)
    registry.merged(alias("staging", "2"), by=ADA, at="2026-11-15T12:00:00Z")
    registry.merged(evaluation("pass"), by=ADA)
    registry.merged(approval(BOB), by=BOB)
    move = alias("production", "2")
    (found,) = judged(registry, move)
    assert found.message.endswith("1 of 2 approvals: bob@example.org")
    registry.merged(approval(CAROL), by=CAROL, button=ADA)
    assert judged(registry, move) == []


def test_what_is_no_stage_moves_freely(moved: Staged) -> None:
    assert judged(moved, alias("champion", "2")) == []
    assert judged(moved, alias("staging", "1")) == []  # a stage without gates


def test_words_beside_the_version_are_no_move(moved: Staged) -> None:
    assert judged(moved, alias("production", "1", reason="Still good.")) == []
    assert judged(moved, alias("production", "1", pinned=True)) == []


# --- policy comes from what is published


def test_a_change_cannot_loosen_the_gates_it_is_judged_by(moved: Staged) -> None:
    moved.commit(alias("staging", "1"))
    loose = {"registry.yaml": registry_yaml(stages={"staging": {}, "production": {}})}
    assert len(judged(moved, alias("production", "2") | loose)) == 1
    assert len(judged(moved, alias("production", "2"), deletes=["registry.yaml"])) == 1


def test_a_namespace_tightens_and_cannot_loosen_for_itself(moved: Staged) -> None:
    tight: dict[str, JSON] = {**FROM, "require": [{"metric": "accuracy", "min": 0.99}]}
    file = "models/nlp/namespace.yaml"
    moved.commit({file: namespace_yaml(stages={"production": tight})})
    (found,) = judged(moved, alias("production", "2"))
    assert found.message.endswith("accuracy 0.95 < 0.99")
    assert len(judged(moved, alias("production", "2") | {file: namespace_yaml()})) == 1


# --- back


def promoted(registry: Staged) -> None:
    registry.commit(alias("production", "2"), at="2026-11-13T12:00:00Z")


def test_a_rollback_needs_no_gate_but_a_pin(moved: Staged) -> None:
    promoted(moved)
    assert judged(moved, alias("production", "1", pinned=True, reason="Slow.")) == []


def test_a_reverted_promotion_is_asked_for_gates_and_told_of_rollback(moved: Staged) -> None:
    promoted(moved)
    before = moved.head
    git(moved.root, "revert", "--no-edit", "HEAD")
    after = moved.catalog().tree
    repository = Repository.open(moved.root)
    report = check(
        after,
        base=repository.tree(before),
        line=FirstParentHistory(repository.git, before),
        now=NOW,
    )
    (found,) = [f for f in report.findings if f.rule == "C406"]
    assert found.message == (
        "version 1 cannot be promoted to nlp/lang-id@production: staging is version 2; it was in production before: to go back"
        " to it, roll back, which pins the alias"
    )
    assert found.remedy == "registry rollback nlp/lang-id production --to 1 --reason TEXT"


def test_a_way_back_whose_gates_hold_is_a_promotion_like_any_other(moved: Staged) -> None:
    promoted(moved)
    moved.commit(alias("staging", "1"))
    assert judged(moved, alias("production", "1")) == []


def test_a_pin_does_not_open_the_way_for_a_version_that_never_held_the_stage(moved: Staged) -> None:
    moved.commit(alias("staging", "1"))
    (found,) = judged(moved, alias("production", "2", pinned=True))
    assert (
        found.message
        == "version 2 cannot be promoted to nlp/lang-id@production: staging is version 1"
    )


def test_what_was_rolled_back_does_not_come_back_by_a_pin(moved: Staged) -> None:
    promoted(moved)
    moved.commit(alias("production", "1", pinned=True))
    moved.commit(alias("staging", "1"))
    found = judged(moved, alias("production", "2", pinned=True))
    assert {f.expected for f in found} == {
        "no pin, or an earlier version of the stage",
        "from: staging",
    }


def test_nobody_goes_back_to_a_version_out_of_service(moved: Staged) -> None:
    promoted(moved)
    moved.commit({f"{MODEL}/versions/1/status.yaml": status_yaml("withdrawn")})
    assert len(judged(moved, alias("production", "1", pinned=True))) == 1


def test_a_pin_is_taken_off_by_the_change_that_moves_on(moved: Staged) -> None:
    promoted(moved)
    moved.commit(alias("production", "1", pinned=True))
    (found,) = judged(moved, alias("production", "2", pinned=True))
    assert found.message == (
        "nlp/lang-id@production is pinned to version 1, but moves to 2 and keeps the pin"
    )
    assert found.remedy == "registry promote nlp/lang-id@2 --to production"
    assert judged(moved, alias("production", "2")) == []


def test_the_pin_of_a_stage_without_gates_holds_too(moved: Staged) -> None:
    moved.commit(alias("staging", "1", pinned=True))  # back from 2
    assert len(judged(moved, alias("staging", "2", pinned=True))) == 1
    assert judged(moved, alias("staging", "2")) == []


def test_a_stage_may_be_pinned_on_its_way_forward(moved: Staged) -> None:
    assert judged(moved, alias("production", "2", pinned=True)) == []


# --- removal


def test_a_guarded_stage_is_not_removed(moved: Staged) -> None:
    (found,) = judged(moved, {}, deletes=[PATH])
    assert found.message == (
        "nlp/lang-id@production has gates and must not be removed while version 1 is active: the next version would be"
        " compared with nothing"
    )
    assert found.remedy.endswith(
        "; or withdraw the version in the same change: registry withdraw nlp/lang-id@1 --reason TEXT --remove-aliases"
    )


def test_it_goes_with_its_version(moved: Staged) -> None:
    status = {f"{MODEL}/versions/1/status.yaml": status_yaml("withdrawn")}
    assert judged(moved, status, deletes=[PATH]) == []
    deprecated = {f"{MODEL}/versions/1/status.yaml": status_yaml("deprecated")}
    assert len(judged(moved, deprecated, deletes=[PATH])) == 1


def test_a_stage_without_gates_is_removed_freely(moved: Staged) -> None:
    assert judged(moved, {}, deletes=[f"{ALIASES}/staging.yaml"]) == []


# --- what cannot be told


def test_a_version_without_a_record_is_refused_by_this_rule_too(moved: Staged) -> None:
    (found,) = judged(moved, alias("production", "9"))
    assert "version 9 has no record" in found.message
    broken = {f"{MODEL}/versions/2/version.yaml": "schema: version/v1\n"}
    assert len(judged(moved, alias("production", "2") | broken)) == 1


def test_an_alias_that_cannot_be_read_is_for_the_rules_of_its_form(moved: Staged) -> None:
    assert judged(moved, {PATH: "schema: alias/v1\n"}) == []


@pytest.mark.parametrize(
    "change", [alias("production", "2"), alias("production", "1", pinned=True)]
)
def test_a_shallow_clone_refuses_and_says_why(tmp_path: Path, change: Mapping[str, str]) -> None:
    registry = staged(tmp_path, {"approvals": 1}, files=alias("production", "1"))
    registry.commit(approval(BOB), by=BOB)
    if "pinned" in next(iter(change.values())):
        registry.commit(alias("production", "2"))
    registry.commit({"NOTES.md": "x\n"})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{registry.root}", "shallow")
    assert judged(registry, change) == []
    (found,) = judged(registry, change, place=tmp_path / "shallow")
    assert "git fetch --unshallow" in found.remedy
