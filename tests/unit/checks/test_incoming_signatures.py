"""Signatures that a change brings: with which keys they come in, and what merges without a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from support import git
from support.manifests import evidence_yaml, registry_yaml, stored_artifact, version_files
from support.staged_registries import (
    ADA,
    BOB,
    MODEL,
    NOW,
    Staged,
    approval,
    evaluation,
    key,
    record,
    signer,
)

from registry_tool.checks.engine import check
from registry_tool.checks.findings import Finding, Report
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree, OverlayTree

Keys = Callable[[str], Path]
POLICY = {"registry.yaml": registry_yaml(automerge=["evidence"])}
EXPIRED = 'valid-before="20261105"'


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return lambda name: key(tmp_path / "keys", name)


def registry(tmp_path: Path, signers: str) -> Staged:
    made = Staged(tmp_path / "registry", {})
    made.commit({"allowed_signers": signers, **POLICY}, at="2026-11-09T12:00:00Z")
    return made


def judged(
    made: Staged, published: str, *, now: dt.datetime = NOW, on_disk: bool = False
) -> Report:
    """The report on what is checked out, as a change to what was published."""
    repository = Repository.open(made.root)
    base = repository.tree(published)
    head = repository.work() if on_disk else repository.tree(made.head)
    return check(head, base=base, line=FirstParentHistory(repository.git, published), now=now)


def entered(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == "C420"]


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("way", ["commit", "merged"])
def test_an_expired_key_does_not_come_in_whatever_its_commit_is_dated(
    tmp_path: Path, keys: Keys, way: str, *, on_disk: bool
) -> None:
    bob = keys("bob")
    made = registry(tmp_path, signer(BOB, bob, EXPIRED))
    published = made.head
    put = made.commit if way == "commit" else made.merged
    commit = put(approval(BOB), by=BOB, key=bob, at="2026-11-04T12:00:00Z")
    report = judged(made, published, on_disk=on_disk)
    (found,) = entered(report)
    assert (report.verdict, report.automerge) == ("refuse", False)
    assert found.message == (
        f"commit {commit[:12]} is signed with a key of bob@example.org that is not valid now"
    )
    assert entered(judged(made, published, now=dt.datetime(2026, 11, 4, 13, tzinfo=dt.UTC))) == []


@pytest.mark.parametrize("date", ["2037-01-01T00:00:00Z", "2001-01-01T00:00:00Z"])
def test_an_expired_key_does_not_come_in_dated_when_it_is_not_valid_either(
    tmp_path: Path, keys: Keys, date: str
) -> None:
    """In a registry that was quiet since the key ended, the time of such a step would be that of the commit before it."""
    bob = keys("bob")
    made = Staged(tmp_path / "registry", {})
    times = 'valid-after="20260101",valid-before="20261105"'
    signers = signer(BOB, bob, times) + signer(ADA, keys("ada"), "")
    made.commit({"allowed_signers": signers, **POLICY}, at="2026-11-03T12:00:00Z")
    published = made.head
    made.commit(approval(BOB), by=BOB, key=bob, at=date)
    assert [f.message.partition("signed with ")[2] for f in entered(judged(made, published))] == [
        "a key of bob@example.org that is not valid now"
    ]
    git(made.root, "reset", "-q", "--hard", published)
    made.commit(approval(BOB), by=BOB, key=keys("mallory"), at=date)
    assert entered(judged(made, published)) == []


def test_the_same_goes_for_the_commit_of_a_record(tmp_path: Path, keys: Keys) -> None:
    ada = keys("ada")
    made = registry(tmp_path, signer(ADA, ada, EXPIRED))
    published = made.head
    text = record("2").replace('version: "2"', 'version: "3"')
    place = {f"{MODEL}/versions/3/version.yaml": text}
    made.commit(place, by=ADA, key=ada, at="2026-11-04T12:00:00Z")
    assert len(entered(judged(made, published))) == 1


def test_what_is_published_is_not_judged_again(tmp_path: Path, keys: Keys) -> None:
    bob = keys("bob")
    made = registry(tmp_path, signer(BOB, bob, EXPIRED))
    made.commit(approval(BOB), by=BOB, key=bob, at="2026-11-04T12:00:00Z")
    published = made.head
    made.commit(evaluation("pass"))
    assert entered(judged(made, published)) == []


def test_an_approval_merges_unseen_only_with_the_signature_of_an_allowed_signer(
    tmp_path: Path, keys: Keys
) -> None:
    bob, mallory = keys("bob"), keys("mallory")
    made = registry(tmp_path, signer(BOB, bob))
    published = made.head

    def merges(who: str, place: Path | None, by: str = BOB, decision: str = "approve") -> bool:
        made.commit(approval(by, decision=decision), by=who, key=place)
        report = judged(made, published)
        git(made.root, "reset", "-q", "--hard", published)
        assert report.verdict == "pass"
        return report.automerge

    assert merges(BOB, bob)
    assert not merges(BOB, None)
    assert not merges(BOB, mallory)
    assert not merges(BOB, bob, by=ADA)
    assert not merges(BOB, bob, by="Anybody at all")
    assert not merges(ADA, None, decision="reject")


def test_an_approval_that_is_not_committed_does_not_merge_unseen(
    tmp_path: Path, keys: Keys
) -> None:
    made = registry(tmp_path, signer(BOB, keys("bob")))
    base = Repository.open(made.root).tree(made.head)
    for files, unseen in ((approval(BOB), False), (evaluation("pass"), True)):
        report = check(OverlayTree(base, DictTree(files)), base=base, line=made.line, now=NOW)
        assert (report.kind, report.verdict, report.automerge) == ("evidence", "pass", unseen)


def test_a_signed_approval_beside_an_unsigned_one_waits_too(tmp_path: Path, keys: Keys) -> None:
    bob = keys("bob")
    made = registry(tmp_path, signer(BOB, bob))
    published = made.head
    made.commit(approval(BOB), by=BOB, key=bob)
    made.commit(approval(ADA), by=ADA)
    assert not judged(made, published).automerge


def test_an_unsigned_approval_does_not_come_along_unseen(tmp_path: Path, keys: Keys) -> None:
    made = registry(tmp_path, signer(BOB, keys("bob")))
    made.commit({"registry.yaml": registry_yaml(automerge=["version"])})
    published = made.head
    new = version_files("3", artifacts=[stored_artifact(b"third")])
    made.commit(new)
    assert judged(made, published).automerge
    text = new[f"{MODEL}/versions/3/version.yaml"]
    brought = evidence_yaml(
        "3", kind="approval", record=text, stage="production", decision="approve", by=BOB
    )
    made.commit({f"{MODEL}/versions/3/evidence/approve.yaml": brought}, by=BOB)
    report = judged(made, published)
    assert (report.kind, report.verdict, report.automerge) == ("version", "pass", False)
