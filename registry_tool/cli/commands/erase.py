"""``registry erase``: the record of a version stays, its files are deleted, in two steps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from registry_tool.cli.change import (
    WriteArguments,
    open_for_writing,
    print_publication,
    writing_options,
)
from registry_tool.cli.commands.lifecycle import check_reason
from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.options import finish_interrupted, open_for_reading
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words
from registry_tool.errors import RefusedError, RegistryError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.interface.types import SearchedState
    from registry_tool.api.maintenance import ErasePreview, ObjectFate, PurgeReport

__all__ = ["ask_to_delete", "erase", "print_doubt", "print_searched"]

_SHOWN: Final = 20


def _is_interactive(form: str) -> bool:
    return form == "text" and sys.stdin.isatty() and sys.stdout.isatty()


def ask_to_delete(name: str, form: str, *, done: str = "deleted") -> bool:
    """Ask on a terminal; elsewhere a dry run ends.

    Raises:
        RefusedError: Something other than the name was typed.
    """
    if not _is_interactive(form):
        if form == "text":
            say(f"nothing was {done}: this was a dry run; add --yes to do it")
        return False
    typed = click.prompt(f"type {name} to continue", default="", show_default=False)
    if typed.strip() != name:
        raise RefusedError(f"{typed!a} is not {name}: nothing was {done}")
    return True


def print_doubt(doubt: RegistryError | None) -> None:
    """Warn that the refs that were searched may not be complete."""
    if doubt is not None:
        say(f"warning: {doubt.message}", err=True, fg="yellow")
        say(f"  try: {doubt.remedy}", err=True)


def print_searched(states: Sequence[SearchedState]) -> None:
    """Where uses were searched for, and what is not covered."""
    say(
        f"searched all refs of this clone and its remotes, its work trees and reflogs: {len(states)} different "
        "states; unpushed work in other clones is not detected"
    )


def _cells(one: ObjectFate) -> tuple[str, ...]:
    why = "" if one.need is None else one.need.words
    size = "" if one.blob.size is None else size_words(one.blob.size)
    return (f"  {one.fate}", size, one.blob.path, why)


def _object_data(one: ObjectFate) -> dict[str, object]:
    need = one.need
    return {
        "md5": one.blob.md5,
        "path": one.blob.path,
        "size": one.blob.size,
        "fate": one.fate,
        "needed_by": None if need is None else {"subject": need.subject, "ref": need.ref},
    }


def _print_objects(objects: Sequence[ObjectFate]) -> None:
    for line in columns(_cells(one) for one in objects[:_SHOWN]):
        say(line)
    if len(objects) > _SHOWN:
        rest = sum(one.blob.size or 0 for one in objects[_SHOWN:])
        say(f"  … and {len(objects) - _SHOWN} more, {size_words(rest)}")


def _print_preview(found: ErasePreview) -> None:
    say(found.change.message)
    for path in sorted({*found.change.puts, *found.change.deletes}):
        say(f"  {'would write' if path in found.change.puts else 'would remove':<13} {path}")
    say("its record stays, with every digest; it cannot become active again")
    if found.objects:
        say("its objects, which a second step deletes from the remote:")
        _print_objects(found.objects)
    if any(one.blob.unlisted for one in found.objects):
        say("  the files of a large folder are listed when they are purged")
    print_searched(found.states)


def _preview_data(found: ErasePreview) -> dict[str, object]:
    return {
        "message": found.change.message,
        "dry_run": True,
        "writes": sorted(found.change.puts),
        "removes": sorted(found.change.deletes),
        "objects": [_object_data(one) for one in found.objects],
        "refs": [seen.ref for seen in found.states],
    }


def _erase(reference: str, reason: str, how: WriteArguments, *, with_tags: bool, yes: bool) -> int:
    def confirm(found: ErasePreview) -> bool:
        if how.form == "json":
            print_json(_preview_data(found))
        else:
            _print_preview(found)
        return ask_to_delete(found.version, how.form, done="written")

    with open_for_writing(how) as (registry, options):
        done = registry.erase(
            reference, reason=reason, with_tags=with_tags, confirm=None if yes else confirm, **options
        )  # fmt: skip
        return 0 if done is None else print_publication(registry, how, done)


def _purge_data(report: PurgeReport) -> dict[str, object]:
    tomb, deleted = report.tombstone, report.deleted
    return {
        "reference": str(tomb.version),
        "branch": tomb.branch,
        "commit": tomb.commit,
        "remote": report.remote.name,
        "objects": [_object_data(one) for one in report.objects],
        "refs": [seen.ref for seen in report.states],
        "not_erased_in": list(report.copies),
        "dry_run": deleted is None,
        "freed": 0 if deleted is None else deleted.size,
    }


def _print_plan(report: PurgeReport) -> None:
    tomb = report.tombstone
    say(f"{tomb.version} is erased in {tomb.branch} at {tomb.commit[:12]}")
    say(f"in remote {report.remote}:")
    _print_objects(report.objects)
    print_searched(report.states)


def _warn_about_plan(report: PurgeReport) -> None:
    if report.copies:
        named = ", ".join(report.copies[:3]) + (" …" if report.copies[3:] else "")
        say(f"warning: {report.tombstone.version} is not erased in {named}; its objects are deleted anyway: "
            "an erasure is final", err=True, fg="yellow")  # fmt: skip
    print_doubt(report.doubt)


def _print_deleted(report: PurgeReport) -> None:
    done = report.deleted
    if done is None:
        return
    objects = "1 object" if done.objects == 1 else f"{done.objects} objects"
    cached = f"; {done.cached} deleted from this machine's cache" if done.cached else ""
    if done.objects:
        say(f"freed {size_words(done.size)} in the remote, {objects}{cached}")
    else:
        say(f"nothing left to delete in the remote{cached}")


def _purge(reference: str, also: Sequence[str], how: WriteArguments, *, yes: bool) -> int:
    def confirm(report: PurgeReport) -> bool:
        if report.doubt is not None and _is_interactive(how.form):
            raise report.doubt
        if how.form == "text":
            _print_plan(report)
        _warn_about_plan(report)
        return ask_to_delete(str(report.tombstone.version), how.form)

    finish_interrupted(how.repo)
    with open_for_reading(how.repo, None) as registry, progress_bar() as progress:
        report = registry.purge(
            reference, also=also, delete=yes, confirm=None if yes else confirm, progress=progress
        )
    if how.form == "json":
        print_json(_purge_data(report))
        return 0
    if yes:
        _print_plan(report)
        _warn_about_plan(report)
    _print_deleted(report)
    return 0


def _check_step(reason: str | None, how: WriteArguments, *, purge: bool, with_tags: bool, also: bool) -> None:  # fmt: skip
    """The two steps have different options."""
    if not purge:
        check_reason(reason)
        if also:
            raise UsageError("--also requires --purge")
        return
    given = {
        "--reason": reason is not None, "--with-tags": with_tags, "--commit": how.commit,
        "--branch": how.branch is not None, "--push": how.push, "--message": how.message is not None,
    }  # fmt: skip
    wrong = [option for option, is_given in given.items() if is_given]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)} cannot be used with --purge, which writes nothing to the registry",
            remedy="erase first; purge once that is on the main branch",
        )


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option("--reason", metavar="TEXT", help="Why; readers see it.")
@click.option("--with-tags", is_flag=True, help="Delete the version's tags in the same change.")
@click.option("--purge", is_flag=True, help="The second step: delete the objects from the remote.")
@click.option(
    "--also", metavar="DIR|URL", multiple=True, shell_complete=complete_folder,
    help="With --purge: another registry or DVC repository that uses the same remote; may be repeated.",
)  # fmt: skip
@click.option(
    "--yes", is_flag=True, help="Do it. Without it, the command only shows what it would do."
)
@writing_options
def erase(
    *,
    reference: str,
    reason: str | None,
    with_tags: bool,
    purge: bool,
    also: tuple[str, ...],
    yes: bool,
    how: WriteArguments,
) -> int:
    """Erasing cannot be undone, and the version's number is not used again.

    The first step sets the state in status.yaml and deletes the .dvc pointer files, so that a plain `dvc pull` still
    succeeds. The record with all digests, the card and the evidence stay. No alias may point to the version, and no tag
    unless --with-tags deletes it too.

    Once that is on the main branch, --purge deletes the objects from the remote and from this machine's cache, except
    those that another version or model uses in any branch or tag. Fetch first: refs that this clone does not have are
    not searched. Versions that were never pushed are not detected; `registry check --remote` finds them later. A store
    that keeps old versions of its objects, or backups, keeps them; so do copies made by `dvc pull`. If a purge was
    interrupted, run it again.

    Without --yes, both steps only show what they would do; on a terminal they ask. A whole model cannot be erased:
    archive it.

    \b
    Examples:
      registry erase nlp/lang-id@3 --reason "trained on data we may not use"
      registry erase nlp/lang-id@3 --reason "request 4711" --with-tags --yes --branch erase-lang-id-3 --push
      registry erase nlp/lang-id@3 --purge
      registry erase nlp/lang-id@3 --purge --also ../other-registry --yes
    """
    _check_step(reason, how, purge=purge, with_tags=with_tags, also=bool(also))
    if purge:
        return _purge(reference, also, how, yes=yes)
    return _erase(reference, reason or "", how, with_tags=with_tags, yes=yes)
