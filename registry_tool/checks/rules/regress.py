"""The rule about steps back: what was signed or evaluated is followed by what is, too."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.catalog.index import ModelView, VersionView
from registry_tool.catalog.resolve import in_order
from registry_tool.checks.rule import ChangeRule, ChangeView, Hit, Located, Rule
from registry_tool.checks.rules.publication import version_of
from registry_tool.checks.rules.wording import named
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.layout import Place
from registry_tool.promotion.commands import adding

__all__ = ["RULES"]

# What tells apart evidence of one kind.
_SERIES = {"evaluation": "suite", "scan": "tool"}
# The versions of models in order, by folder: a change may add a thousand to one.
_Orders = dict[str, list[str]]


def _grounds(version: VersionView) -> dict[tuple[str, str], str]:
    """What speaks for a version, in words: signatures, and the suites and tools that it passed."""
    found: dict[tuple[str, str], str] = {}
    for document in version.evidence():
        data: Data = document.data or {}
        kind = text(data, "kind")
        if kind == "signature":
            found[kind, ""] = "a signature"
        elif kind in _SERIES and text(data, "verdict") == "pass":
            name = text(data, _SERIES[kind])
            found[kind, name] = f"a passing {kind} by {name}"
    return found


def _followed(model: ModelView, order: list[str], version: str) -> VersionView | None:
    """The version that a new one follows, by the order of its scheme."""
    place = order.index(version)
    return model.version(order[place - 1]) if place else None


def _lost(before: VersionView, after: VersionView, *kinds: str) -> list[tuple[str, str]]:
    """What speaks for one version and is missing from another: kind of evidence, and words."""
    had, has = _grounds(before), _grounds(after)
    return [(key[0], words) for key, words in had.items() if key[0] in kinds and key not in has]


def _unsigned(view: ChangeView, change: Located, place: Place, orders: _Orders) -> Iterator[Hit]:
    after = version_of(view.head, place)
    if after is None:
        return
    folder = after.model.folder
    if folder not in orders:
        orders[folder] = in_order(after.model)
    followed = _followed(after.model, orders[folder], after.version)
    if followed is None or not _lost(followed, after, "signature"):
        return
    yield Hit(
        f"{named(str(after))} has no signature, and {named(followed.version)}, which it follows, has one",
        path=change.path,
        place=(1, 1),
        found="no evidence of kind signature",
        expected="a signature in the same change",
        remedy=f"registry sign {named(str(after))}",
    )


def _with_less(view: ChangeView, change: Located, place: Place) -> Iterator[Hit]:
    old, new = view.base.document(change.path, place), view.head.document(change.path, place)
    model = None if place.model is None else view.head.model(place.model)
    if old is None or new is None or model is None:
        return
    before, after = (model.version(text(d.data, "version")) for d in (old, new))
    if before is None or after is None or before.version == after.version:
        return
    for kind, words in _lost(before, after, "evaluation", "scan", "signature"):
        yield Hit(
            f"alias {named(place.name)} moves from {named(before.version)} to {named(str(after))}, "
            f"which lacks {words}",
            path=change.path,
            at=("version",),
            found=named(after.version),
            expected=f"evidence of kind {kind}, as {named(before.version)} has it",
            remedy=adding(named(str(after)), kind),
        )


def no_steps_back(view: ChangeView) -> Iterator[Hit]:
    """A version that follows a signed one should be signed, and an alias should not move to a version with less evidence.

    A signature that is missing for the first time may be an oversight, or somebody else's version. A suite that the
    present ``production`` passed and the next one was not asked may be the one it would fail. A person decides.

    Mend it: add the evidence with ``registry evidence add`` or ``registry sign``, in this change or in one before it.

    Example:
        Versions 1 to 4 have ``evidence/signature.yaml``, and version 5 comes without.
    """
    orders: _Orders = {}
    for change in view.changes:
        place = change.place
        if place is None:
            continue
        if place.kind == "version" and change.added:
            yield from _unsigned(view, change, place, orders)
        elif place.kind == "alias" and change.edited:
            yield from _with_less(view, change, place)


RULES: tuple[Rule, ...] = (
    ChangeRule("C408", "signatures and evidence do not go back", "review", no_steps_back),
)
