"""Rules about what single fields of models, versions and evidence must be, beyond what a schema can say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

from registry_tool.catalog.index import VersionView
from registry_tool.checks.rule import Hit, ModelRule, ModelUnderCheck, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.errors import InvalidManifest
from registry_tool.manifests.data import Data, text, texts
from registry_tool.manifests.identity import identity
from registry_tool.manifests.shown import shown
from registry_tool.promotion.commands import adding

__all__ = ["RULES"]

# A name and a release: PEP 508 and PEP 440 at their plainest.
_PINNED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:==|>=|<=)[0-9]+(?:\.[0-9]+)*")


def _records(model: ModelUnderCheck) -> Iterator[tuple[VersionView, str, Data, bytes]]:
    """The versions whose record can be read: view, path, data and bytes."""
    for version in model.looked_at():
        document = version.document
        if document is not None and document.data is not None:
            yield version, document.path, document.data, document.source


def identity_holds(model: ModelUnderCheck) -> Iterator[Hit]:
    """The ``identity`` of a version must be the digest of what its record says.

    Equal versions are found by it, so one that was copied or typed would hide an equal version or claim one.

    Mend it: write the value that the finding gives as expected, or let ``registry version add`` compute it.

    Example:
        A ``version.yaml`` copied from version 3, with another sha256 and the old ``identity``.
    """
    for version, path, data, _ in _records(model):
        said = text(data, "identity")
        try:
            wanted = identity(data)
        except InvalidManifest as exc:
            yield Hit(exc.message, path=path, at=("identity",), remedy=exc.remedy)
            continue
        if said != wanted:
            yield Hit(
                f"the identity of {named(str(version))} is not that of its content",
                path=path,
                at=("identity",),
                found=said,
                expected=wanted,
                remedy=f'write `identity: "{wanted}"`',
            )


def evidence_is_about_it(model: ModelUnderCheck) -> Iterator[Hit]:
    """Evidence must name the sha256 of the ``version.yaml`` it is about.

    A score or an approval holds for what was measured or read, and for nothing else. The digest ties it to exactly
    that record.

    Mend it: add the evidence with ``registry evidence add``, which writes the digest.

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
                yield Hit(
                    f"the evidence is not about this record of {named(str(version))}",
                    path=evidence.path,
                    at=("subject", "sha256"),
                    found=said,
                    expected=digest,
                    remedy="delete the file and add evidence that was made for this record: "
                    + adding(named(str(version)), text(evidence.data, "kind")),
                )


def licence_is_known(model: ModelUnderCheck) -> Iterator[Hit]:
    """A model's ``license`` must be an SPDX licence expression.

    People and programs choose models by what they are allowed to do with them, and can only compare known words. A
    licence of your own is ``LicenseRef-`` and a name.

    Mend it: take the identifier from https://spdx.org/licenses, or write ``LicenseRef-NAME``.

    Example:
        ``license: Apache 2`` is ``Apache-2.0``.
    """
    document = model.document
    said = "" if document is None else text(document.data, "license")
    if not said:
        return
    from registry_tool.manifests.spdx import licence_trouble

    if trouble := licence_trouble(said):
        yield Hit(
            f"{said} is not an SPDX licence expression: {trouble}",
            at=("license",),
            found=said,
            expected="an SPDX expression, such as Apache-2.0 or LicenseRef-acme",
            remedy="https://spdx.org/licenses lists them; write your own as LicenseRef-NAME",
        )


@lru_cache(maxsize=8192)
def _requirement_trouble(requirement: str) -> str:
    if _PINNED.fullmatch(requirement):
        return (
            ""  # nearly all of them, and importing the library costs more than a hundred such looks
        )
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(requirement)
    except InvalidRequirement as exc:
        return str(exc).partition("\n")[0]
    return ""


def packages_are_requirements(model: ModelUnderCheck) -> Iterator[Hit]:
    """Each entry of ``pip_packages`` must be a requirement that pip understands.

    Serving environments are built from it. Options, comments and paths of a requirements file are not requirements.

    Mend it: write ``name==version``, as ``pip freeze`` prints it.

    Example:
        ``scikit-learn=1.5`` has one ``=`` too few.
    """
    for version, path, data, _ in _records(model):
        for number, package in enumerate(texts(data, "environment", "pip_packages")):
            if trouble := _requirement_trouble(package):
                yield Hit(
                    f"{shown(package)} in {named(str(version))} is not a requirement: {trouble}",
                    path=path,
                    at=("environment", "pip_packages", number),
                    found=named(package),
                    expected="a requirement, such as numpy==2.1.0",
                    remedy="write name==version, as `pip freeze` prints it",
                )


RULES: tuple[Rule, ...] = (
    ModelRule("M209", "the identity is that of the content", "refuse", identity_holds),
    ModelRule("M211", "evidence is about the record beside it", "refuse", evidence_is_about_it),
    ModelRule("M212", "the licence is an SPDX expression", "refuse", licence_is_known),
    ModelRule("M213", "pip packages are requirements", "refuse", packages_are_requirements),
)
