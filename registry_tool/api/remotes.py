"""Remotes: list them, confirm their hosts, copy everything to another one, restore what one lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.api.maintenance import RemoteName, published_state
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.artifacts.remotes.base import redact_url
from registry_tool.artifacts.remotes.config import (
    DvcSettings,
    RemoteSettings,
    all_remotes,
    endpoint,
    select_remote,
)
from registry_tool.artifacts.remotes.open import open_configured
from registry_tool.artifacts.remotes.trusted_hosts import confirmed_hosts
from registry_tool.artifacts.remotes.trusted_hosts import trust as confirm_host
from registry_tool.artifacts.transfer.copy import (
    CopyJournal,
    CopyPlan,
    CopySummary,
    copy,
    plan,
    present,
)
from registry_tool.artifacts.transfer.upload import restore
from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.remote import check_remote
from registry_tool.errors import NoRemoteError, UsageError
from registry_tool.gc.reachability import everywhere, needs
from registry_tool.names import Reference

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.artifacts.remotes.base import Remote

__all__ = [
    "ConfiguredRemote",
    "RemoteCopy",
    "RestoredArtifact",
    "copy_remote",
    "list_remotes",
    "restore_artifact",
    "trust_host",
]


@dataclass(frozen=True)
class ConfiguredRemote:
    """A remote of the registry's DVC configuration.

    Attributes:
        name: Its name.
        url: Its address, without credentials.
        is_default: True for the one that the registry uses.
        host: The host that would get credentials; empty for a folder.
        confirmed: The hosts that were confirmed for it on this machine.
    """

    name: str
    url: str
    is_default: bool
    host: str
    confirmed: tuple[str, ...]


def list_remotes(registry: Snapshot) -> list[ConfiguredRemote]:
    """The remotes of a registry."""
    settings = registry.store.settings
    confirmed = confirmed_hosts(settings)
    try:
        used = registry.store.chosen.name
    except NoRemoteError:
        used = ""
    return [
        ConfiguredRemote(
            one.name, redact_url(one.url), one.name == used, one.host, tuple(confirmed.get(one.name, ()))
        )
        for one in all_remotes(settings)
    ]  # fmt: skip


def trust_host(registry: Snapshot, name: str, host: str | None = None) -> str:
    """Confirm the host of a remote, so that it gets credentials; the host.

    Args:
        registry: The registry.
        name: The remote.
        host: An address such as ``https://s3.example.org``; the configured one by default.

    Raises:
        UsageError: The remote is a folder, or the host is not an address.
    """
    settings = registry.store.settings
    if host is None:
        chosen = select_remote(settings, name)
        host = endpoint({**chosen.options, "url": chosen.url})
        if not host:
            raise UsageError(
                f"remote {name} is a folder, which gets no credentials",
                remedy="nothing needs to be confirmed",
            )
    elif "://" not in host:
        raise UsageError(
            f"{host!a} is not the address of a host",
            remedy=f"write it with its scheme: registry remote trust {name} https://{host}",
        )
    confirm_host(settings.registry, name.lower(), host)
    return host


def _find_remote(settings: DvcSettings, name: str) -> RemoteSettings:
    """A remote by its name, or one at a URL or path that the user gives."""
    if "://" in name:
        return RemoteSettings("new", name, {})
    if "/" in name and Path(name).expanduser().is_absolute():
        return RemoteSettings("new", str(Path(name).expanduser()), {})
    return select_remote(settings, name)


def _open_both(
    registry: Snapshot, state: Snapshot, to: str, source: str | None
) -> tuple[Remote, Remote]:
    """The source and the target of a copy."""
    theirs, ours = state.store.settings, registry.store.settings
    if source is None:
        first = state.store.chosen
    else:
        try:
            first = _find_remote(theirs, source)
        except NoRemoteError:
            first = _find_remote(ours, source)
    second = _find_remote(ours, to)
    places = [(one.url, one.options.get("endpointurl")) for one in (first, second)]
    if places[0] == places[1]:
        raise UsageError(
            f"{to!a} already stores the objects: {second.name} and {first.name} are the same place",
            remedy="name the remote to copy to: registry remote copy NAME|URL",
        )
    return open_configured(theirs, first), open_configured(ours, second)


@dataclass(frozen=True)
class RemoteCopy:
    """What a copy between remotes has to do, or did.

    Attributes:
        source: The remote that is read.
        target: The remote that is written.
        plan: The objects to copy, to verify, and verified before.
        copied: The result of the copy; None in a dry run.
        missing: Objects of published versions that the target lacks afterwards.
    """

    source: RemoteName
    target: RemoteName
    plan: CopyPlan
    copied: CopySummary | None = None
    missing: tuple[Finding, ...] = ()


def copy_remote(
    registry: Snapshot,
    to: str,
    *,
    source: str | None = None,
    dry_run: bool = False,
    on_planned: Callable[[RemoteCopy], None] = lambda _: None,
    progress: Progress = SILENT,
) -> RemoteCopy:
    """Copy the objects of all versions to another remote; every object is verified.

    Args:
        registry: The registry.
        to: The target: a remote's name, a URL or an absolute path.
        source: The source; by default the remote that the main branch configures.
        dry_run: Only plan.
        on_planned: Called with the plan before anything is copied.
        progress: Receives the progress.

    Raises:
        UsageError: Source and target are the same place.
        NoRemoteError: There is no such remote.
        RemoteError: A remote cannot be read or written.
    """
    state = published_state(registry)
    first, second = _open_both(registry, state, to, source)
    named = needs(None, {"": everywhere(registry.repository)})
    found = present(named.objects, named.folders.keys(), first)
    journal = CopyJournal(registry.store.settings.registry, second.url)
    todo = plan(found, second, journal)
    outcome = RemoteCopy(RemoteName.of(first), RemoteName.of(second), todo)
    on_planned(outcome)
    if dry_run:
        return outcome
    making = registry.store.cache.root / "copying"
    done = copy(todo, first, second, journal, making=making, progress=progress)
    report = check_remote(Report("pass", (), 0), state.catalog.tree, lambda: second)
    return RemoteCopy(outcome.source, outcome.target, todo, done, tuple(report.findings))


class RestoredArtifact(NamedTuple):
    """The result of restoring an artifact.

    Attributes:
        model: The model, ``namespace/model``.
        version: The version.
        artifact: The artifact's name.
        remote: The remote's name.
        objects: How many objects were uploaded.
        of: How many there are.
        size: The size of the artifact in bytes.
    """

    model: str
    version: str
    artifact: str
    remote: str
    objects: int
    of: int
    size: int


def restore_artifact(
    registry: Snapshot,
    reference: str,
    source: Path,
    *,
    artifact: str | None = None,
    progress: Progress = SILENT,
) -> RestoredArtifact:
    """Upload the files of an artifact that the remote has lost; only content that the record names is accepted.

    Args:
        registry: The registry.
        reference: The version.
        source: The file or folder that the artifact was made from.
        artifact: Its name; by default the one of role ``model``, or the only one.
        progress: Receives the progress.

    Raises:
        RefusedError: The files differ from the record.
        RemoteError: The remote cannot be used.
    """
    asked = Reference.for_change(reference)
    version = registry.version(asked, allow_withdrawn=True, allow_draft=True)
    found, store = version.artifact(artifact), registry.store
    done = restore(found.entry, source, cache=store.cache, remote=store.remote, progress=progress)
    return RestoredArtifact(
        version.model,
        version.version,
        found.name,
        store.remote.name,
        done.objects,
        done.of,
        done.size,
    )
