"""``registry gc``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.commands.erase import ask_to_delete, print_doubt, print_searched
from registry_tool.cli.completion import complete_folder
from registry_tool.cli.options import (
    finish_interrupted,
    format_option,
    open_for_reading,
    repo_option,
)
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words

if TYPE_CHECKING:
    from registry_tool.api.interface.types import StoredObject
    from registry_tool.api.maintenance import GcReport

__all__ = ["gc"]

_SHOWN: Final = 20


def _data(report: GcReport) -> dict[str, object]:
    found, deleted = report.found, report.deleted
    return {
        "remote": report.remote.name,
        "dry_run": deleted is None,
        "needed": len(found.needed),
        "young": len(found.young),
        "orphans": [
            {"md5": one.md5, "size": one.size, "time": one.modified} for one in found.orphans
        ],
        "broken_uploads": [
            {"path": one.path, "size": one.size, "time": one.modified} for one in found.leftovers
        ],
        "missing": [
            {"rule": one.rule, "path": one.path, "message": one.message, "found": one.found}
            for one in report.missing
        ],
        "freed": 0 if deleted is None else deleted.size,
    }


def _orphan_cells(one: StoredObject) -> tuple[str, ...]:
    day = "" if one.modified is None else time.strftime("%Y-%m-%d", time.gmtime(one.modified))
    return ("   ", "" if one.size is None else size_words(one.size), day, one.md5)


def _print(report: GcReport) -> None:
    found = report.found
    say(f"remote {report.remote}:")
    kinds = (
        ("used", found.needed, ""),
        ("kept", found.young, f"unused, but uploaded or leased in the last {report.days} days"),
        ("unused", found.orphans, "not used by any version"),
    )
    for line in columns(
        (f"  {name}", str(len(objects)), size_words(sum(one.size or 0 for one in objects)), why)
        for name, objects, why in kinds
    ):
        say(line)
    for line in columns(_orphan_cells(one) for one in found.orphans[:_SHOWN]):
        say(line)
    if rest := found.orphans[_SHOWN:]:
        say(f"    … and {len(rest)} more, {size_words(sum(one.size or 0 for one in rest))}")
    if found.leftovers:
        say(f"  and the remains of {len(found.leftovers)} interrupted uploads")
    for one in report.missing:
        say(f"{one.path}:{one.line}: {one.rule} {one.message}", err=True, fg="red")
        say(f"  try: {one.remedy}", err=True)
    print_doubt(report.doubt)
    print_searched(report.states)
    say(
        "Objects used only by other repositories are not detected; list those repositories with --also"
    )


@click.command()
@click.option(
    "--also", metavar="DIR|URL", multiple=True, shell_complete=complete_folder,
    help="Another registry or DVC repository that uses the same remote; may be repeated.",
)  # fmt: skip
@click.option(
    "--older-than", metavar="DAYS", type=click.IntRange(min=0), default=7, show_default=True,
    help="Keep objects that are younger: an upload comes before the manifest that names it.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Delete. Without it, the command only reports.")
@format_option
@repo_option
def gc(*, also: tuple[str, ...], older_than: int, yes: bool, form: str, repo: str) -> int:
    """An object is used if this registry or a repository given with --also names it.

    All refs of the clone and of its Git remotes count (heads of pull requests are fetched for that), its work trees and
    reflogs, and versions that were added in the last days and are not published yet. Nothing is deleted without --yes,
    or, on a terminal, before you have typed the name of the remote; nor while this clone has not fetched all branches.
    Exit code 1 if objects of published versions are missing.

    \b
    Examples:
      registry gc                                    report
      registry gc --format json                      for a nightly job
      registry gc --also ../other-registry --yes     delete what neither registry uses
    """

    def confirm(report: GcReport) -> bool:
        if form == "text":
            _print(report)
        if not report.has_garbage:
            return False
        return yes or ask_to_delete(report.remote.name, form)

    finish_interrupted(repo)
    with open_for_reading(repo, None) as registry, progress_bar() as progress:
        report = registry.gc(
            also=also, older_than=older_than, delete=yes, confirm=confirm, progress=progress
        )
    if form == "json":
        print_json(_data(report))
    elif (deleted := report.deleted) is not None:
        rests = (
            f", and the remains of {deleted.leftovers} interrupted uploads"
            if deleted.leftovers
            else ""
        )
        say(f"freed {size_words(deleted.size)}: {deleted.objects} objects{rests}")
    return 1 if any(one.severity == "refuse" for one in report.missing) else 0
