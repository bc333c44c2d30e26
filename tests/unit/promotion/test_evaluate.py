"""All gates of a stage together, whose stage it is, and the bytes on the remote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git
from support.manifests import namespace_yaml, status_yaml, tracked_artifact, version_yaml
from support.staged_registries import BOB, MODEL, NOW, Staged, alias, approval, evaluation

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.comparison import read_published
from registry_tool.errors import (
    InvalidManifestError,
    InvalidNameError,
    NotFoundError,
    RefusedError,
    RemoteError,
)
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference
from registry_tool.promotion.branch import branch_for
from registry_tool.promotion.context import GateInput, Published
from registry_tool.promotion.evaluate import Candidate, evaluate_candidate, evaluate_gates
from registry_tool.promotion.gates.artifacts import list_objects, presence
from registry_tool.promotion.stages import Stage

Make = Callable[..., Staged]
NAME = ModelName("nlp", "lang-id")
ALL: list[dict[str, JSON]] = [
    {"metric": "accuracy", "min": 0.9},
    {"evidence": "evaluation", "suite": "holdout", "verdict": "pass"},
    {"approvals": 1, "not": "author"},
    {"artifacts": "available"},
    {"signed": "commit"},
]


def test_gates_are_told_in_their_order_and_in_the_words_of_the_registry(staged: Make) -> None:
    found = staged(*ALL, **{"from": "staging", "soak": "2d"}).ask()
    assert [outcome.gate for outcome in found] == [
        "from: staging",
        "soak: 2d",
        "metric: accuracy, min: 0.9",
        "evidence: evaluation, suite: holdout, verdict: pass",
        "approvals: 1, not: author",
        "artifacts: available",
        "signed: commit",
    ]
    assert [outcome.state for outcome in found] == [
        "failed", "failed", "held", "failed", "failed", "unknown", "failed",
    ]  # fmt: skip


def test_a_stage_without_gates_asks_nothing(staged: Make) -> None:
    assert staged().ask() == ()


def test_a_gate_of_a_later_release_is_unknown(staged: Make) -> None:
    asked = staged().question()
    stage = Stage("production", "", "", ({"moon": "full"},))
    (outcome,) = evaluate_gates(GateInput(asked.base, asked.version, stage, asked.line, NOW))
    assert (outcome.gate, outcome.state) == ("moon: full", "unknown")


def test_a_shallow_clone_says_so_for_each_gate_that_needs_history(
    staged: Make, tmp_path: Path
) -> None:
    registry = staged(*ALL)
    registry.commit(evaluation("pass") | approval(BOB), by=BOB)
    registry.commit(alias("staging", "2"))
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{registry.root}", "shallow")
    repository = Repository.open(tmp_path / "shallow")
    published = read_published(repository, repository.git.head())
    found = evaluate_candidate(
        published.base, published, Reference.parse("nlp/lang-id@2"), "production", now=NOW
    )
    assert [outcome.state for outcome in found.results] == [
        "held",
        "held",
        "unknown",
        "unknown",
        "unknown",
    ]
    shallow = [o for o in found.results if o.remedy == "git fetch --unshallow"]
    assert [outcome.gate for outcome in shallow] == ["approvals: 1, not: author", "signed: commit"]


# --- the remote


def test_the_remote_is_asked_through_the_caller(staged: Make) -> None:
    registry = staged({"artifacts": "available"})
    view = registry.question().version
    ((md5, name),) = list_objects(view).items()
    assert name == "model"
    (there,) = registry.ask(present=presence(set))
    assert (there.state, there.explanation) == ("held", "the object exists")
    (gone,) = registry.ask(present=presence(lambda _: set()))
    assert (gone.state, gone.explanation) == ("failed", f"1 of 1 missing: model (md5 {md5})")


def test_an_unreachable_remote_leaves_the_gate_open(staged: Make) -> None:
    def down(md5s: object) -> set[str]:
        raise RemoteError("it is down", remedy="wait")

    (outcome,) = staged({"artifacts": "available"}).ask(present=presence(down))
    assert (outcome.state, outcome.remedy) == ("unknown", "wait")
    assert outcome.explanation == "the remote cannot be queried: it is down"


def test_files_of_folders_are_objects_too_and_what_lies_elsewhere_is_none() -> None:
    digests: dict[str, JSON] = {"size": 1, "sha256": "8f" * 32}
    files: JSON = [{"path": f"{n}.bin", "md5": n * 32, **digests} for n in "bc"]
    folder: JSON = {
        "name": "weights", "role": "model", "path": "w", "md5": f"{'a' * 32}.dir", "nfiles": 2,
        "files": files, "size": 2, "sha256": "8f" * 32,
    }  # fmt: skip
    text = version_yaml("2", artifacts=[folder, tracked_artifact()])
    model = Catalog(DictTree({f"{MODEL}/versions/2/version.yaml": text})).model(NAME)
    view = None if model is None else model.version("2")
    assert view is not None
    assert list_objects(view) == dict.fromkeys([f"{'a' * 32}.dir", "b" * 32, "c" * 32], "weights")


# --- candidates


def candidate(
    registry: Staged, reference: str = "nlp/lang-id@2", stage: str = "production"
) -> Candidate:
    published = read_published(Repository.open(registry.root), registry.head)
    return evaluate_candidate(
        registry.catalog(), published, Reference.parse(reference), stage, now=NOW
    )


def test_a_candidate_knows_who_holds_the_stage(staged: Make) -> None:
    registry = staged()
    assert candidate(registry).holder == ""
    registry.commit(alias("production", "1", pinned=True))
    found = candidate(registry)
    assert (found.holder, found.pinned, str(found.version)) == ("1", True, "nlp/lang-id@2")


def test_a_namespace_tightens(staged: Make) -> None:
    stages: JSON = {"production": {"require": [{"metric": "accuracy", "min": 0.99}]}}
    registry = staged({"metric": "accuracy", "min": 0.9})
    assert [o.state for o in candidate(registry).results] == ["held"]
    registry.commit({"models/nlp/namespace.yaml": namespace_yaml(stages=stages)})
    assert [o.state for o in candidate(registry).results] == ["failed"]


@pytest.mark.parametrize(
    ("reference", "stage", "error", "words"),
    [
        ("nlp/lang-id@2", "champion", NotFoundError, "champion is not a stage of nlp/lang-id"),
        ("nlp/lang-id@9", "production", NotFoundError, "no version, tag or alias 9"),
        ("nlp/other@1", "production", NotFoundError, "does not exist"),
        ("nlp/lang-id@2", "latest", InvalidNameError, "reserved"),
        ("nlp/lang-id@2", "Pro duction", InvalidNameError, "is not a stage name"),
    ],
)
def test_what_cannot_be_asked(
    staged: Make, reference: str, stage: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        candidate(staged(), reference, stage)


def test_a_version_out_of_service_holds_nothing(staged: Make) -> None:
    registry = staged()
    registry.commit({f"{MODEL}/versions/2/status.yaml": status_yaml("withdrawn")})
    with pytest.raises(RefusedError, match="is withdrawn and cannot be promoted"):
        candidate(registry)


def test_a_record_that_cannot_be_read_is_said(staged: Make) -> None:
    registry = staged({"metric": "accuracy", "min": 0})
    registry.commit({f"{MODEL}/versions/2/version.yaml": "schema: version/v1\n"})
    with pytest.raises(InvalidManifestError):
        candidate(registry)


# --- what is published


def test_what_is_published_is_where_the_work_left_the_main_branch(staged: Make) -> None:
    registry = staged()
    main = registry.head
    git(registry.root, "switch", "--quiet", "--create", "topic")
    registry.commit(alias("staging", "2"))
    published = read_published(Repository.open(registry.root), registry.head)
    assert published.line is not None
    assert published.line.tip == main
    assert published.base.tree.entry(f"{MODEL}/aliases/staging.yaml") is None


def test_before_the_first_commit_nothing_is_published(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    published = read_published(Repository.open(tmp_path), None)
    assert isinstance(published, Published)
    assert published.line is None
    assert published.base.tree.folder("") == {}


# --- the branch


def test_branches_are_named_after_what_they_do(staged: Make) -> None:
    registry = staged()
    repository, version = Repository.open(registry.root), registry.question().version
    assert branch_for(repository, version, "production") == ("promote/nlp/lang-id-2-production", "")
    version.version = "1..2"
    name = branch_for(repository, version, "a.lock").name
    assert name == "promote/nlp/lang-id-1-2-a-"
    git(registry.root, "branch", name)


def test_a_branch_that_has_it_is_told_and_a_stale_one_is_passed_over(staged: Make) -> None:
    registry = staged()
    repository, version = Repository.open(registry.root), registry.question().version
    first = branch_for(repository, version, "production").name
    git(registry.root, "switch", "--quiet", "--create", first)
    registry.commit(alias("production", "2"))
    git(registry.root, "switch", "--quiet", "main")
    assert branch_for(repository, version, "production") == (first, first)
    git(registry.root, "merge", "--quiet", first)  # merged: it is from another time
    assert branch_for(repository, version, "production") == (f"{first}-2", "")


def test_a_branch_on_origin_has_it_too(staged: Make, tmp_path: Path) -> None:
    registry = staged()
    name = "promote/nlp/lang-id-2-production"
    git(registry.root, "switch", "--quiet", "--create", name)
    registry.commit(alias("production", "2"))
    git(registry.root, "switch", "--quiet", "main")
    git(tmp_path, "clone", "--quiet", str(registry.root), "clone")
    repository = Repository.open(tmp_path / "clone")
    assert branch_for(repository, registry.question().version, "production") == (
        name,
        f"origin/{name}",
    )


def test_a_branch_of_that_name_with_something_else_is_left_alone(staged: Make) -> None:
    registry = staged()
    name = "promote/nlp/lang-id-2-production"
    git(registry.root, "switch", "--quiet", "--create", name)
    commit(registry.root, "Something else")
    git(registry.root, "switch", "--quiet", "main")
    repository = Repository.open(registry.root)
    assert branch_for(repository, registry.question().version, "production") == (f"{name}-2", "")
