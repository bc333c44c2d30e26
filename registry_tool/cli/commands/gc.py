"""``registry gc``: what the remote lacks, what it holds that nobody needs, and deleting that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from registry_tool.cli.commands.purge import NothingDoneError, behind, confirm, say_looked_through
from registry_tool.cli.completion import complete_folder
from registry_tool.cli.options import (
    finish_interrupted,
    format_option,
    open_for_reading,
    repo_option,
)
from registry_tool.cli.output.console import columns, print_json, progress_bar, say, size_words
from registry_tool.errors import NotFoundError, RefusedError, RegistryError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry
    from registry_tool.artifacts.remotes.base import Remote, RemoteObject
    from registry_tool.checks.findings import Finding
    from registry_tool.gc.collect import CollectSummary, RemoteAudit
    from registry_tool.gc.reachability import RegistryState, RequiredObjects
    from registry_tool.git.repository import Repository

__all__ = ["gc"]

_SHOWN: Final = 20
_DAY: Final = 24 * 3600


class _Registries:
    """Those whose needs count: this one, and others on the same remote."""

    def __init__(self, own: Repository, others: Sequence[Repository]) -> None:
        self._all = {"": own, **{other.source: other for other in others}}
        self.states: list[RegistryState] = []

    def ask(self, md5s: Iterable[str]) -> RequiredObjects:
        """Who needs some objects, in all refs that are there now."""
        from registry_tool.gc.reachability import everywhere, needs

        seen = {label: everywhere(repository) for label, repository in self._all.items()}
        self.states = [state for states in seen.values() for state in states]
        return needs(md5s, seen)

    def check_trusted(self) -> None:
        """See that this registry's say counts, before something is deleted.

        Raises:
            UntrustedRepositoryError: Its repository belongs to another user.
        """
        self._all[""].git.check_trusted()

    def doubt(self) -> RegistryError | None:
        """Why the refs that are here may not be all there are."""
        doubts = (behind(repository) for repository in self._all.values())
        return next((doubt for doubt in doubts if doubt is not None), None)


class _Outcome(NamedTuple):
    """What was found, and what was done about it."""

    remote: Remote
    audit: RemoteAudit
    missing: Sequence[Finding]
    days: int
    doubt: RegistryError | None

    def data(self, done: CollectSummary | None) -> dict[str, object]:
        """For programs."""
        found = self.audit
        return {
            "remote": self.remote.name,
            "dry_run": done is None,
            "needed": len(found.needed),
            "young": len(found.young),
            "orphans": [_object(one) for one in found.orphans],
            "broken_uploads": [
                {"path": one.path, "size": one.size, "time": one.modified}
                for one in found.leftovers
            ],
            "missing": [
                {"rule": one.rule, "path": one.path, "message": one.message, "found": one.found}
                for one in self.missing
            ],
            "freed": 0 if done is None else done.size,
        }

    def say(self) -> None:
        """For people."""
        found, remote = self.audit, self.remote
        say(f"the remote {remote.name} ({remote.url}):")
        kinds = (
            ("needed", found.needed, ""),
            (
                "kept",
                found.young,
                f"needed by nobody, and uploaded or leased in the last {self.days} days",
            ),
            ("orphans", found.orphans, "needed by nobody"),
        )
        for line in columns(
            (f"  {name}", str(len(held)), size_words(sum(one.size or 0 for one in held)), why)
            for name, held, why in kinds
        ):
            say(line)
        for line in columns(_orphan_cells(one) for one in found.orphans[:_SHOWN]):
            say(line)
        if rest := found.orphans[_SHOWN:]:
            say(f"    … and {len(rest)} more, {size_words(sum(one.size or 0 for one in rest))}")
        if found.leftovers:
            say(f"  and the rests of {len(found.leftovers)} broken uploads")
        for one in self.missing:
            say(f"{one.path}:{one.line}: {one.rule} {one.message}", err=True, fg="red")
            say(f"  try: {one.remedy}", err=True)
        if self.doubt is not None:
            say(f"warning: {self.doubt.message}", err=True, fg="yellow")
            say(f"  try: {self.doubt.remedy}", err=True)


def _object(one: RemoteObject) -> dict[str, object]:
    return {"md5": one.md5, "size": one.size, "time": one.modified}


def _orphan_cells(one: RemoteObject) -> tuple[str, ...]:
    day = "" if one.modified is None else time.strftime("%Y-%m-%d", time.gmtime(one.modified))
    return ("   ", "" if one.size is None else size_words(one.size), day, one.md5)


def _published(registry: Registry) -> Registry:
    """The registry as it is on the main branch, where there is one."""
    from registry_tool.git.refs import main_branch

    main = main_branch(registry.repository.git)
    return registry if main is None else registry.at(main.tip)


def _missing(registry: Registry, remote: Remote) -> list[Finding]:
    """What published versions lack on the remote."""
    from registry_tool.checks.findings import Report
    from registry_tool.checks.remote import check_remote

    return [*check_remote(Report("pass", (), 0), registry.catalog.tree, lambda: remote).findings]


@contextmanager
def _opened(places: Sequence[str], own: Repository) -> Iterator[list[Repository]]:
    """Other Git repositories, registries or plain DVC's, that keep bytes on the same remote."""
    from registry_tool.git.remote.clone_cache import is_url
    from registry_tool.git.repository import Repository

    with ExitStack() as opened:
        found = []
        for place in places:
            if not is_url(place) and not Path(place).exists():
                raise NotFoundError(f"there is no repository {place!a}", remedy="--also DIR|URL")
            other = Repository.open(place if is_url(place) else str(Path(place).resolve()))
            opened.callback(other.close)
            if other.git.git_dir.resolve() == own.git.git_dir.resolve():
                raise UsageError(f"--also {place!a} is this registry itself", remedy="name another")
            found.append(other)
        yield found


def _check_sane(found: RemoteAudit, remote: Remote) -> None:
    """A registry that needs nothing of all that is there most likely looks at the remote of another one."""
    if found.orphans and not found.needed:
        raise RefusedError(
            f"this registry needs none of the {len(found.orphans)} objects on the remote {remote.name} "
            f"({remote.url}): it may be that of another registry, so nothing is deleted",
            remedy="name the registries that use it: --also DIR|URL; or see where the remote is: dvc remote list",
        )


def _carry_out(outcome: _Outcome, registries: _Registries, form: str, *, yes: bool) -> None:
    from registry_tool.gc.collect import collect

    found, remote = outcome.audit, outcome.remote
    if form == "text":
        outcome.say()
        say_looked_through(registries.states)
        say("what registries or DVC repositories that are not named with --also need is not seen")
    if not (found.orphans or found.leftovers):
        raise NothingDoneError
    if yes:
        registries.check_trusted()
        _check_sane(found, remote)
        if outcome.doubt is not None:
            raise outcome.doubt
    else:
        confirm(remote.name, form, "deleted")
        registries.check_trusted()
        _check_sane(found, remote)
    with progress_bar() as progress:
        done = collect(found, remote, registries.ask, progress=progress)
    if form == "json":
        print_json(outcome.data(done))
        return
    rests = f", and the rests of {done.leftovers} broken uploads" if done.leftovers else ""
    say(f"freed {size_words(done.size)}: {done.objects} objects{rests}")


@click.command()
@click.option(
    "--also", metavar="DIR|URL", multiple=True, shell_complete=complete_folder,
    help="Another registry or DVC repository on the same remote, whose needs count too.",
)  # fmt: skip
@click.option(
    "--older-than", metavar="DAYS", type=click.IntRange(min=0), default=7, show_default=True,
    help="Leave alone what is younger: an upload comes before the manifest that names it.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Delete. Without it, it is only shown.")
@format_option
@repo_option
def gc(*, also: tuple[str, ...], older_than: int, yes: bool, form: str, repo: str) -> int:
    """Look through the whole artifact remote: what it lacks, and what it holds that nobody needs.

    Needed is what this registry names, and every repository given with --also: in any ref of the clone or of its
    remotes (heads of pull requests are fetched for that), in its work trees and reflogs, and what was added in the
    last days and is not published yet. Nothing is deleted without --yes, or on a terminal before you have typed the name of the remote; nor while this
    clone has not fetched all branches. Exit code 1 when bytes of published versions are missing.

    \b
    Examples:
      registry gc                                    what lies there
      registry gc --format json                      the nightly audit
      registry gc --also ../other-registry --yes     delete what neither needs
    """
    from registry_tool.gc.collect import audit

    finish_interrupted(repo)
    with open_for_reading(repo, None) as opened, _opened(also, opened.repository) as others:
        registry = _published(opened)
        registries = _Registries(opened.repository, others)
        remote = registry.store.remote
        missing = _missing(registry, remote)
        before = time.time() - older_than * _DAY
        found = audit(remote, registries.ask, before=before)
        outcome = _Outcome(remote, found, missing, older_than, registries.doubt())
        try:
            _carry_out(outcome, registries, form, yes=yes)
        except NothingDoneError:
            if form == "json":
                print_json(outcome.data(None))
    return 1 if any(one.severity == "refuse" for one in missing) else 0
