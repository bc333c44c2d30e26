"""Rules about the versions of a model: their names, and that their folders are complete."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from registry_tool.catalog.index import ModelView
from registry_tool.checks.rule import Hit, ModelRule, ModelUnderCheck, Rule
from registry_tool.checks.rules.wording import named, removal
from registry_tool.errors import InvalidName
from registry_tool.names import check_version, fold
from registry_tool.schemes import admits

__all__ = ["RULES"]

_SCHEMES = {
    "integer": "1, 2, 3 and so on, without leading zeros",
    "semver": "MAJOR.MINOR.PATCH as Semantic Versioning 2.0.0 has it",
    "calver": "numbers that begin with a year, such as 2026.11",
}

_KEPT = 1 << 14  # every change of a model looks at the names of all its versions


@lru_cache(_KEPT)
def _is_named(version: str) -> bool:
    try:
        check_version(version)
    except InvalidName:
        return False
    return True


@lru_cache(_KEPT)
def _folded(scheme: str, version: str) -> str:
    """What two versions of a model may not share."""
    return fold(version.partition("+")[0] if scheme == "semver" else version)


def fits_scheme(model: ModelView) -> Iterator[Hit]:
    """Every version must fit the model's version scheme, and differ from the others in more than case.

    The scheme gives versions their order, and so ``latest`` its meaning. In ``semver``, build metadata (after ``+``)
    does not tell versions apart.

    Mend it: rename the folder and the ``version`` inside to one that fits; a model that needs another scheme says so
    when it is added.

    Example:
        ``versions/v4`` under the scheme ``integer``: the version is ``4``.
    """
    scheme = model.scheme
    seen: dict[str, str] = {}
    for version in model.versions:
        if not _is_named(version):
            continue
        path = f"{model.folder}/versions/{version}/version.yaml"
        first = seen.setdefault(_folded(scheme, version), version)
        if not admits(scheme, version):
            yield Hit(
                f"version {version} of {named(str(model.name))} does not fit the scheme {scheme}",
                path=path,
                at=("version",),
                found=version,
                expected=_SCHEMES.get(scheme, scheme),
                remedy="rename the version; `registry version add` chooses the next one",
            )
        elif first != version:
            yield Hit(
                f"versions {first} and {version} of {named(str(model.name))} are one and the same",
                path=path,
                at=("version",),
                found=version,
                expected="versions that differ in more than case or build metadata",
                remedy="choose another version",
            )


def _holds_a_model(model: ModelView) -> bool:
    """False for a folder that has nothing of a model in it; its files have no place, which another rule says."""
    names = model.catalog.tree.folder(model.folder)
    known = {"model.yaml", "CARD.md", "versions", "tags", "aliases"}
    return any(name in known or name.endswith(".dvc") for name in names)


def complete(model: ModelUnderCheck) -> Iterator[Hit]:
    """A model's folder must hold ``model.yaml``, and a version's folder ``version.yaml``.

    Without them nobody knows what the rest is about. A withdrawn or erased version keeps its record: its state is
    said in ``status.yaml``.

    Mend it: commit the missing file too, or delete the folder.

    Example:
        ``versions/4/lid.176.ftz.dvc`` was committed, ``versions/4/version.yaml`` was forgotten.
    """
    if model.document is None and _holds_a_model(model):
        yield Hit(
            f"model {named(str(model.name))} has no model.yaml",
            expected=f"{named(model.folder)}/model.yaml",
            remedy=f"registry model add {named(str(model.name))} --task TASK --owner TEAM --description TEXT; or: "
            + removal(model.folder),
        )
    for version in model.looked_at():
        if version.document is None:
            yield Hit(
                f"version {named(version.version)} of {named(str(model.name))} has no version.yaml",
                path=f"{version.folder}/version.yaml",
                expected=f"{named(version.folder)}/version.yaml",
                remedy="commit version.yaml too, or delete the folder",
            )


RULES: tuple[Rule, ...] = (
    ModelRule("M202", "versions fit the scheme and are unique", "refuse", fits_scheme),
    ModelRule("M214", "model and version folders are complete", "refuse", complete),
)
