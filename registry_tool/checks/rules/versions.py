"""Rules about the versions of a model: their names and scheme, complete folders, and single fields beyond the schema."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    Located,
    ModelRule,
    ModelUnderCheck,
    Violation,
    format_name,
    removal,
)
from registry_tool.errors import InvalidManifestError, InvalidNameError
from registry_tool.installation import package_for
from registry_tool.manifests.data import Data, text, texts
from registry_tool.manifests.identity import identity
from registry_tool.manifests.layout import REGISTRY
from registry_tool.manifests.problems import show_value
from registry_tool.names import ModelName, check_version, fold
from registry_tool.promotion.commands import adding
from registry_tool.versioning import admits

__all__ = [
    "RULES",
]

_SCHEMES = {
    "integer": "1, 2, 3 and so on, without leading zeros",
    "semver": "MAJOR.MINOR.PATCH as Semantic Versioning 2.0.0 has it",
    "calver": "numbers that begin with a year, such as 2026.11",
}

_KEPT = 1 << 14  # every change of a model reads the names of all its versions


@lru_cache(_KEPT)
def _is_named(version: str) -> bool:
    try:
        check_version(version)
    except InvalidNameError:
        return False
    return True


@lru_cache(_KEPT)
def _fold(scheme: str, version: str) -> str:
    """What two versions of a model may not share."""
    return fold(version.partition("+")[0] if scheme == "semver" else version)


def _each_name(model: ModelView) -> Iterator[tuple[str, str]]:
    """The versions and drafts of a model that have a well-formed name: ``version`` or ``draft``, and the name."""
    yield from (("version", name) for name in model.versions if _is_named(name))
    yield from (("draft", name) for name in model.drafts if _is_named(name))


def fits_scheme(model: ModelView) -> Iterator[Violation]:
    """Every version and draft must fit the model's version scheme, and differ from the others in more than case.

    The scheme determines the order of versions, and so the meaning of ``latest``. In ``semver``, versions that differ only
    in build metadata (after ``+``) are equal. A draft has the name that its version will have, so no version can have it.

    How to fix: rename the folder, and the ``version`` inside, to one that fits; to use another scheme, set it when you add
    the model.

    Example:
        ``versions/v4`` under the scheme ``integer``: the version is ``4``.
    """
    scheme = model.scheme
    seen: dict[str, tuple[str, str]] = {}
    for kind, version in _each_name(model):
        path = f"{model.folder}/{kind}s/{version}/version.yaml"
        first = seen.setdefault(_fold(scheme, version), (kind, version))
        if not admits(scheme, version):
            yield Violation(
                f"{kind} {version} of {format_name(str(model.name))} does not fit the scheme {scheme}",
                path=path,
                at=("version",),
                found=version,
                expected=_SCHEMES.get(scheme, scheme),
                remedy="rename the version; `registry version add` chooses the next one",
            )
        elif first != (kind, version):
            subject, (first_kind, name) = format_name(str(model.name)), first
            yield Violation(
                f"{kind}s {name} and {version} of {subject} are equal"
                if kind == first_kind
                else f"{subject} has a version {name} and a draft {version}",
                path=path,
                at=("version",),
                found=version,
                expected="versions that differ in more than case or build metadata",
                remedy="choose another version",
            )


def _holds_a_model(model: ModelView) -> bool:
    """False for a folder without any file of a model; another rule reports its files."""
    names = model.catalog.tree.folder(model.folder)
    known = {
        "model.yaml", "title.yaml", "wire.yaml", "deletion.yaml", "CARD.md",
        "versions", "drafts", "tags", "aliases", "titles", "evidence",
    }  # fmt: skip
    return any(name in known or name.endswith(".dvc") for name in names)


def complete(model: ModelUnderCheck) -> Iterator[Violation]:
    """A model's folder must contain ``model.yaml``, and the folder of a version or draft ``version.yaml``.

    Without them the other files have no meaning. A withdrawn or erased version keeps its record; ``status.yaml`` contains
    its state.

    How to fix: commit the missing file, or delete the folder.

    Example:
        ``versions/4/lid.176.ftz.dvc`` was committed, ``versions/4/version.yaml`` was forgotten.
    """
    if model.document is None and _holds_a_model(model):
        yield Violation(
            f"model {format_name(str(model.name))} has no model.yaml",
            expected=f"{format_name(model.folder)}/model.yaml",
            remedy=f"registry model add {format_name(str(model.name))} --task TASK --owner TEAM --description TEXT; or: "
            + removal(model.folder),
        )
    for version in model.looked_at():
        if version.document is None:
            kind = "draft" if version.is_draft else "version"
            yield Violation(
                f"{kind} {format_name(version.version)} of {format_name(str(model.name))} has no version.yaml",
                path=f"{version.folder}/version.yaml",
                expected=f"{format_name(version.folder)}/version.yaml",
                remedy="commit version.yaml, or delete the folder",
            )


# A name and a release: PEP 508 and PEP 440 at their plainest.
_PINNED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:==|>=|<=)[0-9]+(?:\.[0-9]+)*")


def _records(model: ModelUnderCheck) -> Iterator[tuple[VersionView, str, Data, bytes]]:
    """The versions whose record can be read: view, path, data and bytes."""
    for version in model.looked_at():
        document = version.document
        if document is not None and document.data is not None:
            yield version, document.path, document.data, document.source


def identity_holds(model: ModelUnderCheck) -> Iterator[Violation]:
    """The ``identity`` of a version must be the digest of its record's content.

    Identical versions are found by it, so an identity that was copied or typed would hide one or report a wrong one.

    How to fix: write the value that the finding expects, or let ``registry version add`` compute it.

    Example:
        A ``version.yaml`` copied from version 3, with another sha256 and the old ``identity``.
    """
    for version, path, data, _ in _records(model):
        said = text(data, "identity")
        try:
            wanted = identity(data)
        except InvalidManifestError as exc:
            yield Violation(exc.message, path=path, at=("identity",), remedy=exc.remedy)
            continue
        if said != wanted:
            yield Violation(
                f"the identity of {format_name(str(version))} does not match its content",
                path=path,
                at=("identity",),
                found=said,
                expected=wanted,
                remedy=f'write `identity: "{wanted}"`',
            )


def evidence_is_about_it(model: ModelUnderCheck) -> Iterator[Violation]:
    """Evidence must name the sha256 of the ``version.yaml`` it is about.

    A score or an approval is valid only for the version that was measured or reviewed. The digest ties it to exactly that
    record.

    How to fix: add the evidence with ``registry evidence add``, which writes the digest.

    Example:
        ``evidence/holdout.yaml`` of version 4, copied from version 3 with its ``subject.sha256``.
    """
    for version, _, _, source in _records(model):
        if "evidence" not in model.catalog.tree.folder(version.folder):
            continue
        digest = hashlib.sha256(source).hexdigest()
        for evidence in version.evidence():
            said = text(evidence.data, "subject", "sha256")
            if evidence.data is not None and said != digest:
                yield Violation(
                    f"the evidence is not about the current record of {format_name(str(version))}",
                    path=evidence.path,
                    at=("subject", "sha256"),
                    found=said,
                    expected=digest,
                    remedy="delete the file and add evidence for this record: "
                    + adding(format_name(str(version)), text(evidence.data, "kind")),
                )


def schema_announces_evidence(model: ModelUnderCheck) -> Iterator[Violation]:
    """A model with evidence in its folder must have a ``model.yaml`` of ``schema: model/v2`` or later.

    Releases of registry-tool that know only ``model/v1`` know no evidence about models either. The schema line makes
    them require an upgrade, where they would otherwise call the files misplaced.

    How to fix: write ``schema: model/v2`` as the first line of ``model.yaml``; ``registry evidence add`` does that.

    Example:
        ``models/nlp/lang-id/evidence/usage.yaml`` next to a ``model.yaml`` of ``schema: model/v1``.
    """
    document = model.document
    if document is None or document.data is None or text(document.data, "schema") != "model/v1":
        return
    # The listing is at hand; most models have no such folder.
    if "evidence" in model.catalog.tree.folder(model.folder) and any(
        True for _ in model.evidence()
    ):
        yield Violation(
            f"{format_name(str(model.name))} has evidence, which model/v1 does not know",
            path=document.path,
            at=("schema",),
            found="model/v1",
            expected="model/v2",
            remedy="write `schema: model/v2` as the first line of model.yaml",
        )


def licence_is_known(model: ModelUnderCheck) -> Iterator[Violation]:
    """A model's ``license`` must be an SPDX license expression.

    People and programs select models by license, and can only compare standard identifiers. Write your own license as
    ``LicenseRef-NAME``.

    How to fix: use an identifier from https://spdx.org/licenses, or write ``LicenseRef-NAME``.

    Example:
        ``license: Apache 2``; write ``Apache-2.0``.
    """
    document = model.document
    said = "" if document is None else text(document.data, "license")
    if not said:
        return
    from registry_tool.manifests.spdx import licence_trouble

    if trouble := licence_trouble(said):
        yield Violation(
            f"{said} is not an SPDX license expression: {trouble}",
            at=("license",),
            found=said,
            expected="an SPDX expression, such as Apache-2.0 or LicenseRef-acme",
            remedy="see https://spdx.org/licenses; write your own license as LicenseRef-NAME",
        )


@lru_cache(maxsize=8192)
def _is_requirement(words: str) -> bool:
    if _PINNED.fullmatch(words):
        return True  # nearly all of them, and importing the library costs more than a hundred such looks
    with package_for("a check of `pip_packages`"):
        from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(words)
    except InvalidRequirement:
        return False  # its releases differ in how they say why
    return True


def packages_are_requirements(model: ModelUnderCheck) -> Iterator[Violation]:
    """Each entry of ``pip_packages`` must be a requirement that pip understands.

    Serving environments are built from it. Options, comments and paths of a requirements file are not requirements.

    How to fix: write ``name==version``, as ``pip freeze`` prints it.

    Example:
        ``scikit-learn=1.5``; write ``scikit-learn==1.5``.
    """
    for version, path, data, _ in _records(model):
        for number, package in enumerate(texts(data, "environment", "pip_packages")):
            if not _is_requirement(package):
                yield Violation(
                    f"{show_value(package)} in {format_name(str(version))} is not a valid pip requirement",
                    path=path,
                    at=("environment", "pip_packages", number),
                    found=format_name(package),
                    expected="a requirement, such as numpy==2.1.0",
                    remedy="write name==version, as `pip freeze` prints it",
                )


def _own_scheme(model: ModelView) -> str:
    return "" if model.document is None else text(model.document.data, "version_scheme")


def _find_governed(base: Catalog) -> ModelView | None:
    """A model with versions or drafts that takes its scheme from the registry."""
    governed = (m for m in base.models() if not _own_scheme(m))
    return next((m for m in governed if m.versions or m.drafts), None)


def _new_default(view: ChangeView) -> Iterator[Violation]:
    was, becomes = view.base.scheme, view.head.scheme
    model = None if was == becomes or not view.head.settings else _find_governed(view.base)
    if model is not None:
        yield Violation(
            f"the versions of {format_name(str(model.name))} and other models would be ordered by another scheme",
            path=REGISTRY,
            at=("version_scheme",),
            found=becomes,
            expected=was,
            remedy=f"first set `version_scheme: {was}` in each of these models",
        )


def _new_scheme(view: ChangeView, change: Located, name: ModelName) -> Iterator[Violation]:
    before, after = view.base.model(name), view.head.model(name)
    if before is None or after is None or not (before.versions or before.drafts):
        return
    is_readable = after.document is not None and after.document.data is not None
    is_its_own = bool(_own_scheme(before) or _own_scheme(after))
    if is_readable and is_its_own and before.scheme != after.scheme:
        yield Violation(
            f"{format_name(str(name))} has versions of the scheme {before.scheme}",
            path=change.path,
            at=("version_scheme",),
            found=after.scheme,
            expected=before.scheme,
            remedy=f"write `version_scheme: {before.scheme}`",
        )


def schemes_stay(view: ChangeView) -> Iterator[Violation]:
    """The version scheme of a model or the registry must not change once there are versions.

    The scheme determines the order of versions, so another one silently changes ``latest``. A scheme in ``model.yaml``
    overrides the one in ``registry.yaml``.

    How to fix: restore ``version_scheme``. To change the registry's, first set the current one in each model that does not
    set its own.

    Example:
        ``version_scheme: free`` in the ``registry.yaml`` of a registry whose models count 1, 2, 3.
    """
    for change in view.changes:
        place = change.place
        if change.path == REGISTRY:
            yield from _new_default(view)
        elif place is not None and place.kind == "model" and place.model and change.edited:
            yield from _new_scheme(view, change, place.model)


def _highest(versions: Iterable[str]) -> int:
    return max((int(v) for v in versions if admits("integer", v)), default=0)


def integers_count_up(view: ChangeView) -> Iterator[Violation]:
    """A new version or draft of the scheme ``integer`` should be higher than all existing ones.

    ``latest`` is the highest number, and people expect the newest. A version that fills a gap is never ``latest``, perhaps
    unintentionally. A person decides. A change may add several versions. A draft that is sealed keeps its number, so others may be higher.

    How to fix: run ``registry version add`` without a number, which uses the next one.

    Example:
        Version 5 is on the main branch, and a pull request that was opened earlier adds version 4.
    """
    added: dict[ModelName, list[Located]] = {}
    for change in view.changes:
        place = change.place
        if change.added and place is not None and place.kind == "version" and place.model:
            added.setdefault(place.model, []).append(change)
    for name, changes in added.items():
        model = view.base.model(name)
        if model is None or model.scheme != "integer":
            continue
        highest = _highest([*model.versions, *model.drafts])
        what = "draft" if str(highest) in model.drafts else "version"
        for change in changes:
            version = "" if change.place is None else change.place.version or ""
            if version in model.drafts:
                continue
            if admits("integer", version) and int(version) < highest:
                kind = "draft" if change.place is not None and change.place.is_draft else "version"
                yield Violation(
                    f"{kind} {version} of {format_name(str(name))} is lower than the published {what} {highest}",
                    path=change.path,
                    at=("version",),
                    found=version,
                    expected=f"{highest + 1}, or higher",
                    remedy=f"use the next number: registry version add {format_name(str(name))} --artifact PATH --framework TYPE",
                )


RULES = (
    ModelRule("M202", "versions fit the scheme and are unique", "refuse", fits_scheme),
    ModelRule("M214", "model and version folders are complete", "refuse", complete),
    ModelRule("M209", "the identity matches the content", "refuse", identity_holds),
    ModelRule("M211", "evidence is about the current record", "refuse", evidence_is_about_it),
    ModelRule("M212", "the license is an SPDX expression", "refuse", licence_is_known),
    ModelRule(
        "M221", "the schema of a model knows its evidence", "refuse", schema_announces_evidence
    ),
    ModelRule("M213", "pip packages are requirements", "refuse", packages_are_requirements),
    ChangeRule("C412", "a version scheme does not change", "refuse", schemes_stay),
    ChangeRule("C415", "integer versions count up", "review", integers_count_up),
)
