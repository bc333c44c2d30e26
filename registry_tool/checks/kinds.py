"""The kinds of change: what a pull request is, told from the paths it touches.

Each path is one act; each kind says which acts may stand together in it. What fits no kind is ``mixed``, and a person
looks at it. A kind is also what policy speaks of: ``automerge`` in ``registry.yaml`` lists kinds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from registry_tool.checks.rule import Located
from registry_tool.manifests.layout import MODELS, REGISTRY

__all__ = ["POLICY", "ChangeKind", "act_of", "kind_of"]

ChangeKind = Literal[
    "model", "version", "alias", "tag", "status", "evidence", "edit", "policy", "waiver", "mixed"
]

# Files that decide how changes are judged, or what runs when they are.
POLICY: Final = (
    REGISTRY, "schemas/", ".dvc/", ".github/", ".gitlab/", ".gitlab-ci.yml", "CODEOWNERS", "allowed_signers",
    ".gitattributes", ".gitignore", ".pre-commit-config.yaml",
)  # fmt: skip
_ADDED: Final = {"model": "new model", "version": "new version", "namespace": "new namespace"}
_ACTS: Final = {
    "alias": "alias", "tag": "tag", "status": "status", "evidence": "evidence", "waiver": "waiver",
    "metadata": "edit", "card": "edit",
}  # fmt: skip
# In order: the first kind whose acts are all there is, and whose leading act is among them.
_KINDS: Final[tuple[tuple[ChangeKind, str, frozenset[str]], ...]] = (
    ("waiver", "waiver", frozenset({"waiver"})),
    ("policy", "policy", frozenset({"policy", "other"})),
    (
        "model",
        "new model",
        frozenset(
            {"new model", "new namespace", "new version", "version file", "tag", "alias", "edit", "evidence"}
        ),
    ),
    (
        "version",
        "new version",
        frozenset({"new version", "version file", "tag", "edit", "evidence"}),
    ),
    ("status", "status", frozenset({"status", "version file", "tag"})),
    ("alias", "alias", frozenset({"alias"})),
    ("tag", "tag", frozenset({"tag"})),
    ("evidence", "evidence", frozenset({"evidence"})),
    ("edit", "edit", frozenset({"edit", "model edit", "other"})),
    ("edit", "model edit", frozenset({"edit", "model edit", "other"})),
    ("edit", "other", frozenset({"other"})),
)  # fmt: skip


def act_of(change: Located) -> str:
    """What one changed file is an act of, in words such as ``new version`` or ``alias``."""
    place = change.place
    if change.path.startswith(POLICY):
        return "policy"
    if place is None:
        return "unknown" if change.path.startswith(f"{MODELS}/") else "other"
    if place.kind in _ADDED:
        if change.added:
            return _ADDED[place.kind]
        return {"model": "model edit", "namespace": "policy"}.get(place.kind, "version file")
    if place.kind == "dvc":
        return "model edit" if place.version is None else "version file"
    return _ACTS.get(place.kind, "unknown")


def kind_of(changes: Iterable[Located]) -> ChangeKind | None:
    """The kind of a change; None where nothing differs."""
    acts = frozenset(act_of(change) for change in changes)
    if not acts:
        return None
    return next((kind for kind, leading, may in _KINDS if leading in acts <= may), "mixed")
