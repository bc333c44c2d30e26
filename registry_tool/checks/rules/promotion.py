"""The rule that evaluates the gates again: editing a stage's file does not bypass them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.catalog.catalog import USABLE, VersionView
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    Located,
    Rule,
    Violation,
    format_name,
    put_back,
)
from registry_tool.errors import InvalidManifestError, ShallowHistoryError
from registry_tool.manifests.data import text
from registry_tool.manifests.document import Document
from registry_tool.names import ModelName
from registry_tool.promotion.stages import Stage, list_stages

if TYPE_CHECKING:
    from registry_tool.promotion.context import GateResult

__all__ = ["RULES"]

_REMOTE = "artifacts"


class _Move(NamedTuple):
    """A stage that a change creates, moves or removes.

    Attributes:
        path: The alias's file.
        model: Its model.
        stage: The stage, as what is published defines it.
        before: The file as it is published, and as the change has it; None where there is none.
        after: As above.
    """

    path: str
    model: ModelName
    stage: Stage
    before: Document | None
    after: Document | None

    @property
    def old(self) -> str:
        """The published version of the stage; empty for none."""
        return "" if self.before is None else text(self.before.data, "version")

    @property
    def new(self) -> str:
        """The version that the change sets; empty for none."""
        return "" if self.after is None else text(self.after.data, "version")

    @property
    def named(self) -> str:
        """The alias, for messages."""
        return format_name(f"{self.model}@{self.stage.name}")


def _is_pinned(document: Document | None) -> bool:
    return document is not None and (document.data or {}).get("pinned") is True


def _find_move(view: ChangeView, change: Located) -> _Move | None:
    """The move that one changed file makes; None where the version does not change, or it is not a stage."""
    place = change.place
    if place is None or place.kind != "alias" or place.model is None:
        return None
    stage = list_stages(view.base, place.model.namespace).get(place.name)
    if stage is None:
        return None
    before = None if change.added else view.base.document(change.path, place)
    after = None if change.removed else view.head.document(change.path, place)
    move = _Move(change.path, place.model, stage, before, after)
    if after is not None and after.data is None:
        return None  # it does not pass its schema: F103
    return None if move.old == move.new else move


def _version(view: ChangeView, move: _Move, version: str) -> VersionView | None:
    model = view.head.model(move.model)
    return None if model is None else model.version(version)


def _state(version: VersionView | None) -> str:
    """The state of a version in the change; empty where it cannot be read."""
    try:
        return "" if version is None else version.state
    except InvalidManifestError:
        return ""


def _check_removal(view: ChangeView, move: _Move) -> Iterator[Violation]:
    """A guarded stage may be removed only if its version is taken out of service in the same change."""
    state = _state(_version(view, move, move.old))
    if not move.stage.is_guarded or state not in USABLE:
        return
    yield Violation(
        f"{move.named} has gates and must not be removed while version {move.old} is {state}: the next version would be"
        " compared with nothing",
        path=move.path,
        found="no file",
        expected="the alias, or its version withdrawn in the same change",
        remedy=f"{put_back(view, move.path)}; or withdraw the version in the same change:"
        f" registry withdraw {move.model}@{move.old} --reason TEXT --remove-aliases",
    )


def _goes_back(view: ChangeView, move: _Move) -> bool | None:
    """True when the version was in the stage before and was not rolled back; None where the history does not reach."""
    from registry_tool.promotion.holders import earlier, moves  # most changes move no stage

    if view.line is None:
        return None
    try:
        return move.new in earlier(moves(view.line, move.path))
    except ShallowHistoryError:
        return None


def _check_pin(move: _Move, *, back: bool | None) -> Iterator[Violation]:
    """Report a move with a pin that is not a rollback."""
    if back is None and (move.stage.is_guarded or _is_pinned(move.before)):
        yield Violation(
            f"{move.named} moves to version {move.new} and is pinned: without the full history it is unknown whether"
            " that is a rollback",
            path=move.path,
            at=("pinned",),
            found="pinned: true",
            expected="history that shows the previous versions of the stage",
            remedy="in a shallow clone: git fetch --unshallow; elsewhere: run the check in the Git repository",
        )
    elif _is_pinned(move.before):
        yield Violation(
            f"{move.named} is pinned to version {move.old}, but moves to {move.new} and keeps the pin",
            path=move.path,
            at=("pinned",),
            found="pinned: true",
            expected="no pin, or an earlier version of the stage",
            remedy=f"registry promote {move.model}@{move.new} --to {move.stage.name}",
        )


def _remedy(move: _Move, outcome: GateResult, *, back: bool) -> str:
    if back:
        return f"registry rollback {move.model} {move.stage.name} --to {move.new} --reason TEXT"
    explained = f"registry promote {move.model}@{move.new} --to {move.stage.name} --dry-run"
    return f"{outcome.remedy}; to explain every gate: {explained}" if outcome.remedy else explained


def _gates(view: ChangeView, move: _Move) -> Iterator[Violation]:
    """The gates that fail. ``registry check --remote`` checks whether the content is in the remote."""
    from registry_tool.promotion.context import GateInput
    from registry_tool.promotion.evaluate import evaluate_gates

    version = _version(view, move, move.new)
    if not move.stage.is_guarded:
        return
    if version is None or version.document is None or version.document.data is None:
        yield Violation(
            f"{move.named} has gates, but version {move.new} has no record to evaluate them for",
            path=move.path,
            at=("version",),
            expected="a version with a record",
        )
        return
    found = evaluate_gates(GateInput(view.base, version, move.stage, view.line, view.now))
    wrong = [
        o
        for o in found
        if o.state == "failed" or (o.state == "unknown" and not o.gate.startswith(_REMOTE))
    ]
    back = bool(wrong) and _goes_back(view, move) is True  # as after `git revert`
    told = (
        f"; it was in {move.stage.name} before: to go back to it, roll back, which pins the alias"
        if back
        else ""
    )
    for outcome in wrong:
        doubt = "" if outcome.state == "failed" else "the gate cannot be evaluated here: "
        yield Violation(
            f"version {move.new} cannot be promoted to {move.named}: {doubt}{outcome.explanation}{told}",
            path=move.path,
            at=("version",),
            expected=outcome.gate,
            remedy=_remedy(move, outcome, back=back),
        )


def gates_hold(view: ChangeView) -> Iterator[Violation]:
    """A stage must only move to a version that passes its gates, or back to an earlier version of the stage, with a pin.

    The published gates apply, and every check evaluates them again, so editing a stage's file does not bypass them. Going
    back needs no gates if the version was in the stage before, is active or deprecated, was not rolled back itself, and the
    change pins the alias (``pinned: true``), so that automatic promotion leaves it alone. Reverting the commit of a
    promotion does not pin, so the gates apply as to any move. The next promotion removes the pin. A stage with gates is not
    removed, except together with its version.

    How to fix: ``registry promote NAMESPACE/MODEL@VERSION --to STAGE --dry-run`` explains every gate; ``registry rollback``
    goes back.

    Example:
        ``aliases/production.yaml`` edited from version 3 to 4, whose accuracy is below the stage's ``min``.
    """
    for change in view.changes:
        move = _find_move(view, change)
        if move is None:
            continue
        if not move.new:
            yield from _check_removal(view, move)
            continue
        if _is_pinned(move.after):
            usable = _state(_version(view, move, move.new)) in USABLE
            back = usable and _goes_back(view, move)
            if back:
                continue
            yield from _check_pin(move, back=back)
            if back is None:
                continue
        yield from _gates(view, move)


RULES: tuple[Rule, ...] = (
    ChangeRule("C406", "a stage moves only when its gates pass", "refuse", gates_hold),
)
