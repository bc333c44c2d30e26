"""Scan files and versions: what is in them, and what loading them could do. Nothing is ever loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Unpack

from registry_tool._version import VERSION
from registry_tool.api.changes.session import ChangeSession
from registry_tool.artifacts.content_policy import accepted_by
from registry_tool.artifacts.dvc_files import walk
from registry_tool.artifacts.progress import SILENT, Progress, show_progress
from registry_tool.edits.annotations import add_evidence
from registry_tool.edits.changeset import Edit, combine
from registry_tool.installation import package_for
from registry_tool.names import Reference
from registry_tool.scanning import (
    OWN,
    Finding,
    Level,
    Scan,
    Scanned,
    decide_verdict,
    installed_scanners,
    scan_files,
    scan_sarif,
    size_below,
)
from registry_tool.scanning import scan_path as scan_local

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.api.views import ModelVersion
    from registry_tool.manifests.problems import JSON

__all__ = ["Scan", "ScanEvidence", "as_sarif", "scan_and_record", "scan_path", "scan_version"]

_MOST = 1000


def scan_path(path: Path, *, label: str | None = None, progress: Progress = SILENT) -> Scan:
    """Scan a file or a folder.

    Args:
        path: The file or folder.
        label: Its name in the report; by default relative to the folder.
        progress: Receives the progress.
    """
    with show_progress(progress, size_below(path), str(path)), package_for("a scan of YAML"):
        return scan_local(path, installed_scanners(), progress.advance, label)


def as_sarif(*scans: Scan) -> JSON:
    """Scans in SARIF, for code scanning services."""
    found = [(one, one.level in scan.accepted) for scan in scans for one in scan.findings]
    return scan_sarif(found, VERSION)


def _check_encrypted(file: Scanned, version: ModelVersion) -> Scanned:
    """A file that the record calls encrypted must be."""
    encrypted = {a.path for a in version.record_artifacts() if "encryption" in a.entry}
    if file.path not in encrypted or file.facts.get("format") == "age":
        return file
    wrong = Finding("dangerous", file.path, "the record says that it is encrypted, and it is not")
    return file._replace(findings=(wrong, *file.findings))


def _label(file: Scanned, prefix: str) -> Scanned:
    """A file whose paths start with the version, where several things are scanned."""
    findings = tuple(one._replace(path=f"{prefix}{one.path}") for one in file.findings)
    return file._replace(path=f"{prefix}{file.path}", findings=findings)


def _scan_artifacts(
    version: ModelVersion,
    accepted: frozenset[Level],
    label: str,
    progress: Progress,
    on_skipped: Callable[[str], None],
) -> Scan:
    files: list[tuple[str, Path]] = []
    for artifact in version.record_artifacts():
        if artifact.uri:
            on_skipped(artifact.name)
            continue
        place = artifact.fetch(progress=progress)
        if place.is_dir():
            files += [(f"{artifact.path}/{inner}", place / inner) for inner, _ in walk(place)]
        else:
            files.append((artifact.path, place))
    total = sum(place.stat().st_size for _, place in files)
    with show_progress(progress, total, "scan"), package_for("a scan of YAML"):
        found = scan_files(files, installed_scanners(), progress.advance)
    prefix = f"{label}/" if label else ""
    checked = (_check_encrypted(file, version) for file in found.files)
    return Scan(tuple(_label(file, prefix) for file in checked), accepted)


def _ignore(_: str) -> None:
    pass


def scan_version(
    registry: Snapshot,
    reference: str | Reference,
    *,
    label: str = "",
    progress: Progress = SILENT,
    on_skipped: Callable[[str], None] = _ignore,
) -> Scan:
    """Scan the stored artifacts of a version; they are fetched where they are not in the cache.

    Args:
        registry: The registry.
        reference: The version.
        label: A prefix of the paths in the report.
        progress: Receives the progress.
        on_skipped: Called with the name of each artifact that is tracked elsewhere.
    """
    version = registry.version(reference, allow_withdrawn=True)
    accepted = accepted_by(registry.catalog.settings)
    return _scan_artifacts(version, accepted, label, progress, on_skipped)


def _evidence(reference: Reference, found: Scan, *, by: str) -> Edit:
    """One record for each scanner: a gate may require one of them."""
    others = ((one.name, one.version) for one in installed_scanners())
    edits = []
    for name, version in [(OWN, VERSION), *others]:
        findings = found.of(name)
        verdict = decide_verdict(findings, found.accepted)
        fields: dict[str, JSON] = {"tool": f"{name} {version}".strip(), "verdict": verdict}
        if findings:
            fields["findings"] = [str(finding) for finding in findings[:_MOST]]
        edits.append(add_evidence(reference, "scan", fields, by=by))
    if len(edits) == 1:
        return edits[0]
    return combine(edits, f"Add the results of {len(edits)} scanners to {reference}")


class ScanEvidence(NamedTuple):
    """A scan of a version, and what recorded it."""

    scan: Scan
    publication: Publication


def scan_and_record(
    registry: Snapshot,
    reference: str,
    *,
    by: str | None = None,
    on_scanned: Callable[[Scan], None] = lambda _: None,
    on_skipped: Callable[[str], None] = _ignore,
    **options: Unpack[WriteOptions],
) -> ScanEvidence:
    """Scan a version, and record the result as evidence of kind ``scan``.

    Args:
        registry: The registry.
        reference: The version.
        by: The author of the evidence; the author of the change by default.
        on_scanned: Called with the scan before it is recorded.
        on_skipped: As for ``scan_version``.
        options: How it is written.
    """
    asked = Reference.for_change(reference)
    session = ChangeSession(registry, **options)
    who = session.require_author(by)
    state = registry.with_tree(session.catalog.tree)
    resolved = state.resolve(asked).version
    exact = Reference(resolved.model.name, resolved.version)
    found = scan_version(state, exact, progress=session.progress, on_skipped=on_skipped)
    on_scanned(found)
    return ScanEvidence(found, session.publish(_evidence(exact, found, by=who)))
