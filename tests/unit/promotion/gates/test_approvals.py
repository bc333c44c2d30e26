"""Who approved, and whether they really did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from support.manifests import evidence_yaml
from support.staged_registries import ADA, BOB, CAROL, NOW, Staged, approval, key, record, signer

from registry_tool.manifests.problems import JSON

Make = Callable[..., Staged]
ONE: dict[str, JSON] = {"approvals": 1, "not": "author"}
TWO: dict[str, JSON] = {"approvals": 2, "not": "author"}
SIGNED: dict[str, JSON] = {"approvals": 1, "by": "signers"}
BOBS = "bob@example.org"
DAVE = "D <dave@example.org>"


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: key(tmp_path / "keys", name)


def test_nobody(staged: Make) -> None:
    (outcome,) = staged(TWO).ask()
    assert (outcome.state, outcome.explanation) == ("failed", "0 of 2 approvals")
    assert (
        "registry evidence add nlp/lang-id@2 --kind approval --stage production" in outcome.remedy
    )


def test_two_people_by_their_own_commits(staged: Make) -> None:
    registry = staged(TWO)
    registry.commit(approval(BOB), by=BOB)
    assert registry.says() == ("failed", f"1 of 2 approvals: {BOBS}")
    registry.merged(approval(CAROL), by=CAROL, button=ADA)
    assert registry.says() == ("held", f"2 of 2 approvals: {BOBS}, carol@example.org")


def test_the_author_does_not_count_where_the_gate_says_so(staged: Make) -> None:
    registry = staged(ONE)
    registry.commit(approval(ADA), by=ADA)
    assert registry.says() == (
        "failed", "0 of 1 approval; does not count: ada@example.org (made the version)",
    )  # fmt: skip


def test_the_author_counts_where_the_gate_does_not_mind(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit(approval(ADA), by=ADA)
    assert registry.says()[0] == "held"


@pytest.mark.parametrize("role", ["author", "committer"])
def test_who_committed_the_record_made_it_whatever_it_says(staged: Make, role: str) -> None:
    """The record names Ada; it was Dave who committed it, or put somebody else's commit on the branch."""
    registry = staged(ONE)
    text = record("2") + "# put in order\n"
    path = "models/nlp/lang-id/versions/2/version.yaml"
    author, committer = (DAVE, BOB) if role == "author" else (BOB, DAVE)
    registry.commit({path: text}, by=author, committer=committer)
    about = evidence_yaml(
        "2", kind="approval", record=text, stage="production", decision="approve", by=DAVE
    )
    registry.commit({"models/nlp/lang-id/versions/2/evidence/x.yaml": about}, by=DAVE)
    assert registry.says() == (
        "failed", "0 of 1 approval; does not count: dave@example.org (made the version)",
    )  # fmt: skip


def test_somebody_else_cannot_approve_in_ones_name(staged: Make) -> None:
    registry = staged(ONE)
    registry.merged(approval(BOB), by=ADA, button=BOB)
    assert registry.says() == (
        "failed", f"0 of 1 approval; does not count: {BOBS} (committed by ada@example.org)",
    )  # fmt: skip


def test_a_team_is_nobody_who_commits(staged: Make) -> None:
    registry = staged(ONE)
    registry.commit(approval("@acme/speech"), by=BOB)
    assert registry.says() == (
        "failed", f"0 of 1 approval; does not count: @acme/speech (committed by {BOBS})",
    )  # fmt: skip


def test_one_person_in_two_spellings_is_one(staged: Make) -> None:
    registry = staged(TWO)
    registry.commit(approval(BOB), by=BOB)
    registry.commit(
        approval("Robert <BOB@Example.ORG>", name="again"), by="Robert <Bob@example.org>"
    )
    state, words = registry.says()
    assert state == "failed"
    assert words.startswith("1 of 2 approvals: ")


def test_an_approval_of_other_bytes_does_not_count(staged: Make) -> None:
    registry = staged(ONE)
    wrong = evidence_yaml(
        "2", kind="approval", record=record("1"), stage="production", decision="approve", by=BOB
    )
    registry.commit({"models/nlp/lang-id/versions/2/evidence/x.yaml": wrong}, by=BOB)
    assert registry.says() == (
        "failed",
        f"0 of 1 approval; does not count: {BOBS} (for another record)",
    )


def test_an_approval_for_another_stage_is_none(staged: Make) -> None:
    registry = staged(ONE)
    registry.commit(approval(BOB, stage="staging"), by=BOB)
    assert registry.says() == ("failed", "0 of 1 approval")


def test_what_the_change_itself_brings_does_not_count_yet(staged: Make) -> None:
    assert staged(ONE).says(approval(BOB)) == (
        "failed",
        f"0 of 1 approval; does not count: {BOBS} (added by this change: it counts after it is published)",
    )


def test_a_rejection_stands_against_any_number(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit(approval(BOB), by=BOB)
    registry.commit(approval(CAROL, decision="reject"), by=CAROL)
    assert registry.says() == ("failed", "rejected by carol@example.org")


def test_a_rejection_counts_as_soon_as_it_is_seen(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit(approval(BOB), by=BOB)
    assert registry.says(approval(CAROL, decision="reject"))[0] == "failed"


def test_a_rejection_stands_whoever_wrote_it_and_for_whom(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit(approval(BOB), by=BOB)
    registry.commit(approval("@acme/speech", decision="reject"), by=CAROL)
    assert registry.says()[0] == "failed"


def test_who_rejected_may_change_their_mind_later(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit(approval(BOB, decision="reject", at="2026-11-12T00:00:00.000Z"), by=BOB)
    registry.commit(approval(BOB, at="2026-11-11T00:00:00.000Z"), by=BOB)
    assert registry.says() == ("held", f"1 of 1 approval: {BOBS}")


def test_the_order_is_the_graphs_and_not_that_of_the_times_in_the_files(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit(approval(BOB, at="2026-11-12T00:00:00.000Z"), by=BOB)
    registry.commit(approval(BOB, decision="reject", at="2026-11-11T00:00:00.000Z"), by=BOB)
    assert registry.says() == ("failed", f"rejected by {BOBS}")


def test_in_one_step_the_rejection_stands(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit({**approval(BOB), **approval(BOB, decision="reject")}, by=BOB)
    assert registry.says()[0] == "failed"


def test_nobody_lifts_the_rejection_of_another(staged: Make) -> None:
    registry = staged({"approvals": 1})
    registry.commit(approval(BOB, decision="reject"), by=BOB)
    registry.commit(approval(CAROL), by=CAROL)
    registry.commit(approval(BOB), by=CAROL)  # in Bob's name
    assert registry.says() == ("failed", f"rejected by {BOBS}")


def test_the_author_may_take_back_a_rejection_of_their_own(staged: Make) -> None:
    registry = staged(ONE)
    registry.commit(approval(ADA, decision="reject"), by=ADA)
    registry.commit(approval(BOB), by=BOB)
    assert registry.says()[0] == "failed"
    registry.commit(approval(ADA), by=ADA)
    state, words = registry.says()
    assert state == "held"
    assert words.startswith(f"1 of 1 approval: {BOBS}; does not count: ada@example.org")


def test_a_rejection_of_other_bytes_is_none(staged: Make) -> None:
    registry = staged({"approvals": 1})
    wrong = evidence_yaml(
        "2", kind="approval", record=record("1"), stage="production", decision="reject", by=CAROL
    )
    registry.commit({"models/nlp/lang-id/versions/2/evidence/x.yaml": wrong}, by=CAROL)
    registry.commit(approval(BOB), by=BOB)
    assert registry.says()[0] == "held"


def test_without_history_the_files_alone_hold_nothing(staged: Make) -> None:
    registry = staged(ONE)
    registry.commit(approval(BOB), by=BOB)
    assert registry.says(history=False) == (
        "unknown",
        f"1 of 1 approval: {BOBS}, according to the files; without history their authors cannot be verified",
    )
    for at, state in {
        "2026-11-20": "unknown",
        "2026-11-22": "failed",
    }.items():  # before and after it
        rejected = approval(BOB, decision="reject", at=f"{at}T00:00:00.000Z")
        assert registry.says(rejected, history=False)[0] == state


# --- signed approvals


def test_a_signature_says_who_it_was(staged: Make, keys: Callable[[str], Path]) -> None:
    """The commit names a robot as its author; Bob signed it."""
    bob = keys("bob")
    registry = staged(ONE, files={"allowed_signers": signer(BOB, bob)})
    registry.merged(approval(BOB), by="Robot <robot@example.org>", key=bob)
    assert registry.says() == ("held", f"1 of 1 approval: {BOBS}")


def test_a_signature_of_another_person_counts_for_nobody(
    staged: Make, keys: Callable[[str], Path]
) -> None:
    carol = keys("carol")
    registry = staged(ONE, files={"allowed_signers": signer(CAROL, carol)})
    registry.commit(approval(BOB), by=BOB, key=carol)
    assert registry.says() == (
        "failed", f"0 of 1 approval; does not count: {BOBS} (signed by carol@example.org)",
    )  # fmt: skip


def test_only_signers_may_be_asked_for(staged: Make, keys: Callable[[str], Path]) -> None:
    bob, mallory = keys("bob"), keys("mallory")
    registry = staged(SIGNED, files={"allowed_signers": signer(BOB, bob)})
    plain = registry.commit(approval(BOB, name="plain"), by=BOB)
    state, words = registry.says()
    assert (state, f"(commit {plain[:12]} is not signed)" in words) == ("failed", True)
    registry.commit(approval(BOB, name="forged"), by=BOB, key=mallory)
    state, words = registry.says()
    assert (
        state,
        "signed with a key that is not in allowed_signers, or not valid at that time: SHA256:"
        in words,
    ) == (
        "failed",
        True,
    )
    registry.commit(approval(BOB, name="signed"), by=BOB, key=bob)
    state, words = registry.says()
    assert state == "held"
    assert words.startswith(f"1 of 1 approval: {BOBS}; does not count: ")


def test_an_unknown_key_says_nothing_and_the_author_is_asked(
    staged: Make, keys: Callable[[str], Path]
) -> None:
    registry = staged(ONE)
    registry.commit(approval(BOB), by=BOB, key=keys("bob"))
    assert registry.says()[0] == "held"


def test_a_key_that_the_change_itself_brings_is_unknown(
    staged: Make, keys: Callable[[str], Path]
) -> None:
    bob = keys("bob")
    registry = staged(SIGNED)
    registry.commit(approval(BOB), by=BOB, key=bob)
    assert registry.says({"allowed_signers": signer(BOB, bob)})[0] == "failed"
    registry.commit({"allowed_signers": signer(BOB, bob)})
    assert registry.says()[0] == "held"


def test_a_pattern_of_signers_is_nobody_in_particular(
    staged: Make, keys: Callable[[str], Path]
) -> None:
    bob = keys("bob")
    registry = staged(SIGNED, files={"allowed_signers": signer("*@example.org", bob)})
    registry.commit(approval(BOB), by=BOB, key=bob)
    state, words = registry.says()
    assert (state, "does not identify a person" in words) == ("failed", True)


def test_who_signed_the_record_made_it(staged: Make, keys: Callable[[str], Path]) -> None:
    dave = keys("dave")
    registry = staged(ONE, files={"allowed_signers": signer(DAVE, dave)})
    path = "models/nlp/lang-id/versions/2/version.yaml"
    registry.commit({path: record("2") + "# \n"}, by=BOB, key=dave)
    text = record("2") + "# \n"
    about = evidence_yaml(
        "2", kind="approval", record=text, stage="production", decision="approve", by=DAVE
    )
    registry.commit({"models/nlp/lang-id/versions/2/evidence/x.yaml": about}, by=DAVE, key=dave)
    assert registry.says() == (
        "failed", "0 of 1 approval; does not count: dave@example.org (made the version)",
    )  # fmt: skip


EXPIRED = 'valid-before="20261105"'


@pytest.mark.parametrize("way", ["commit", "merged"])
def test_a_commit_that_is_dated_back_gains_an_expired_key_nothing(
    staged: Make, keys: Callable[[str], Path], way: str
) -> None:
    bob = keys("bob")
    registry = staged(SIGNED, files={"allowed_signers": signer(BOB, bob, EXPIRED)})
    registry.commit(at="2026-11-09T12:00:00Z")
    put = registry.commit if way == "commit" else registry.merged
    put(approval(BOB), by=BOB, key=bob, at="2026-11-04T12:00:00Z")
    state, words = registry.says()
    assert (state, "or not valid at that time" in words) == ("failed", True)


def test_what_was_approved_in_time_stays_approved(
    staged: Make, keys: Callable[[str], Path]
) -> None:
    bob = keys("bob")
    registry = staged(SIGNED, files={"allowed_signers": signer(BOB, bob, EXPIRED)})
    registry.commit(approval(BOB), by=BOB, key=bob, at="2026-11-04T12:00:00Z")
    registry.commit(at="2026-11-20T12:00:00Z")
    assert registry.says()[0] == "held"
    assert registry.ask(now=NOW + dt.timedelta(days=4000))[-1].state == "held"


def test_dates_in_the_future_are_left_out(staged: Make, keys: Callable[[str], Path]) -> None:
    bob = keys("bob")
    registry = staged(SIGNED, files={"allowed_signers": signer(BOB, bob, EXPIRED)})
    registry.commit(at="2099-01-01T12:00:00Z")
    registry.commit(approval(BOB), by=BOB, key=bob, at="2026-11-04T12:00:00Z")
    assert registry.says()[0] == "held"


def test_a_line_that_excludes_somebody_is_not_their_signature(
    staged: Make, keys: Callable[[str], Path]
) -> None:
    bob = keys("bob")
    line = signer("!bob@example.org,*@example.org", bob)
    registry = staged(SIGNED, files={"allowed_signers": line})
    registry.commit(approval(BOB), by=BOB, key=bob)
    state, words = registry.says()
    assert (state, "signed as *@example.org, which does not identify a person" in words) == (
        "failed",
        True,
    )
