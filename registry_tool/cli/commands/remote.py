"""``registry remote``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.options import Part, format_option, open_for_reading, repo_option
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words

if TYPE_CHECKING:
    from registry_tool.api.remotes import RemoteCopy

__all__ = ["remote"]


@click.group(cls=Part)
def remote() -> None:
    """Remotes are configured with DVC: `dvc remote add`, `dvc remote modify`."""


@remote.command("list")
@format_option
@repo_option
def list_(*, form: str, repo: str) -> None:
    """List the remotes and the hosts that are confirmed for each.

    \b
    Examples:
      registry remote list
    """
    with open_for_reading(repo, None) as registry:
        found = registry.remotes()
    if form == "json":
        print_json(
            [
                {
                    "name": one.name,
                    "url": one.url,
                    "default": one.is_default,
                    "host": one.host,
                    "confirmed": list(one.confirmed),
                }
                for one in found
            ]
        )
        return
    for line in columns(
        (
            one.name, one.url, "default" if one.is_default else "",
            f"confirmed: {', '.join(one.confirmed)}" if one.confirmed else "",
        )
        for one in found
    ):  # fmt: skip
        say(line)


@remote.command()
@click.argument("name", metavar="NAME")
@click.argument("host", metavar="[HOST]", required=False)
@repo_option
def trust(*, name: str, host: str | None, repo: str) -> None:
    """Confirm the host of a remote, so that it gets credentials.

    The first use of a registry confirms the hosts in its committed .dvc/config. If that file names another host later,
    credentials are withheld until you confirm it. HOST is an address such as https://s3.example.org; default: the
    configured one. Confirmations are stored on this machine, outside the repository.

    \b
    Examples:
      registry remote trust storage
      registry remote trust storage https://s3.example.org
    """
    with open_for_reading(repo, None) as registry:
        confirmed = registry.trust_host(name, host)
    say(f"remote {name} gets credentials at {confirmed}")


def _print_plan(planned: RemoteCopy) -> None:
    say(f"from {planned.source}")
    say(f"to   {planned.target}")
    todo = planned.plan
    kinds = (
        ("to copy", todo.going, ""),
        ("to verify", todo.unproved, "in the target, not copied by this machine"),
        ("verified", todo.proved, "in the target, verified by an earlier run"),
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
    """Copy the stored files of all versions to another remote.

    Do this before the registry switches: copy, change .dvc/config on a branch, run `registry check --remote`, merge, and
    copy again for versions that were added in the meantime. Everything that a branch or tag of this clone names is copied;
    the source is not changed. Every object is verified. Objects that the target already has are read once and verified.
    After a failure, run the same command again: it resumes. Exit code 1 if objects of published versions are missing in
    the target afterwards.

    \b
    Examples:
      registry remote copy s3://acme-models/registry --dry-run
      registry remote copy s3://acme-models/registry
      registry remote copy new --from storage
    """

    def show(planned: RemoteCopy) -> None:
        if form == "text":
            _print_plan(planned)

    with open_for_reading(repo, None) as registry, progress_bar() as progress:
        done = registry.copy_remote(
            to, source=from_, dry_run=dry_run, on_planned=show, progress=progress
        )
    if form == "json":
        print_json(_data(done))
    else:
        _print_outcome(done)
    return 1 if done.missing else 0


def _data(done: RemoteCopy) -> dict[str, object]:
    return {
        "from": done.source.url,
        "to": done.target.url,
        "dry_run": done.copied is None,
        "to_copy": len(done.plan.going),
        "to_copy_bytes": done.plan.size(done.plan.going),
        "to_verify": len(done.plan.unproved),
        "verified": len(done.plan.proved),
        "copied": 0 if done.copied is None else done.copied.objects,
        "missing": [
            {"path": one.path, "message": one.message, "found": one.found} for one in done.missing
        ],
    }


def _print_outcome(done: RemoteCopy) -> None:
    for one in done.missing:
        say(f"{one.path}:{one.line}: {one.rule} {one.message}", err=True, fg="red")
        say(f"  try: {one.remedy}", err=True)
    if (copied := done.copied) is not None:
        size = size_words(copied.size)
        say(
            f"copied {copied.objects} objects, {size}; {copied.proved} already existed and were verified"
        )
