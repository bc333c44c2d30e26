"""Purging an erased version's bytes, shown before it is done: the second step of ``registry erase``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from registry_tool.cli.options import finish_interrupted, open_for_reading
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words
from registry_tool.errors import NotFoundError, RefusedError, RegistryError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.artifact_store import ArtifactStore
    from registry_tool.api.registry import Registry
    from registry_tool.catalog.tombstones import Tombstone
    from registry_tool.cli.change import How
    from registry_tool.gc.purge import PurgeObject, PurgePlan
    from registry_tool.gc.reachability import NeededBy, RegistryState
    from registry_tool.git.repository import Repository
    from registry_tool.names import Reference

__all__ = [
    "NothingDoneError",
    "ObjectLine",
    "behind",
    "confirm",
    "purge",
    "say_lines",
    "say_looked_through",
]

_SHOWN = 20
_FETCH = "git fetch --tags origin '+refs/heads/*:refs/remotes/origin/*'"


class NothingDoneError(Exception):
    """The person wanted to see it only."""


def _is_interactive(form: str) -> bool:
    return form == "text" and sys.stdin.isatty() and sys.stdout.isatty()


def confirm(version: str, form: str, deed: str) -> None:
    """Ask on a terminal; elsewhere a dry run ends.

    Raises:
        RefusedError: Something else was typed.
        NothingDoneError: Nobody can be asked.
    """
    if not _is_interactive(form):
        if form == "text":
            say(f"nothing was {deed}: this was a dry run; add --yes to do it")
        raise NothingDoneError
    typed = click.prompt(f"type {version} to go on", default="", show_default=False)
    if typed.strip() != version:
        raise RefusedError(f"{typed!a} is not {version}: nothing was {deed}")


class ObjectLine(NamedTuple):
    """What happens to one object: a word for it, and who needs it."""

    fate: str
    blob: PurgeObject
    need: NeededBy | None = None

    def cells(self) -> tuple[str, ...]:
        """For people."""
        why = "" if self.need is None else self.need.words
        size = "" if self.blob.size is None else size_words(self.blob.size)
        return (f"  {self.fate}", size, self.blob.path, why)

    def data(self) -> dict[str, object]:
        """For programs."""
        need = self.need
        return {
            "md5": self.blob.md5,
            "path": self.blob.path,
            "size": self.blob.size,
            "fate": self.fate,
            "needed_by": None if need is None else {"subject": need.subject, "ref": need.ref},
        }


def say_lines(lines: Sequence[ObjectLine]) -> None:
    """The objects, not endlessly many."""
    for line in columns(one.cells() for one in lines[:_SHOWN]):
        say(line)
    if len(lines) > _SHOWN:
        rest = sum(one.blob.size or 0 for one in lines[_SHOWN:])
        say(f"  … and {len(lines) - _SHOWN} more, {size_words(rest)}")


def say_looked_through(states: Sequence[RegistryState]) -> None:
    """Where it was asked who needs what, and what that leaves out."""
    say(
        f"looked through every ref of this clone and its remotes, its work trees and reflogs, {len(states)} different "
        "states; what other clones have not pushed is not seen"
    )


def behind(repository: Repository) -> RegistryError | None:
    """Why the refs that are here may not be all there are."""
    from registry_tool.errors import GitError
    from registry_tool.git.refs import list_unfetched

    try:
        missing = list_unfetched(repository.git)
    except GitError as trouble:
        return trouble
    if not missing:
        return None
    named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if missing[3:] else "")
    return RefusedError(
        f"{repository.source} has not fetched {named}: what they need is not known",
        remedy=_FETCH.replace("origin", missing[0].partition("/")[0]),
    )


class _Purge(NamedTuple):
    """A purge that is planned.

    Attributes:
        tomb: The erased version.
        store: Its bytes.
        plan: What goes and what stays.
        states: What was looked through.
        copies: Refs that still have the version, not erased.
        doubt: Why the refs may not be all.
    """

    tomb: Tombstone
    store: ArtifactStore
    plan: PurgePlan
    states: list[RegistryState]
    copies: list[str]
    doubt: RegistryError | None

    def lines(self, going: str) -> list[ObjectLine]:
        return [
            *(ObjectLine(going, blob) for blob in self.plan.going),
            *(ObjectLine("gone already", blob) for blob in self.plan.gone),
            *(ObjectLine("kept", kept.blob, kept.need) for kept in self.plan.kept),
        ]

    def data(self, going: str) -> dict[str, object]:
        return {
            "reference": str(self.tomb.version),
            "branch": self.tomb.branch,
            "commit": self.tomb.commit,
            "remote": self.store.remote.name,
            "objects": [line.data() for line in self.lines(going)],
            "refs": [seen.ref for seen in self.states],
            "not_erased_in": self.copies,
        }

    def say(self, going: str) -> None:
        version = self.tomb.version
        say(f"{version} is erased in {self.tomb.branch} at {self.tomb.commit[:12]}")
        remote = self.store.remote
        say(f"on the remote {remote.name} ({remote.url}):")
        say_lines(self.lines(going))
        say_looked_through(self.states)

    def say_asides(self) -> None:
        if self.copies:
            named = ", ".join(self.copies[:3]) + (" …" if self.copies[3:] else "")
            say(f"warning: {self.tomb.version} is not erased in {named}; its bytes go all the same, since "
                "erased is final", err=True, fg="yellow")  # fmt: skip
        if self.doubt is not None:
            say(f"warning: {self.doubt.message}", err=True, fg="yellow")
            say(f"  try: {self.doubt.remedy}", err=True)


def _planned(
    repository: Repository, others: Iterable[Repository], reference: Reference, store_of: Callable[[Tombstone], ArtifactStore]
) -> _Purge:  # fmt: skip
    from registry_tool.catalog.tombstones import tombstone
    from registry_tool.gc.purge import complete_listing, plan, recorded_objects
    from registry_tool.gc.reachability import copies, everywhere, needs

    tomb = tombstone(repository, reference)
    store = store_of(tomb)
    blobs = complete_listing(recorded_objects(tomb.version.data), store.remote, store.cache)
    own = everywhere(repository)
    registries = {"": own, **{other.source: everywhere(other) for other in others}}
    found = needs((blob.md5 for blob in blobs), registries)
    doubts = (behind(one) for one in (repository, *others))
    return _Purge(
        tomb, store, plan(blobs, found, store.remote, erased=tomb.time(repository)),
        [seen for states in registries.values() for seen in states],
        copies(own, tomb.version.folder),
        next((doubt for doubt in doubts if doubt is not None), None),
    )  # fmt: skip


def _carry_out(planned: _Purge, how: How, *, yes: bool) -> int:
    from registry_tool.gc import purge

    version, form = str(planned.tomb.version), how.form
    if planned.doubt is not None and (yes or _is_interactive(form)):
        raise planned.doubt
    if not yes:
        if form == "json":
            print_json({**planned.data("would delete"), "dry_run": True, "freed": 0})
        else:
            planned.say("would delete")
        planned.say_asides()
        confirm(version, form, "deleted")
    with progress_bar() as progress:
        done = purge.purge(
            planned.plan, planned.store.remote, planned.store.cache, progress=progress
        )
    if form == "json":
        print_json({**planned.data("deleted"), "dry_run": False, "freed": done.size})
        return 0
    if yes:
        planned.say("deleted")
        planned.say_asides()
    objects = "1 object" if done.objects == 1 else f"{done.objects} objects"
    cached = f"; {done.cached} taken out of this machine's cache" if done.cached else ""
    if done.objects:
        say(f"freed {size_words(done.size)} on the remote, {objects}{cached}")
    else:
        say(f"nothing was left to delete on the remote{cached}")
    return 0


def _other(place: str, registry: Registry) -> Registry:
    """Another registry, so surely another: a mistyped folder would lead to the one that encloses it."""
    from registry_tool.git.remote.clone_cache import is_url

    if not is_url(place):
        if not Path(place).exists():
            raise NotFoundError(f"there is no registry {place!a}", remedy="--also DIR|URL")
        place = str(Path(place).resolve())
    other = open_for_reading(place, "HEAD")
    if other.repository.git.git_dir.resolve() == registry.repository.git.git_dir.resolve():
        other.close()
        raise UsageError(f"--also {place!a} is this registry itself", remedy="name another one")
    return other


def purge(reference: Reference, also: Sequence[str], how: How, *, yes: bool) -> int:
    """Show what would be deleted, and delete it when that is wanted; the exit code.

    Args:
        reference: An erased version.
        also: Other registries on the same remote, by folder or URL.
        how: Which registry, and the form of the output.
        yes: Do not ask.

    Raises:
        RefusedError: The main branch does not call the version erased, or this clone is behind.
        NothingDoneError: It was shown only.
    """
    from registry_tool.api.registry import Registry

    finish_interrupted(how.repo)
    with ExitStack() as opened:
        registry = opened.enter_context(open_for_reading(how.repo, None))
        others = [opened.enter_context(_other(one, registry)).repository for one in also]

        def store_of(tomb: Tombstone) -> ArtifactStore:
            # The remote is the one that the main branch names.
            repository, commit = registry.repository, tomb.commit
            tree = repository.tree(commit)
            return Registry(repository, ref=tomb.branch, tree=tree, commit=commit).store

        planned = _planned(registry.repository, others, reference, store_of)
        return _carry_out(planned, how, yes=yes)
