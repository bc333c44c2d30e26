"""Evidence of a kind, about this very record; the newest of a suite decides."""

from __future__ import annotations

from collections.abc import Callable

from support.manifests import evidence_yaml
from support.staged_registries import BOB, MODEL, Staged, evaluation, record

from registry_tool.manifests.problems import JSON

Make = Callable[..., Staged]
HOLDOUT: dict[str, JSON] = {"evidence": "evaluation", "suite": "holdout", "verdict": "pass"}


def test_none(staged: Make) -> None:
    (outcome,) = staged(HOLDOUT).ask()
    assert (outcome.state, outcome.explanation) == (
        "failed",
        "nlp/lang-id@2 has no evaluation of holdout",
    )
    assert (
        outcome.remedy
        == "registry evidence add nlp/lang-id@2 --kind evaluation --suite holdout --verdict pass --metric KEY=VALUE --commit"
    )


def test_one_that_passed(staged: Make) -> None:
    registry = staged(HOLDOUT)
    registry.commit(evaluation("pass"))
    assert registry.says() == ("held", "pass in holdout-pass.yaml")


def test_one_that_the_change_brings_counts(staged: Make) -> None:
    assert staged(HOLDOUT).says(evaluation("pass"))[0] == "held"


def test_one_that_failed(staged: Make) -> None:
    registry = staged(HOLDOUT)
    registry.commit(evaluation("fail"))
    assert registry.says() == ("failed", "the newest result of holdout is fail: holdout-fail.yaml")


def test_another_suite_is_another_question(staged: Make) -> None:
    registry = staged(HOLDOUT)
    registry.commit(evaluation("pass", suite="smoke"))
    assert registry.says() == ("failed", "nlp/lang-id@2 has no evaluation of holdout")


def test_what_is_about_other_bytes_does_not_count_and_is_told(staged: Make) -> None:
    said: dict[str, JSON] = {
        "suite": "holdout",
        "verdict": "pass",
        "metrics": [{"key": "f1", "value": 1}],
    }
    wrong = evidence_yaml("2", kind="evaluation", record=record("1"), **said)
    found = staged(HOLDOUT).says({f"{MODEL}/versions/2/evidence/copied.yaml": wrong})
    assert found == (
        "failed",
        "nlp/lang-id@2 has no evaluation of holdout; copied.yaml is for another record",
    )


def test_the_newest_decides_by_the_graph_and_not_by_its_own_time(staged: Make) -> None:
    registry = staged(HOLDOUT)
    registry.commit(evaluation("pass", at="2026-11-20T00:00:00.000Z"))
    registry.merged(evaluation("fail", at="2026-11-01T00:00:00.000Z"), by=BOB)
    assert registry.says()[0] == "failed"
    registry.commit(evaluation("pass", name="again", at="2026-10-01T00:00:00.000Z"))
    assert registry.says()[0] == "held"
    assert (
        registry.says(evaluation("fail", name="now"))[0] == "failed"
    )  # the change itself is newer than all


def test_of_two_that_came_together_the_failure_stands(staged: Make) -> None:
    registry = staged(HOLDOUT)
    registry.commit(evaluation("pass") | evaluation("fail"))
    assert registry.says()[0] == "failed"


def test_without_history_their_own_time_decides(staged: Make) -> None:
    registry = staged(HOLDOUT)
    older = evaluation("fail", at="2026-11-01T00:00:00.000Z")
    newer = evaluation("pass", at="2026-11-02T00:00:00.000Z")
    assert registry.says(older | newer, history=False)[0] == "held"
    assert (
        registry.says(older | evaluation("pass", at="2026-11-01T00:00:00.000Z"), history=False)[0]
        == "failed"
    )


def test_without_a_verdict_being_there_is_enough(staged: Make) -> None:
    registry = staged({"evidence": "evaluation", "suite": "holdout"})
    assert registry.says(evaluation("fail")) == ("held", "1, such as holdout-fail.yaml")


def test_without_a_suite_every_suite_is_asked(staged: Make) -> None:
    registry = staged({"evidence": "evaluation", "verdict": "pass"})
    both = evaluation("pass", suite="a") | evaluation("fail", suite="b")
    assert registry.says(both) == ("failed", "the newest result of b is fail: b-fail.yaml")
    assert registry.says(evaluation("pass", suite="a"))[0] == "held"


def test_scans_are_told_apart_by_their_tool(staged: Make) -> None:
    registry = staged({"evidence": "scan", "verdict": "pass"})

    def scan(tool: str, verdict: str) -> dict[str, str]:
        text = evidence_yaml("2", kind="scan", record=record("2"), tool=tool, verdict=verdict)
        return {f"{MODEL}/versions/2/evidence/{tool}-{verdict}.yaml": text}

    assert registry.says()[1] == "nlp/lang-id@2 has no scan"
    assert registry.says(scan("viruses", "pass"))[0] == "held"
    assert registry.says(scan("viruses", "pass") | scan("pickles", "fail"))[0] == "failed"


def test_a_note_is_evidence_too_and_other_kinds_are_none(staged: Make) -> None:
    registry = staged({"evidence": "note"})
    assert registry.says(evaluation("pass"))[0] == "failed"
    note = evidence_yaml("2", record=record("2"))
    assert registry.says({f"{MODEL}/versions/2/evidence/note.yaml": note}) == (
        "held",
        "1, such as note.yaml",
    )


def test_a_file_that_cannot_be_read_is_no_evidence(staged: Make) -> None:
    registry = staged({"evidence": "note"})
    assert (
        registry.says({f"{MODEL}/versions/2/evidence/note.yaml": "schema: evidence/v1\n"})[0]
        == "failed"
    )
