"""The kinds of change, determined from the paths that a pull request touches.

Each file is one action; each kind defines which actions it may combine, and what they must be about. A change that fits
no kind is ``mixed``, and a person reviews it. Policy refers to kinds too: ``automerge`` in ``registry.yaml`` lists them.
``deletion``, ``other``, ``policy``, ``waiver`` and ``mixed`` never merge automatically.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from registry_tool.checks.policy_paths import is_policy
from registry_tool.checks.rule import Located
from registry_tool.manifests.layout import KEYS, MODELS, WAIVERS
from registry_tool.names import ModelName

__all__ = ["ALONE", "PARTS", "ChangeKind", "classify_change", "classify_file"]

ChangeKind = Literal[
    "model", "version", "version and alias", "draft", "seal", "seal and alias", "alias", "tag", "status", "evidence", "edit",
    "object", "deletion", "other", "policy", "waiver", "mixed",
]  # fmt: skip

# What ``automerge`` must list for a kind that has no word of its own there.
PARTS: Final[Mapping[ChangeKind, tuple[ChangeKind, ...]]] = {
    "version and alias": ("version", "alias"),
    "draft": ("version",),
    "seal": ("version",),
    "seal and alias": ("version", "alias"),
    "object": ("edit",),
}
# A model.yaml whose `schema:` line names a later version of the schema, and that says the same otherwise.
UPGRADE: Final = "schema upgrade"
# What was uploaded for a published version, and goes with it: its entry in model.yaml, and its pointer.
ERASURE: Final = "upload removed"
_PROSE: Final = (".md", ".rst", ".txt")
_PROSE_FILES: Final = frozenset({"LICENSE", "NOTICE", "AUTHORS"})

# By what a path is about: the act when the file is new, when it is edited, and when it goes.
_ACTS: Final = {
    "registry": ("policy", "policy", "policy"),
    "namespace": ("new namespace", "policy", "frozen"),
    "model": ("new model", "model edit", "frozen"),
    "version": ("new version", "frozen", "frozen"),
    "dvc": ("pointer", "frozen", "pointer removed"),
    "tag": ("tag", "frozen", "tag removed"),
    "alias": ("alias", "alias", "alias removed"),
    "status": ("status", "status", "status"),
    "evidence": ("evidence", "frozen", "frozen"),
    "metadata": ("edit", "edit", "edit"),
    "title": ("title", "title", "title"),
    "wire": ("edit", "edit", "edit"),
    "object": ("object", "object", "object"),
    "deletion": ("deletion", "deletion", "deletion"),
    "serve": ("policy", "policy", "policy"),
    "card": ("edit", "edit", "edit"),
    "waiver": ("waiver", "waiver", "waiver"),
    "recipients": ("policy", "policy", "policy"),
    "key": ("key", "policy", "frozen"),
}
# Acts that a pull request can be made for; the others come along, or another rule refuses them.
ALONE: Final = frozenset(
    {
        "new namespace", "new model", "new version", "alias", "alias removed", "tag", "status", "evidence", "edit", "title", "model edit",
        "document", "other file", "policy", "waiver", "object", "deletion", ERASURE, "draft",
    }
)  # fmt: skip


class _Kind(NamedTuple):
    """One kind: what makes a change one, and what may come along."""

    name: ChangeKind
    leading: frozenset[str]
    along: frozenset[str]


def _kind(name: ChangeKind, *leading: str, along: Sequence[str] = ()) -> _Kind:
    return _Kind(name, frozenset(leading), frozenset((*leading, *along)))


_WITH_VERSION: Final = ("pointer", "key", "tag", "evidence", "edit", "title", "status")
# In order: the first that has a leading act and nothing that may not come along.
_KINDS: Final = (
    _kind("waiver", "waiver"),
    _kind("policy", "policy", along=("new namespace", "document", "other file")),
    _kind(
        "model", "new model", "new namespace",
        along=("new version", "draft", "alias", "model edit", UPGRADE, *_WITH_VERSION),
    ),
    _kind("version", "new version", along=(UPGRADE, *_WITH_VERSION)),
    _kind("version and alias", "new version", along=("alias", UPGRADE, *_WITH_VERSION)),
    _kind("draft", "draft"),
    _kind("seal", "seal", along=("sealed draft", UPGRADE, *_WITH_VERSION)),
    _kind("seal and alias", "seal", along=("sealed draft", "alias", UPGRADE, *_WITH_VERSION)),
    _kind("deletion", "deletion", along=("status", "model edit", "alias removed", "title")),
    _kind("status", "status", along=("pointer removed", "tag removed", "alias removed", ERASURE)),
    _kind("alias", "alias", "alias removed", along=("title",)),
    _kind("tag", "tag", along=("title",)),
    _kind("evidence", "evidence", along=(UPGRADE,)),
    _kind("edit", "edit", "title", "model edit", "document", UPGRADE, ERASURE),
    _kind("object", "object"),
    _kind("other", "other file", along=("document",)),
)  # fmt: skip


def _outside(path: str) -> str:
    """What a file outside the layout is an act of."""
    name = path.rpartition("/")[2]
    inside = path.startswith((f"{MODELS}/", f"{WAIVERS}/", f"{KEYS}/")) or path in {
        MODELS, WAIVERS, KEYS,
    }  # fmt: skip
    if inside:
        return "unknown"
    if is_policy(path):
        return "policy"
    return "document" if name.endswith(_PROSE) or name in _PROSE_FILES else "other file"


# Files that have another meaning outside versions: an artifact of the model, and the key of a group.
_OF_ALL: Final = {"dvc": "model edit", "key": "policy"}


def classify_file(change: Located) -> str:
    """What one changed file is an act of, in words such as ``new version`` or ``alias``."""
    place = change.place
    if place is None:
        # A stray file that goes is a file less that nobody reads.
        outside = _outside(change.path)
        return "edit" if outside == "unknown" and change.removed else outside
    if place.is_draft:
        return "draft"
    if change.erases:
        return ERASURE
    if place.kind in _OF_ALL and place.version is None:
        return _OF_ALL[place.kind]
    if change.upgrades:
        return UPGRADE
    added, edited, removed = _ACTS[place.kind]
    return added if change.added else removed if change.removed else edited


# What a file is about: a model, and a version where it lies in one.
_Subject = tuple[ModelName | None, str | None]


def _subject(change: Located) -> _Subject:
    return (None, None) if change.place is None else (change.place.model, change.place.version)


def _comes_with(change: Located, subjects: frozenset[_Subject]) -> bool:
    """True for a file of one of these models or versions, and for one that lies beside such a version."""
    model, version = _subject(change)
    if (model, version) in subjects or (model, None) in subjects:
        return True
    return version is None and model in {other for other, _ in subjects}


_ABOUT_ONE: Final = frozenset(
    {"model", "version", "version and alias", "seal", "seal and alias", "status", "deletion"}
)
_SEALING: Final = {"new version": "seal", "draft": "sealed draft"}


def _holds_together(kind: _Kind, acts: Mapping[Located, str]) -> bool:
    """True when what comes along is about what the change is made for."""
    if kind.name not in _ABOUT_ONE:
        return True
    leading = frozenset(_subject(c) for c, act in acts.items() if act in kind.leading)
    return all(_comes_with(change, leading) for change in acts)


def _acts(changes: Sequence[Located]) -> dict[Located, str]:
    """What each file is an act of; a draft whose files move to ``versions/`` is sealed, and a draft comes with its title."""
    acts = {change: classify_file(change) for change in changes}
    drafts = [c for c, act in acts.items() if act == "draft"]
    titled = {_subject(change) for change in drafts}
    sealed = {_subject(change) for change in drafts if change.removed}
    sealed &= {_subject(c) for c, act in acts.items() if act == "new version"}
    titled -= sealed
    for change, act in acts.items() if drafts else ():
        place = change.place
        if _subject(change) in sealed and act in _SEALING:
            acts[change] = _SEALING[act]
        elif place is not None and place.kind == "title" and (place.model, place.name) in titled:
            acts[change] = "draft"
    return acts


def classify_change(changes: Iterable[Located]) -> ChangeKind | None:
    """The kind of a change; None where nothing differs."""
    found = _acts(tuple(changes))
    acts = frozenset(found.values())
    if not acts:
        return None
    for kind in _KINDS:
        if kind.leading & acts and acts <= kind.along and _holds_together(kind, found):
            return kind.name
    return "mixed"
