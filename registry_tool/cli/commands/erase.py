"""``registry erase``: the record of a version stays, its bytes go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from registry_tool.cli.change import ChangeSession, How, writing, writing_options
from registry_tool.cli.commands.purge import (
    NothingDoneError,
    ObjectLine,
    confirm,
    say_lines,
    say_looked_through,
)
from registry_tool.cli.commands.purge import purge as purge_bytes
from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.output.console import print_json, say
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.edits.changeset import Edit
    from registry_tool.names import Reference

__all__ = ["erase"]


def _preview(desk: ChangeSession, act: Edit, reference: Reference, how: How) -> None:
    """Show what erasing would write, delete and set free, and ask."""
    from registry_tool.catalog.resolve import resolve
    from registry_tool.gc.purge import recorded_objects
    from registry_tool.gc.reachability import everywhere, needs

    change = act(desk.catalog)
    version = resolve(desk.catalog, reference, allow_withdrawn=True).version
    blobs, states = recorded_objects(version.data), everywhere(desk.repository)
    found = needs((b.md5 for b in blobs), {"": states}, leaving=version.folder).objects
    lines = [
        ObjectLine("kept" if b.md5 in found else "purgeable", b, found.get(b.md5)) for b in blobs
    ]
    if how.form == "json":
        print_json(
            {
                "message": change.message,
                "dry_run": True,
                "writes": sorted(change.puts),
                "removes": sorted(change.deletes),
                "objects": [line.data() for line in lines],
                "refs": [seen.ref for seen in states],
            }
        )
    else:
        say(change.message)
        for path in sorted({*change.puts, *change.deletes}):
            say(f"  {'would write' if path in change.puts else 'would remove':<13} {path}")
        say("its record stays, with every digest; it cannot become active again")
        if lines:
            say("its bytes, which a second step purges from the remote:")
            say_lines(lines)
        if any(blob.unlisted for blob in blobs):
            say("  the files of a large folder are looked up when they are purged")
        say_looked_through(states)
    confirm(str(version), how.form, "written")


def _erase(reference: Reference, reason: str, how: How, *, with_tags: bool, yes: bool) -> int:
    from registry_tool.edits.lifecycle import erase as erase_act

    act = erase_act(reference, reason=reason, with_tags=with_tags)
    with writing(how) as desk:
        before = None if yes else partial(_preview, desk, act, reference, how)
        return desk.finish(act, before=before)


def _check_step(reason: str | None, how: How, *, purge: bool, with_tags: bool, also: bool) -> None:
    """The two steps have different options."""
    if not purge:
        if reason is None or not reason.strip():
            raise UsageError("--reason is missing", remedy="say why: readers are told")
        if also:
            raise UsageError("--also goes with --purge")
        return
    given = {
        "--reason": reason is not None, "--with-tags": with_tags, "--commit": how.commit,
        "--branch": how.branch is not None, "--push": how.push, "--message": how.message is not None,
    }  # fmt: skip
    wrong = [option for option, is_given in given.items() if is_given]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)} does not go with --purge, which writes nothing into the registry",
            remedy="erase first; purge once that is on the main branch",
        )


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option("--reason", metavar="TEXT", help="Why; readers are told.")
@click.option("--with-tags", is_flag=True, help="Delete the version's tags in the same change.")
@click.option("--purge", is_flag=True, help="The second step: delete the bytes from the remote.")
@click.option(
    "--also", metavar="DIR|URL", multiple=True, shell_complete=complete_folder,
    help="With --purge: another registry on the same remote, whose needs count too.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do it. Without it, it is only shown.")
@writing_options
def erase(
    *,
    reference: str,
    reason: str | None,
    with_tags: bool,
    purge: bool,
    also: tuple[str, ...],
    yes: bool,
    how: How,
) -> int:
    """Erase a version for good: its record stays, its bytes go.

    Erasing says so in status.yaml and deletes the .dvc pointers, so that a plain `dvc pull` still succeeds. The
    record with all digests, the card and the evidence stay. No alias may hold the version, and no tag unless
    --with-tags deletes it too. There is no way back, and the version's number is not used again.

    Once that is on the main branch, --purge deletes the bytes from the remote and from this machine's cache, except
    what another version or model needs in any branch or tag. Fetch first: what this clone does not have is not
    seen. Not seen either are versions that nobody has pushed yet; `registry check --remote` finds them. A
    store that keeps old versions of its objects, or backups, keeps the bytes there; so do copies that `dvc pull` made.
    A purge that broke off is made again.

    Without --yes, both steps only show what they would do; on a terminal they ask. A whole model is not
    erased: archive it.

    \b
    Examples:
      registry erase nlp/lang-id@3 --reason "trained on data we may not use"
      registry erase nlp/lang-id@3 --reason "request 4711" --with-tags --yes --branch erase-lang-id-3 --push
      registry erase nlp/lang-id@3 --purge
      registry erase nlp/lang-id@3 --purge --also ../other-registry --yes
    """
    from registry_tool.names import Reference

    _check_step(reason, how, purge=purge, with_tags=with_tags, also=bool(also))
    asked = Reference.for_change(reference)
    try:
        if purge:
            return purge_bytes(asked, also, how, yes=yes)
        return _erase(asked, reason or "", how, with_tags=with_tags, yes=yes)
    except NothingDoneError:
        return 0
