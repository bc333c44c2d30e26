"""The signature on the commit that made the record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.staged_registries import ADA, MODEL, Staged, key, record, signer

Make = Callable[..., Staged]
GATE = {"signed": "commit"}
RECORD = {f"{MODEL}/versions/2/version.yaml": record("2") + "# signed again\n"}


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return key(tmp_path / "keys", "ada")


@pytest.mark.parametrize("way", ["commit", "merged"])
def test_a_known_key(staged: Make, ada: Path, way: str) -> None:
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    put = registry.commit if way == "commit" else registry.merged
    commit = put(RECORD, by=ADA, key=ada)
    assert registry.says() == ("held", f"commit {commit[:12]}, by ada@example.org")


def test_no_signature(staged: Make) -> None:
    registry = staged(GATE)
    (outcome,) = registry.ask()
    assert (outcome.state, outcome.explanation) == (
        "failed",
        f"commit {registry.head[:12]} is not signed",
    )
    assert "commit.gpgSign" in outcome.remedy


def test_a_signed_merge_does_not_stand_in_for_the_commit(staged: Make, ada: Path) -> None:
    from support import git

    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    git(registry.root, "switch", "--quiet", "--create", "topic")
    inner = registry.commit(RECORD)
    git(registry.root, "switch", "--quiet", "main")
    git(registry.root, "merge", "--quiet", "--no-ff", "--no-commit", "topic")
    registry.commit(key=ada)
    assert registry.says() == ("failed", f"commit {inner[:12]} is not signed")


def test_an_unknown_key(staged: Make, ada: Path, tmp_path: Path) -> None:
    other = key(tmp_path / "keys", "other")
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    commit = registry.commit(RECORD, key=other)
    (outcome,) = registry.ask()
    assert outcome.state == "failed"
    assert outcome.explanation.startswith(
        f"commit {commit[:12]} is signed with a key that is not in allowed_signers, or not valid at that time: SHA256:"
    )


def test_no_file_of_signers(staged: Make, ada: Path) -> None:
    registry = staged(GATE)
    registry.commit(RECORD, key=ada)
    (outcome,) = registry.ask()
    assert outcome.state == "failed"
    assert "is signed with key SHA256:" in outcome.explanation
    assert "merge that first" in outcome.remedy


def test_a_change_does_not_bring_its_own_key(staged: Make, ada: Path) -> None:
    registry = staged(GATE)
    registry.commit(RECORD, key=ada)
    assert registry.says({"allowed_signers": signer(ADA, ada)})[0] == "failed"


def test_a_later_edit_is_what_counts(staged: Make, ada: Path) -> None:
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    registry.commit(RECORD, key=ada)
    commit = registry.commit({f"{MODEL}/versions/2/version.yaml": record("2")})
    assert registry.says() == ("failed", f"commit {commit[:12]} is not signed")


def test_a_record_that_is_not_published(staged: Make, ada: Path) -> None:
    registry = staged(GATE)
    assert registry.says(RECORD) == ("failed", "the record is not published yet")


def test_without_history_it_is_unknown_and_without_openssh_it_is_not(
    staged: Make, ada: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    registry.commit(RECORD, key=ada)
    assert registry.says(history=False)[0] == "unknown"
    program = shutil.which("git")
    assert program is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(program)
    question = registry.question()
    from registry_tool.promotion.evaluate import evaluate_gates

    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "bin"))
        (outcome,) = evaluate_gates(question)
    assert outcome.state == "held"
    assert "ada@example.org" in outcome.explanation


def test_a_commit_that_is_dated_back_gains_an_expired_key_nothing(staged: Make, ada: Path) -> None:
    line = signer(ADA, ada, 'valid-before="20261105"')
    registry = staged(GATE, files={"allowed_signers": line})
    registry.commit(at="2026-11-09T12:00:00Z")
    registry.commit(RECORD, by=ADA, key=ada, at="2026-11-04T12:00:00Z")
    assert registry.says()[0] == "failed"
