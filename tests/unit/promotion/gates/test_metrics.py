"""Bounds, and the comparison with the version that holds the stage now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from support.manifests import evidence_yaml
from support.staged_registries import MODEL, Staged, alias, record

from registry_tool.manifests.problems import JSON

Make = Callable[..., Staged]


def metrics(version: str = "2", **values: JSON) -> dict[str, str]:
    entries: list[JSON] = [{"key": k, "value": v} for k, v in values.items()]
    text = evidence_yaml(version, kind="metrics", record=record(version), metrics=entries)
    return {f"{MODEL}/versions/{version}/evidence/later.yaml": text}


BOUNDS: list[tuple[Mapping[str, JSON], str, str]] = [
    ({"metric": "accuracy", "min": 0.9}, "held", "accuracy 0.95 >= 0.9"),
    ({"metric": "accuracy", "min": 0.95}, "held", "accuracy 0.95 >= 0.95"),
    ({"metric": "accuracy", "min": 0.96}, "failed", "accuracy 0.95 < 0.96"),
    ({"metric": "latency_ms", "max": 104}, "held", "latency_ms 104 <= 104"),
    ({"metric": "latency_ms", "max": 103.9}, "failed", "latency_ms 104 > 103.9"),
    (
        {"metric": "accuracy", "min": 0, "max": 0.9},
        "failed",
        "accuracy 0.95 >= 0; accuracy 0.95 > 0.9",
    ),
    ({"metric": "f1", "min": 0}, "failed", "nlp/lang-id@2 has no f1"),
]


@pytest.mark.parametrize(("gate", "state", "words"), BOUNDS)
def test_bounds(staged: Make, gate: Mapping[str, JSON], state: str, words: str) -> None:
    assert staged(gate).says() == (state, words)


def test_a_missing_metric_has_a_remedy(staged: Make) -> None:
    (outcome,) = staged({"metric": "word error", "min": 0}).ask()
    assert (
        outcome.remedy
        == "registry evidence add nlp/lang-id@2 --kind metrics --metric 'word error'=VALUE --commit"
    )


@pytest.mark.parametrize("value", ["good", "NaN", "0.99", {"bytes": "AAEC"}])
def test_what_is_no_number_fails(staged: Make, value: JSON) -> None:
    state, words = staged({"metric": "f1", "min": 0}).says(metrics(f1=value))
    assert state == "failed"
    assert words.startswith("f1 is ")
    assert words.endswith(", which is not a number")


def test_a_value_measured_later_counts(staged: Make) -> None:
    registry = staged({"metric": "accuracy", "min": 0.9})
    assert registry.says(metrics(accuracy=0.5)) == ("failed", "accuracy 0.5 < 0.9")
    registry.commit(metrics(accuracy=0.99))
    assert registry.says() == ("held", "accuracy 0.99 >= 0.9")


def test_a_value_measured_on_other_bytes_does_not_count(staged: Make) -> None:
    entries: list[JSON] = [{"key": "f1", "value": 1}]
    about_1 = evidence_yaml("2", kind="metrics", record=record("1"), metrics=entries)
    found = staged({"metric": "f1", "min": 0.5}).says(
        {f"{MODEL}/versions/2/evidence/x.yaml": about_1}
    )
    assert found == ("failed", "nlp/lang-id@2 has no f1")


NOT_WORSE: Mapping[str, JSON] = {"not_worse_than": "current"}


def test_with_no_holder_there_is_nothing_to_be_worse_than(staged: Make) -> None:
    assert staged({"metric": "latency_ms", **NOT_WORSE}).says() == (
        "held", "production has no current version to compare with",
    )  # fmt: skip


COMPARED: list[tuple[Mapping[str, JSON], str, str]] = [
    ({"metric": "latency_ms", "tolerance": 0.05}, "held",
     "latency_ms 104 against 100 of version 1: 4 % worse, at most 5 % (lower is better: its name says so)"),
    ({"metric": "latency_ms", "tolerance": 0.04}, "held",
     "latency_ms 104 against 100 of version 1: 4 % worse, at most 4 % (lower is better: its name says so)"),
    ({"metric": "latency_ms", "tolerance": 0.03}, "failed",
     "latency_ms 104 against 100 of version 1: 4 % worse, at most 3 % (lower is better: its name says so)"),
    ({"metric": "latency_ms"}, "failed",
     "latency_ms 104 against 100 of version 1: 4 % worse, at most 0 % (lower is better: its name says so)"),
    ({"metric": "latency_ms", "better": "higher"}, "held",
     "latency_ms 104 against 100 of version 1: no worse (higher is better: the gate says so)"),
    ({"metric": "accuracy"}, "held",
     "accuracy 0.95 against 0.9 of version 1: no worse (higher is better: its name says so)"),
    ({"metric": "accuracy", "min": 0.96}, "failed",
     "accuracy 0.95 < 0.96; accuracy 0.95 against 0.9 of version 1: no worse (higher is better: the gate has min)"),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "state", "words"), COMPARED)
def test_against_the_current_holder(
    staged: Make, gate: Mapping[str, JSON], state: str, words: str
) -> None:
    registry = staged({**gate, **NOT_WORSE})
    registry.commit(alias("production", "1"))
    assert registry.says() == (state, words)


def test_a_share_that_floats_cannot_hold_exactly_is_not_held_against_it(staged: Make) -> None:
    gate: Mapping[str, JSON] = {"metric": "f1", "tolerance": 0.1, **NOT_WORSE}
    registry = staged(gate, files=metrics("1", f1=0.8))
    registry.commit(alias("production", "1"))
    assert (0.8 - 0.72) / 0.8 > 0.1
    assert registry.says(metrics(f1=0.72))[0] == "held"
    assert registry.says(metrics(f1=0.7199))[0] == "failed"


@pytest.mark.parametrize(("old", "new", "state"), [(0, 0, "held"), (0, 0.1, "failed"), (0, -1, "held"), (-1, -0.98, "held"), (-1, -0.8, "failed")])  # fmt: skip
def test_zero_and_negative_values(staged: Make, old: float, new: float, state: str) -> None:
    gate: Mapping[str, JSON] = {"metric": "loss", "tolerance": 0.05, **NOT_WORSE}
    registry = staged(gate, files=metrics("1", loss=old))
    registry.commit(alias("production", "1"))
    assert registry.says(metrics(loss=new))[0] == state


def test_without_a_direction_nothing_is_guessed(staged: Make) -> None:
    registry = staged({"metric": "score", **NOT_WORSE}, files=metrics("1", score=3))
    registry.commit(alias("production", "1"))
    for value in (2, 4):
        (outcome,) = registry.ask(change=metrics(score=value))
        assert outcome.state == "failed"
        assert "it is unknown whether higher is better" in outcome.explanation
        assert "better: higher" in outcome.remedy
    assert registry.says(metrics(score=3))[0] == "held"


def test_a_holder_without_the_metric_is_nothing_to_compare_with(staged: Make) -> None:
    registry = staged({"metric": "loss", **NOT_WORSE})
    registry.commit(alias("production", "1"))
    (outcome,) = registry.ask(change=metrics(loss=0.1))
    assert outcome.state == "failed"
    assert outcome.explanation == (
        "nlp/lang-id@1, the current version of production, has no loss: 0.1 cannot be compared"
    )
    assert (
        outcome.remedy
        == "registry evidence add nlp/lang-id@1 --kind metrics --metric loss=VALUE --commit"
    )


def test_the_holder_is_judged_as_it_is_published(staged: Make) -> None:
    """A change cannot lower the bar by adding a bad value to the version that holds the stage."""
    registry = staged({"metric": "accuracy", **NOT_WORSE})
    registry.commit(alias("production", "2"))
    bad = metrics("2", accuracy=0.1)
    (outcome,) = registry.ask("1", change=bad)
    assert outcome.state == "failed"
    assert "against 0.95 of version 2" in outcome.explanation


def test_a_holder_whose_record_cannot_be_read_holds_the_stage_all_the_same(staged: Make) -> None:
    registry = staged({"metric": "accuracy", **NOT_WORSE})
    registry.commit(alias("production", "1"))
    registry.commit({f"{MODEL}/versions/1/version.yaml": "schema: version/v1\n"})
    state, words = registry.says()
    assert (state, "cannot be read" in words) == ("failed", True)
