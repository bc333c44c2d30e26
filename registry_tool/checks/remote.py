"""The check of the DVC remote: does it contain the objects that manifests name?

It runs only on request. It queries the presence of all objects at once, and downloads nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.findings import Finding, Report, Severity, decide_verdict, in_order
from registry_tool.checks.rule import Violation, find_version, format_name
from registry_tool.checks.waivers import apply_waivers
from registry_tool.git.tree import Tree, differences, walk
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import MODELS, REGISTRY, Place

if TYPE_CHECKING:
    from registry_tool.artifacts.remotes.base import Remote
    from registry_tool.artifacts.verify import MissingContent
    from registry_tool.manifests.problems import JSONPath

__all__ = [
    "AVAILABLE",
    "MOVES",
    "ArtifactRule",
    "Moving",
    "MovingRule",
    "StoredObject",
    "check_remote",
    "moved_by",
    "with_moving",
]

_SHOWN: Final = 20
_DVC: Final = ".dvc/"
_HARMLESS: Final = frozenset({".dvc/.gitignore"})
_RECORDS: Final = frozenset({"version", "model"})
_SEVERITIES: Final[dict[str, Severity]] = {"refuse": "refuse", "review": "review", "warn": "warn"}


class StoredObject(NamedTuple):
    """One stored artifact of a manifest, and its objects that are missing from the remote."""

    document: Document
    number: int
    entry: Data
    lacks: Sequence[MissingContent]
    remote: str


@dataclass(frozen=True)
class ArtifactRule:
    """A rule about stored content."""

    id: str
    title: str
    severity: Severity
    check: Callable[[StoredObject], Iterator[Violation]]


def _what(lack: MissingContent, entry: Data) -> str:
    """The object in words: of which artifact, which file of it, and how large."""
    artifact = f"artifact {text(entry, 'name')}"
    if lack.path:
        artifact += f", file {format_name(lack.path)}"
    elif lack.size is None:
        return f"{artifact}, its list of files"
    return artifact if lack.size is None else f"{artifact}, {lack.size} bytes"


def _remedy(stored: StoredObject, pointer: str) -> str:
    place = stored.document.place
    if place.version is None:  # of a model as a whole
        return f'dvc commit -f "{pointer}" && dvc push "{pointer}"'
    subject = format_name(f"{place.model}@{place.version}")
    return f"registry upload {subject} PATH --artifact {format_name(text(stored.entry, 'name'))}"


def available(stored: StoredObject) -> Iterator[Violation]:
    """All objects of every stored artifact must be in the DVC remote.

    A version with missing objects cannot be fetched. Only ``registry check --remote`` checks this, for every file of a
    folder too; an object with another size than in the record counts as missing. The rule skips erased versions.

    How to fix: upload the files again from a machine that has them, with ``registry upload``, which accepts no others.

    Example:
        ``model.bin`` was added with ``dvc add``, and ``dvc push`` was forgotten.
    """
    folder = stored.document.path.rpartition("/")[0]
    path = text(stored.entry, "path")
    at: JSONPath = ("artifacts", stored.number)
    remedy = _remedy(stored, f"{folder}/{path}.dvc")
    for lack in stored.lacks[:_SHOWN]:
        yield Violation(
            f"{_what(lack, stored.entry)}: missing from the remote {stored.remote}",
            path=stored.document.path,
            at=at,
            found=lack.found,
            expected=f"the object of {path}",
            remedy=remedy,
        )
    if more := stored.lacks[_SHOWN:]:
        size = sum(lack.size or 0 for lack in more)
        yield Violation(
            f"artifact {text(stored.entry, 'name')}, {len(more)} more files, {size} bytes: missing from the remote"
            f" {stored.remote}",
            path=stored.document.path,
            at=at,
            found=f"no objects with md5 {more[0].md5}, …",
            expected=f"the objects of {path}",
            remedy=remedy,
        )


AVAILABLE = ArtifactRule("A501", "the remote contains every object", "refuse", available)


class Moving(NamedTuple):
    """A change of the place where content is stored.

    Attributes:
        paths: The files that define it.
        by_hand: The command that checks the new remote.
    """

    paths: Sequence[str]
    by_hand: str


@dataclass(frozen=True)
class MovingRule:
    """A rule that looks at a change of the remote."""

    id: str
    title: str
    severity: Severity
    check: Callable[[Moving], Iterator[Violation]]


def moves_in_the_open(moving: Moving) -> Iterator[Violation]:
    """CI must not contact a remote that only the change under check names.

    The author of the change chooses that remote, and a query sends credentials to it. So CI does not contact it, and a
    person with access to both remotes checks that the new one contains every object.

    How to fix: copy the objects with ``registry remote copy``, then run the command in the finding.

    Example:
        a pull request changes ``url`` in ``.dvc/config``.
    """
    for path in moving.paths:
        yield Violation(
            f"{format_name(path)} changes where content is stored, so no remote was checked",
            path=path,
            place=(1, 1),
            expected="the published remote, or a check by a person who trusts the new one",
            remedy=moving.by_hand,
        )


MOVES = MovingRule("A502", "a person checks a new remote", "review", moves_in_the_open)


def moved_by(published: Tree, head: Tree) -> list[str]:
    """The files with which a change may move content to another remote, or change how to connect to it."""
    found = [
        change.path
        for change in differences(published, head)
        if change.path.casefold().startswith(_DVC) and change.path not in _HARMLESS
    ]
    before, after = Catalog(published).settings, Catalog(head).settings
    return [*found, REGISTRY] if text(before, "remote") != text(after, "remote") else found


def _holder(catalog: Catalog, path: str) -> Place | None:
    """The subject of a path; for an alias, the version it points to, which is about to be used."""
    place = catalog.layout.locate(path)
    if place is None or place.kind != "alias":
        return place
    alias = catalog.document(path, place)
    version = "" if alias is None else text(alias.data, "version")
    return Place("version", place.model, version) if version else None


def _places(catalog: Catalog, base: Tree | None, paths: Sequence[str]) -> Iterator[Place]:
    """The records to check: all, or those of versions and models that a change touches or points an alias to."""
    if base is None:
        found = (path for path, _ in walk(catalog.tree, MODELS))
    else:
        found = (c.path for c in differences(base, catalog.tree) if c.path.startswith(f"{MODELS}/"))
    seen: set[Place] = set()
    for path in found:
        place = _holder(catalog, path)
        if place is None or place.model is None or place.kind not in {*_RECORDS, "dvc"}:
            continue
        if paths and not any(p in {"", path} or path.startswith(f"{p}/") for p in paths):
            continue
        kind = "model" if place.version is None else "version"
        record = Place(kind, place.model, place.version, is_draft=place.is_draft)
        if record not in seen:
            seen.add(record)
            yield record


def _document(catalog: Catalog, place: Place) -> Document | None:
    model = None if place.model is None else catalog.model(place.model)
    if model is None or place.version is None:
        return None if model is None else model.document
    version = find_version(catalog, place)
    if version is None:
        return None
    status = version.status
    erased = status is not None and text(status.data, "state") == "erased"
    return None if erased else version.document


def _list_stored(
    documents: Sequence[Document], open_remote: Callable[[], Remote]
) -> Iterator[StoredObject]:
    entries = [
        (document, number, entry)
        for document in documents
        for number, entry in enumerate(records(document.data, "artifacts"))
        if "md5" in entry
    ]
    if not entries:
        return
    from registry_tool.artifacts.verify import find_missing

    remote = open_remote()
    found = find_missing([entry for _, _, entry in entries], lambda: remote)
    where = f"{remote.name} ({remote.url})"
    for (document, number, entry), lacking in zip(entries, found, strict=True):
        yield StoredObject(document, number, entry, lacking, where)


def check_remote(
    report: Report,
    head: Tree,
    remote: Callable[[], Remote],
    *,
    base: Tree | None = None,
    published: Tree | None = None,
    now: dt.datetime | None = None,
    paths: Sequence[str] = (),
) -> Report:
    """Add the objects that are missing from the remote to a report.

    Args:
        report: The report of the engine.
        head: The tree that was judged.
        remote: Opens the remote; called only when there are objects to query.
        base: The base of the change; None checks every version.
        published: The published state: its severities and waivers apply; None is the base.
        now: The time, for waivers; None is the clock's.
        paths: Files and folders to which the check is narrowed.

    Raises:
        RemoteError: The remote cannot be queried.
    """
    catalog = Catalog(head)
    published = base if published is None else published
    policy = (
        catalog if published is None or published.entry(REGISTRY) is None else Catalog(published)
    )
    said = text(policy.settings, "rules", AVAILABLE.id)
    places = [] if said == "off" else list(_places(catalog, base, paths))
    documents = [d for d in (_document(catalog, place) for place in places) if d is not None]
    severity = _SEVERITIES.get(said, AVAILABLE.severity)
    found = [
        _finding(hit, severity, stored.document)
        for stored in _list_stored(documents, remote)
        for hit in AVAILABLE.check(stored)
    ]
    return _with(report, found, policy, catalog, now)


def with_moving(report: Report, moving: Moving, published: Tree, head: Tree) -> Report:
    """Add the finding that the new remote was not checked to a report."""
    policy = Catalog(published)
    said = text(policy.settings, "rules", MOVES.id)
    severity = _SEVERITIES.get(said, MOVES.severity)
    found = [
        Finding(
            MOVES.id, severity, hit.path, 1, 1, hit.message, hit.found, hit.expected, hit.remedy
        )
        for hit in MOVES.check(moving)
    ]
    return _with(report, found, policy, Catalog(head), None)


def _with(
    report: Report, found: list[Finding], policy: Catalog, head: Catalog, now: dt.datetime | None
) -> Report:
    """A report with more findings."""
    today = (dt.datetime.now(dt.UTC) if now is None else now).date()
    findings = in_order([*report.findings, *apply_waivers(found, policy, head, today)])
    verdict = decide_verdict(findings)
    automerge = report.automerge and decide_verdict(found) == "pass"
    return report._replace(findings=findings, verdict=verdict, automerge=automerge)


def _finding(hit: Violation, severity: Severity, document: Document) -> Finding:
    line, column = document.where(hit.at)
    return Finding(
        AVAILABLE.id, severity, hit.path, line, column,
        hit.message, hit.found, hit.expected, hit.remedy,
    )  # fmt: skip
