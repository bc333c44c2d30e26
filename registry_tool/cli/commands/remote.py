"""``registry remote``: where bytes are, which hosts get credentials, and moving to another place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.options import Part, format_option, open_for_reading, repo_option
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words
from registry_tool.errors import NoRemoteError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.artifacts.remotes.base import Remote
    from registry_tool.artifacts.remotes.config import DvcSettings, RemoteSettings
    from registry_tool.artifacts.transfer.copy import CopyJournal, CopyPlan, CopySummary
    from registry_tool.checks.findings import Finding

__all__ = ["remote"]


@click.group(cls=Part)
def remote() -> None:
    """Copy all bytes to another remote, and confirm hosts.

    Remotes are configured with DVC: `dvc remote add`, `dvc remote modify`.
    """


def _published(registry: Registry) -> Registry:
    """The registry as it is on the main branch; as it lies here where nothing is published."""
    from registry_tool.git.refs import main_branch

    main = main_branch(registry.repository.git)
    return registry if main is None else registry.at(main.tip)


@remote.command("list")
@format_option
@repo_option
def list_(*, form: str, repo: str) -> None:
    """List the remotes, and the hosts that were confirmed for each.

    \b
    Examples:
      registry remote list
    """
    from registry_tool.artifacts.remotes.base import redact_url
    from registry_tool.artifacts.remotes.config import all_remotes
    from registry_tool.artifacts.remotes.trusted_hosts import confirmed_hosts

    with open_for_reading(repo, None) as registry:
        settings = registry.store.settings
        confirmed = confirmed_hosts(settings)
        try:
            used = registry.store.chosen.name
        except NoRemoteError:
            used = ""
    rows = [
        {
            "name": one.name,
            "url": redact_url(one.url),
            "default": one.name == used,
            "host": one.host,
            "confirmed": confirmed.get(one.name, []),
        }
        for one in all_remotes(settings)
    ]
    if form == "json":
        print_json(rows)
        return
    for line in columns(
        (
            str(row["name"]), str(row["url"]), "default" if row["default"] else "",
            f"confirmed: {', '.join(hosts)}" if (hosts := confirmed.get(str(row["name"]))) else "",
        )
        for row in rows
    ):  # fmt: skip
        say(line)


@remote.command()
@click.argument("name", metavar="NAME")
@click.argument("host", metavar="[HOST]", required=False)
@repo_option
def trust(*, name: str, host: str | None, repo: str) -> None:
    """Confirm the host of a remote, so that it gets credentials.

    The first use of a registry confirms the hosts that its committed .dvc/config names. When that file names another
    host later, credentials are withheld until you confirm it. HOST is an address such as https://s3.example.org, by
    default the one that the configuration here names. What is confirmed is kept on this machine, outside the
    repository.

    \b
    Examples:
      registry remote trust storage
      registry remote trust storage https://s3.example.org
    """
    from registry_tool.artifacts.remotes.config import endpoint, select_remote
    from registry_tool.artifacts.remotes.trusted_hosts import trust as confirm

    with open_for_reading(repo, None) as registry:
        settings = registry.store.settings
    if host is None:
        chosen = select_remote(settings, name)
        host = endpoint({**chosen.options, "url": chosen.url})
        if not host:
            raise UsageError(
                f"the remote {name} is a folder, which gets no credentials",
                remedy="nothing needs to be confirmed",
            )
    elif "://" not in host:
        raise UsageError(
            f"{host!a} is not the address of a host",
            remedy=f"write it with its scheme: registry remote trust {name} https://{host}",
        )
    confirm(settings.registry, name.lower(), host)
    say(f"the remote {name} gets credentials at {host}")


def _chosen(settings: DvcSettings, name: str) -> RemoteSettings:
    """A remote by its name, or at a URL or path that the user gives."""
    from pathlib import Path

    from registry_tool.artifacts.remotes.config import RemoteSettings, select_remote

    if "://" in name:
        return RemoteSettings("new", name, {})
    if "/" in name and Path(name).expanduser().is_absolute():
        return RemoteSettings("new", str(Path(name).expanduser()), {})
    return select_remote(settings, name)


def _both(
    registry: Registry, published: Registry, to: str, from_: str | None
) -> tuple[Remote, Remote]:
    """The source and the target."""
    from registry_tool.artifacts.remotes.open import open_configured

    theirs, ours = published.store.settings, registry.store.settings
    if from_ is None:
        source = published.store.chosen
    else:
        try:
            source = _chosen(theirs, from_)
        except NoRemoteError:
            source = _chosen(ours, from_)
    target = _chosen(ours, to)
    if (source.url, source.options.get("endpointurl")) == (
        target.url,
        target.options.get("endpointurl"),
    ):
        raise UsageError(
            f"{to!a} is where the bytes are: {target.name} and {source.name} are the same place",
            remedy="name the remote to copy to: registry remote copy NAME|URL",
        )
    return open_configured(theirs, source), open_configured(ours, target)


def _planned(registry: Registry, source: Remote, target: Remote) -> tuple[CopyPlan, CopyJournal]:
    from registry_tool.artifacts.transfer.copy import CopyJournal, plan, present
    from registry_tool.gc.reachability import everywhere, needs

    named = needs(None, {"": everywhere(registry.repository)})
    found = present(named.objects, named.folders.keys(), source)
    journal = CopyJournal(registry.store.settings.registry, target.url)
    return plan(found, target, journal), journal


def _missing(published: Registry, target: Remote) -> list[Finding]:
    """What published versions lack on the target."""
    from registry_tool.checks.findings import Report
    from registry_tool.checks.remote import check_remote

    report = check_remote(Report("pass", (), 0), published.catalog.tree, lambda: target)
    return [*report.findings]


def _say(todo: CopyPlan, source: Remote, target: Remote) -> None:
    say(f"from {source.name} ({source.url})")
    say(f"to   {target.name} ({target.url})")
    kinds = (
        ("to copy", todo.going, ""),
        ("to verify", todo.unproved, "on the target, not copied by this machine"),
        ("verified", todo.proved, "on the target, verified by an earlier run"),
    )
    for line in columns(
        (f"  {name}", str(len(md5s)), size_words(todo.size(md5s)), why) for name, md5s, why in kinds
    ):
        say(line)


@remote.command()
@click.argument("to", metavar="NAME|URL")
@click.option(
    "--from", "from_", metavar="NAME|URL", default=None,
    help="Copy from this remote. Default: the published one.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only show what would be copied.")
@format_option
@repo_option
def copy(*, to: str, from_: str | None, dry_run: bool, form: str, repo: str) -> int:
    """Copy the bytes of all versions to another remote.

    Do this before the registry switches: copy, change .dvc/config on a branch, run `registry check --remote`, merge, and
    copy once more for what was added meanwhile. Copied is what any branch or tag of this clone names; the source keeps
    everything. Every object is verified on its way. What is on the target already is read there once and verified; run
    the same command again after a failure, and it goes on where it stopped. Exit code 1 when bytes of published
    versions are missing on the target afterwards.

    \b
    Examples:
      registry remote copy s3://acme-models/registry --dry-run
      registry remote copy s3://acme-models/registry
      registry remote copy new --from storage
    """
    from registry_tool.artifacts.transfer.copy import copy as copy_all

    with open_for_reading(repo, None) as registry:
        published = _published(registry)
        source, target = _both(registry, published, to, from_)
        todo, journal = _planned(registry, source, target)
        if form == "text":
            _say(todo, source, target)
        done = None
        if not dry_run:
            making = registry.store.cache.root / "copying"
            with progress_bar() as progress:
                done = copy_all(todo, source, target, journal, making=making, progress=progress)
        missing = [] if done is None else _missing(published, target)
    if form == "json":
        print_json({"from": source.url, "to": target.url, **_data(todo, done, missing)})
    else:
        _say_outcome(done, missing)
    return 1 if missing else 0


def _data(todo: CopyPlan, done: CopySummary | None, missing: list[Finding]) -> dict[str, object]:
    """For programs."""
    return {
        "dry_run": done is None,
        "to_copy": len(todo.going),
        "to_copy_bytes": todo.size(todo.going),
        "to_verify": len(todo.unproved),
        "verified": len(todo.proved),
        "copied": 0 if done is None else done.objects,
        "missing": [
            {"path": one.path, "message": one.message, "found": one.found} for one in missing
        ],
    }


def _say_outcome(done: CopySummary | None, missing: list[Finding]) -> None:
    """For people."""
    for one in missing:
        say(f"{one.path}:{one.line}: {one.rule} {one.message}", err=True, fg="red")
        say(f"  try: {one.remedy}", err=True)
    if done is not None:
        size = size_words(done.size)
        say(f"copied {done.objects} objects, {size}; {done.proved} were there, verified")
