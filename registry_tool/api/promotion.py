"""Promotion: evaluate the gates of a stage, move a stage, roll it back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from registry_tool.api.changes.session import ChangeSession, destination_for
from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import resolve
from registry_tool.checks.comparison import read_published
from registry_tool.edits.promotion import promote as promote_edit
from registry_tool.edits.promotion import rollback as rollback_edit
from registry_tool.edits.sealing import apply_seal
from registry_tool.errors import NotFoundError, OperationalError, RefusedError, UsageError
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.refs import find_target
from registry_tool.manifests.data import text
from registry_tool.names import ModelName, Reference
from registry_tool.promotion.branch import Branch, branch_for
from registry_tool.promotion.context import GateInput, GateResult, Published
from registry_tool.promotion.evaluate import Candidate, evaluate_candidate
from registry_tool.promotion.evaluate import evaluate_gates as evaluate_all
from registry_tool.promotion.gates.artifacts import presence
from registry_tool.promotion.stages import Stage

if TYPE_CHECKING:
    from registry_tool.api.changes.artifact_store import ArtifactStore
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.catalog.catalog import VersionView
    from registry_tool.git.repository import Repository

__all__ = [
    "GateResult",
    "GateResults",
    "Promotion",
    "evaluate_gates",
    "evaluate_published",
    "promote",
    "rollback",
]


@dataclass(frozen=True)
class GateResults:
    """What the gates of a stage say about a version.

    Attributes:
        model: The model, ``namespace/model``.
        version: The version.
        stage: The stage.
        holder: The version that the stage points to now; None for none.
        pinned: True while automatic promotions leave the stage alone, after a rollback.
        pin_reason: Why it is pinned.
        gates: The result of each gate, in order.
    """

    model: str
    version: str
    stage: str
    holder: str | None
    pinned: bool
    pin_reason: str
    gates: tuple[GateResult, ...]

    @classmethod
    def of(cls, candidate: Candidate) -> GateResults:
        """The results for a candidate."""
        return cls(
            str(candidate.version.model.name), candidate.version.version, candidate.stage.name,
            candidate.holder or None, candidate.pinned,
            text(candidate.alias, "reason") if candidate.pinned else "", candidate.results,
        )  # fmt: skip

    @property
    def passed(self) -> bool:
        """True when every gate passes."""
        return all(gate.state == "held" for gate in self.gates)

    def unchanged(self, *, automatic: bool, elsewhere: str = "") -> str:
        """Why a promotion has nothing to do; empty where it has.

        Args:
            automatic: Leave a pinned stage where it is.
            elsewhere: A branch that already has this promotion.
        """
        named = f"{self.model}@{self.stage}"
        if self.holder == self.version:
            return f"{named} is already {self.holder}"
        if automatic and self.pinned:
            reason = f": {self.pin_reason}" if self.pin_reason else ""
            return f"{named} is pinned to {self.holder}{reason}; an automatic promotion does not move it"
        if elsewhere:
            already = f"{named} is already {self.version} on branch {elsewhere}"
            return f"{already}: merge it, or delete it to start again"
        return ""

    def error(self) -> RefusedError | OperationalError | None:
        """Why the promotion is not possible; None when every gate passes."""
        states = [gate.state for gate in self.gates]
        name = f"{self.model}@{self.version} cannot be promoted to {self.stage}"
        total = f"of {len(states)} gate{'' if len(states) == 1 else 's'}"
        if "failed" in states:
            return RefusedError(f"{name}: {states.count('failed')} {total} failed")
        if "unknown" in states:
            count = states.count("unknown")
            return OperationalError(f"{name}: {count} {total} could not be evaluated here")
        return None


@dataclass(frozen=True)
class Promotion:
    """The result of a promotion.

    Attributes:
        results: What the gates say.
        publication: The change; None where nothing was written.
        unchanged: Why there was nothing to do; empty otherwise.
        branch: The branch that the commit was made on.
    """

    results: GateResults
    publication: Publication | None
    unchanged: str = ""
    branch: str | None = None


def _base_commit(registry: Snapshot, branch: str | None) -> str:
    """The commit that a promotion is made on: the one checked out, or the tip of the branch that was named."""
    git = registry.repository.git
    commit = git.head() if branch is None else find_target(git, branch).parent
    if commit is None:
        raise NotFoundError(
            "the registry has no commit yet",
            remedy="commit the registry first: git add --all && git commit -m TEXT",
        )
    return commit


def _evaluate(
    repository: Repository, store: ArtifactStore, commit: str, asked: Reference, stage: str
) -> Candidate:
    present = presence(lambda md5s: store.remote.exists(md5s, legacy=True))
    head = apply_seal(Catalog(repository.tree(commit)), asked)
    now = dt.datetime.now(dt.UTC)
    published = read_published(repository, commit)
    return evaluate_candidate(head, published, asked, stage, now=now, present=present)


def evaluate_gates(
    registry: Snapshot, reference: str, stage: str, *, branch: str | None = None
) -> GateResults:
    """Evaluate every gate of a stage for a version; nothing is changed.

    Args:
        registry: The registry.
        reference: The version.
        stage: The stage.
        branch: Evaluate the tip of this branch; the commit checked out by default.

    Raises:
        NotFoundError: No such model, version or stage exists, or the registry has no commit.
        RefusedError: The version is withdrawn or erased.
    """
    commit = _base_commit(registry, branch)
    store = registry.open_store(Catalog(registry.repository.tree(commit)))
    asked = Reference.for_change(reference)
    return GateResults.of(_evaluate(registry.repository, store, commit, asked, stage))


def evaluate_published(
    version: VersionView, stage: Stage, published: Published, *, now: dt.datetime
) -> GateResults:
    """What the gates of a stage say about a published version, without querying the remote.

    Args:
        version: The version.
        stage: The stage.
        published: The published state: current versions, keys and history come from there.
        now: The time that waits are measured to, in UTC.

    Raises:
        InvalidManifestError: The version's record cannot be read.
        GitError: Git cannot read the history.
    """
    results = evaluate_all(GateInput(published.base, version, stage, published.line, now))
    document = version.model.alias(stage.name)
    alias = {} if document is None or document.data is None else document.data
    return GateResults.of(Candidate(version, stage, alias, results))


def promote(
    registry: Snapshot,
    reference: str,
    stage: str,
    *,
    reason: str = "",
    automatic: bool = False,
    **options: Unpack[WriteOptions],
) -> Promotion:
    """Move a stage to a version, if every gate passes.

    The commit is made on the branch ``promote/MODEL-VERSION-STAGE``, for a pull request, unless ``commit`` or ``branch``
    name another place.

    Args:
        registry: The registry.
        reference: The version.
        stage: The stage.
        reason: Why; it is written to the alias.
        automatic: Leave a pinned stage where it is.
        options: How it is written.

    Returns:
        The gate results and the publication. Where a gate did not pass, nothing is written: see ``results.error()``.

    Raises:
        NotFoundError: No such model, version or stage exists, or the registry has no commit.
        RefusedError: The version is withdrawn or erased.
    """
    asked = Reference.for_change(reference)
    named = options.get("branch")
    base = _base_commit(registry, named)
    branch = Branch(named or "")
    if named is None and not options.get("commit", False):
        version = resolve(
            Catalog(registry.repository.tree(base)), asked, allow_withdrawn=True, allow_draft=True
        ).version
        branch = branch_for(registry.repository, version, stage)
    options["branch"] = branch.name or None
    session = ChangeSession(registry, **options)
    results = GateResults.of(_evaluate(registry.repository, session.store, base, asked, stage))
    why = results.unchanged(automatic=automatic, elsewhere=branch.has_it)
    if why or not results.passed:
        return Promotion(results, None, why, branch.name or None)
    exact = Reference(ModelName.parse(results.model), results.version)
    done = session.publish(promote_edit(exact, stage, reason=reason))
    return Promotion(results, done, branch=branch.name or None)


def rollback(
    registry: Snapshot,
    model: str,
    stage: str,
    *,
    reason: str,
    to: str = "",
    **options: Unpack[WriteOptions],
) -> Publication:
    """Move a stage back to its last good version, and pin it. No gates are evaluated.

    Args:
        registry: The registry.
        model: The model.
        stage: The stage, or another alias.
        reason: Why; readers see it.
        to: A version that the stage pointed to before; the last good one by default.
        options: How it is written.

    Raises:
        NotFoundError: No such model or alias exists.
        RefusedError: No earlier version can be used.
        ShallowHistoryError: The clone does not have enough history.
    """
    if not reason.strip():
        raise UsageError("the reason is empty", remedy="give a reason: readers see it")
    name, destination = ModelName.parse(model), destination_for(registry, options)

    def history() -> FirstParentHistory | None:
        """The history that ends where the change is made."""
        git = registry.repository.git
        tip = git.head()
        if destination.commits:
            tip = find_target(git, destination.branch).parent
        return None if tip is None else FirstParentHistory(git, tip)

    edit = rollback_edit(name, stage, reason=reason, to=to, history=history)
    return ChangeSession(registry, **options).publish(edit)
