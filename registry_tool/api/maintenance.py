"""Deleting stored content: gc, erase, purge, cache.

What deletes is shown first: each function takes ``confirm``, which gets the report and returns whether to continue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack

from registry_tool.api.changes.session import ChangeSession
from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.eviction import (
    cache_limit,
    clear,
    clear_unfinished,
    parse_size,
    usage,
)
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.catalog.resolve import resolve
from registry_tool.catalog.tombstones import Tombstone, tombstone
from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.remote import check_remote
from registry_tool.edits.lifecycle import erase as erase_edit
from registry_tool.errors import (
    GitError,
    NotFoundError,
    RefusedError,
    RegistryError,
    ShallowHistoryError,
    UsageError,
)
from registry_tool.gc.collect import CollectSummary, RemoteAudit, audit, collect
from registry_tool.gc.purge import (
    PurgeObject,
    PurgePlan,
    PurgeSummary,
    complete_listing,
    plan,
    recorded_objects,
)
from registry_tool.gc.purge import purge as purge_objects
from registry_tool.gc.reachability import (
    NeededBy,
    RegistryState,
    RequiredObjects,
    copies,
    everywhere,
    needs,
)
from registry_tool.git.refs import list_unfetched, main_branch
from registry_tool.git.remote.url import is_url
from registry_tool.git.repository import Repository
from registry_tool.names import Reference
from registry_tool.paths import cache_folder

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.artifacts.remotes.base import Remote, RemoteObject
    from registry_tool.edits.changeset import ChangeSet
    from registry_tool.manifests.data import Data

__all__ = [
    "CacheUsage",
    "ErasePreview",
    "GcReport",
    "ObjectFate",
    "PurgeReport",
    "RemoteName",
    "cache_usage",
    "clear_cache",
    "collect_garbage",
    "erase",
    "published_state",
    "purge",
]

_DAY: Final = 24 * 3600
_FETCH = "git fetch --tags origin '+refs/heads/*:refs/remotes/origin/*'"


@dataclass(frozen=True)
class RemoteName:
    """A remote, as messages name it."""

    name: str
    url: str

    @classmethod
    def of(cls, remote: Remote) -> RemoteName:
        """That of an open remote."""
        return cls(remote.name, remote.url)

    def __str__(self) -> str:
        return f"{self.name} ({self.url})"


def published_state(registry: Snapshot) -> Snapshot:
    """The registry as it is on the main branch; as it is here where nothing is published."""
    main = main_branch(registry.repository.git)
    return registry if main is None else registry.at(main.tip)


@contextmanager
def _open_others(places: Sequence[str], own: Repository) -> Iterator[list[Repository]]:
    """Other Git repositories, registries or plain DVC's, that store objects in the same remote."""
    with ExitStack() as opened:
        found = []
        for place in places:
            if not is_url(place) and not Path(place).exists():
                raise NotFoundError(f"no such repository: {place!a}", remedy="--also DIR|URL")
            place = place if is_url(place) else str(Path(place).resolve())  # noqa: PLW2901
            other = Repository.open(place)
            opened.callback(other.close)
            if other.git.git_dir.resolve() == own.git.git_dir.resolve():
                raise UsageError(f"--also {place!a} is this registry itself", remedy="name another")
            found.append(other)
        yield found


def _find_doubt(repositories: Iterable[Repository]) -> RegistryError | None:
    """Why the refs here may not be complete_listing; None where nothing suggests it."""
    for repository in repositories:
        try:
            missing = list_unfetched(repository.git)
        except GitError as error:
            return error
        if missing:
            named = ", ".join(missing[:3]) + (
                f" and {len(missing) - 3} more" if missing[3:] else ""
            )
            return RefusedError(
                f"{repository.source} has not fetched {named}: objects used there are unknown",
                remedy=_FETCH.replace("origin", missing[0].partition("/")[0]),
            )
    return None


# --- gc


@dataclass(frozen=True)
class GcReport:
    """The objects in a remote, and the deleted ones.

    Attributes:
        remote: The remote.
        found: Its objects: needed, young, orphaned; and the rests of interrupted uploads.
        missing: Objects of published versions that it lacks.
        days: Objects that are younger are left alone.
        doubt: Why the refs that were searched may not be complete_listing.
        states: The states that were searched.
        deleted: The result of the deletion; None in a dry run.
    """

    remote: RemoteName
    found: RemoteAudit
    missing: tuple[Finding, ...]
    days: int
    doubt: RegistryError | None
    states: tuple[RegistryState, ...]
    deleted: CollectSummary | None = None

    @property
    def has_garbage(self) -> bool:
        """True where something can be deleted."""
        return bool(self.found.orphans or self.found.leftovers)

    @property
    def orphans(self) -> Sequence[RemoteObject]:
        """The objects that nothing uses."""
        return self.found.orphans


class _Searched:
    """The repositories whose needs count, and the states of them that were searched last."""

    def __init__(self, own: Repository, others: Sequence[Repository]) -> None:
        self._all = {"": own, **{other.source: other for other in others}}
        self.states: list[RegistryState] = []

    def find_needs(self, md5s: Iterable[str]) -> RequiredObjects:
        """What uses some objects, in all refs that exist now."""
        seen = {label: everywhere(repository) for label, repository in self._all.items()}
        self.states = [state for states in seen.values() for state in states]
        return needs(md5s, seen)


def _check_plausible(report: GcReport) -> None:
    """A registry that uses none of the stored objects is most likely configured with the remote of another one."""
    if report.found.orphans and not report.found.needed:
        raise RefusedError(
            f"this registry uses none of the {len(report.found.orphans)} objects in remote {report.remote}:"
            " it may be the remote of another registry, so nothing is deleted",
            remedy="name the registries that use it: --also DIR|URL; or show where the remote is: dvc remote list",
        )


def collect_garbage(
    registry: Snapshot,
    *,
    also: Sequence[str] = (),
    older_than: int = 7,
    delete: bool = False,
    confirm: Callable[[GcReport], bool] | None = None,
    progress: Progress = SILENT,
) -> GcReport:
    """Report missing and unreferenced objects of the remote, and delete the unreferenced ones.

    Args:
        registry: The registry.
        also: Other registries or DVC repositories that use the same remote, by folder or URL.
        older_than: Leave objects alone that are younger, in days: an upload comes before the manifest that names it.
        delete: Delete without a person watching: refused where the refs here may not be complete_listing.
        confirm: Gets the report and returns whether to delete; None deletes if ``delete`` is set.
        progress: Receives the progress.

    Raises:
        RefusedError: The remote seems to be that of another registry, or this clone has not fetched all branches.
        NoRemoteError: No remote is configured.
        UntrustedRepositoryError: The repository belongs to another user.
    """
    with _open_others(also, registry.repository) as others:
        state = published_state(registry)
        searched = _Searched(registry.repository, others)
        remote = state.store.remote
        missing = check_remote(Report("pass", (), 0), state.catalog.tree, lambda: remote).findings
        found = audit(remote, searched.find_needs, before=time.time() - older_than * _DAY)
        doubt = _find_doubt([registry.repository, *others])
        report = GcReport(
            RemoteName.of(remote), found, tuple(missing), older_than, doubt, tuple(searched.states)
        )
        wanted = delete if confirm is None else confirm(report)
        if not wanted or not report.has_garbage:
            return report
        registry.repository.git.check_trusted()
        _check_plausible(report)
        if delete and doubt is not None:
            raise doubt
        return replace(
            report, deleted=collect(found, remote, searched.find_needs, progress=progress)
        )


# --- erase and purge


@dataclass(frozen=True)
class ObjectFate:
    """What happens to one object.

    Attributes:
        fate: In a word: ``kept``, ``purgeable``, ``would delete``, ``deleted``, ``gone already``.
        blob: The object.
        need: What still uses it; None for nothing.
    """

    fate: str
    blob: PurgeObject
    need: NeededBy | None = None


@dataclass(frozen=True)
class ErasePreview:
    """What erasing a version would change.

    Attributes:
        version: The version.
        change: The files that would be written and deleted.
        objects: What would happen to its objects, once they are purged.
        states: The states that were searched for other uses of them.
    """

    version: str
    change: ChangeSet
    objects: tuple[ObjectFate, ...]
    states: tuple[RegistryState, ...]


class _DeclinedError(Exception):
    """The caller does not want to continue."""


def erase(
    registry: Snapshot,
    reference: str,
    *,
    reason: str,
    with_tags: bool = False,
    confirm: Callable[[ErasePreview], bool] | None = None,
    **options: Unpack[WriteOptions],
) -> Publication | None:
    """Erase a version: its record stays, its pointer files are deleted. This cannot be undone.

    Args:
        registry: The registry.
        reference: The version, or a tag of it.
        reason: Why; readers see it.
        with_tags: Delete its tags in the same change.
        confirm: Gets a preview, after the check, and returns whether to continue; None continues.
        options: How it is written.

    Returns:
        The publication; None where ``confirm`` declined.

    Raises:
        RefusedError: An alias points to the version, or a tag without ``with_tags``.
    """
    asked = Reference.for_change(reference)
    if not reason.strip():
        raise UsageError("the reason is empty", remedy="give a reason: readers see it")
    edit = erase_edit(asked, reason=reason, with_tags=with_tags)
    session = ChangeSession(registry, **options)

    def ask() -> None:
        if confirm is not None and not confirm(
            _preview_erase(session, edit(session.catalog), asked)
        ):
            raise _DeclinedError

    try:
        return session.publish(edit, confirm=None if confirm is None else ask)
    except _DeclinedError:
        return None


def _preview_erase(session: ChangeSession, change: ChangeSet, reference: Reference) -> ErasePreview:
    version = resolve(session.catalog, reference, allow_withdrawn=True).version
    blobs = recorded_objects(version.data, version.later_artifacts)
    states = everywhere(session.registry.repository)
    used = needs((blob.md5 for blob in blobs), {"": states}, leaving=version.folder).objects
    objects = tuple(
        ObjectFate("kept" if blob.md5 in used else "purgeable", blob, used.get(blob.md5))
        for blob in blobs
    )
    return ErasePreview(str(version), change, objects, tuple(states))


@dataclass(frozen=True)
class PurgeReport:
    """What a purge deletes, or deleted.

    Attributes:
        tombstone: The erased version, and the commit that erased it.
        remote: The remote.
        plan: The objects to delete and to keep.
        states: The states that were searched for other uses.
        copies: Refs that still have the version, not erased.
        doubt: Why the refs that were searched may not be complete_listing.
        deleted: The result of the deletion; None in a dry run.
    """

    tombstone: Tombstone
    remote: RemoteName
    plan: PurgePlan
    states: tuple[RegistryState, ...]
    copies: tuple[str, ...]
    doubt: RegistryError | None
    deleted: PurgeSummary | None = None

    @property
    def objects(self) -> list[ObjectFate]:
        """What happens to each object of the version."""
        going = "would delete" if self.deleted is None else "deleted"
        return [
            *(ObjectFate(going, blob) for blob in self.plan.going),
            *(ObjectFate("gone already", blob) for blob in self.plan.gone),
            *(ObjectFate("kept", kept.blob, kept.need) for kept in self.plan.kept),
        ]


def _read_uploads(
    tomb: Tombstone, repository: Repository
) -> tuple[list[Data], RegistryError | None]:
    """What was uploaded for an erased version, and why that is not known; None where it is."""
    try:
        return tomb.uploads(repository), None
    except ShallowHistoryError as error:
        return [], error


def purge(
    registry: Snapshot,
    reference: str,
    *,
    also: Sequence[str] = (),
    delete: bool = False,
    confirm: Callable[[PurgeReport], bool] | None = None,
    progress: Progress = SILENT,
) -> PurgeReport:
    """Delete the objects of an erased version from the remote and this machine's cache, unless something uses them.

    Args:
        registry: The registry.
        reference: The erased version.
        also: Other registries that use the same remote, by folder or URL.
        delete: Delete without a person watching.
        confirm: Gets the report and returns whether to delete; None deletes if ``delete`` is set.
        progress: Receives the progress.

    Raises:
        RefusedError: The version is not erased on the main branch, or this clone has not fetched all branches.
    """
    asked = Reference.for_change(reference)
    repository = registry.repository
    with _open_others(also, repository) as others:
        tomb = tombstone(repository, asked)
        store = registry.at(tomb.commit).store  # the remote that the main branch configures
        remote = store.remote
        uploads, unknown = _read_uploads(tomb, repository)
        recorded = recorded_objects(tomb.version.data, uploads)
        blobs = complete_listing(recorded, remote, store.cache)
        own = everywhere(repository)
        searched = {"": own, **{other.source: everywhere(other) for other in others}}
        used = needs((blob.md5 for blob in blobs), searched)
        report = PurgeReport(
            tomb, RemoteName.of(remote),
            plan(blobs, used, remote, erased=tomb.time(repository)),
            tuple(seen for states in searched.values() for seen in states),
            tuple(copies(own, tomb.version.folder)),
            _find_doubt([repository, *others]) or unknown,
        )  # fmt: skip
        if delete and report.doubt is not None:
            raise report.doubt
        if not (delete if confirm is None else confirm(report)):
            return report
        if report.doubt is not None:
            raise report.doubt
        return replace(
            report, deleted=purge_objects(report.plan, remote, store.cache, progress=progress)
        )


# --- cache


@dataclass(frozen=True)
class CacheUsage:
    """The cache of this user.

    Attributes:
        folder: Where it is.
        limit: The size limit in bytes; None for none.
        size: The size of its objects in bytes.
        objects: Their number.
        artifacts: The number of artifacts that were put together from them.
        unfinished: The size of interrupted downloads in bytes.
    """

    folder: Path
    limit: int | None
    size: int
    objects: int
    artifacts: int
    unfinished: int


def cache_usage() -> CacheUsage:
    """The size of the cache that all registries of this user share."""
    cache = Cache(cache_folder())
    return CacheUsage(cache.root, cache_limit(), **usage(cache)._asdict())


def clear_cache(*, down_to: str | None = None, dry_run: bool = False) -> dict[str, int]:
    """Delete the least recently used files from the cache; files in use stay.

    Args:
        down_to: Keep at most this size, such as ``20GB``; None deletes everything, interrupted downloads included.
        dry_run: Only report.

    Returns:
        Sizes in bytes by name: ``size`` was deleted, ``in_use`` stays, ``unfinished`` are interrupted downloads.

    Raises:
        UsageError: The size is not well formed.
    """
    kept = 0 if down_to is None else parse_size(down_to)
    if kept is None:
        raise UsageError(f"{down_to!a} is not a size", remedy="a size looks like 20GB")
    cache = Cache(cache_folder())
    cleared = clear(cache, down_to=kept, dry_run=dry_run)
    unfinished = 0 if dry_run or down_to is not None else clear_unfinished(cache)
    return {**cleared._asdict(), "unfinished": unfinished}
