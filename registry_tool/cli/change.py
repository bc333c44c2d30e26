"""What all commands that write share: where the change goes, uploading, and saying what was done.

A change goes to the work tree by default; ``--commit``, ``--branch`` and ``--push`` make one commit of it. Either way
it is checked first, and bytes are uploaded between the check and the writing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from registry_tool.cli.artifact_args import ArtifactSource, check_apart, check_outside, taken_from
from registry_tool.cli.options import (
    finish_interrupted,
    format_option,
    open_for_reading,
    repo_option,
    tell,
)
from registry_tool.cli.output.console import print_json, progress_bar, say, size_words
from registry_tool.cli.parsing import check_typed
from registry_tool.errors import GitError, UsageError

if TYPE_CHECKING:
    from registry_tool.api.artifact_store import ArtifactStore, StagedArtifact, UploadSummary
    from registry_tool.api.publish import Destination, Publication
    from registry_tool.api.registry import Registry
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.edits.changeset import ChangeSet, Edit
    from registry_tool.git.command import Git
    from registry_tool.manifests.problems import JSON

    Fields = Mapping[str, object]

__all__ = ["ChangeSession", "How", "carry_out", "writing", "writing_options", "writing_options_and"]


class How(NamedTuple):
    """The options that every command which writes has."""

    repo: str
    commit: bool
    branch: str | None
    push: bool
    message: str | None
    form: str


_OPTIONS = (
    click.option("--commit", is_flag=True, help="Make one commit on the checked-out branch."),
    click.option(
        "--branch", metavar="NAME",
        help="Make the commit on this branch; a new one starts at HEAD. The work tree stays as it is.",
    ),
    click.option("--push", is_flag=True, help="Make a commit and push its branch to origin."),
    click.option("--message", "-m", metavar="TEXT", help="The commit's message. Default: what was done."),
    repo_option,
)  # fmt: skip


def writing_options(function: Callable[..., int]) -> Callable[..., int]:
    """The options of a command that writes, given to it as one value ``how``; all text it gets is looked at first."""
    return writing_options_and(format_option)(function)


def writing_options_and(
    form: Callable[[Callable[..., int]], Callable[..., int]],
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """``writing_options``, with another ``--format``."""

    def decorated(function: Callable[..., int]) -> Callable[..., int]:
        return _with_options(function, (*_OPTIONS[:-1], form, _OPTIONS[-1]))

    return decorated


def _with_options(
    function: Callable[..., int],
    options: tuple[Callable[[Callable[..., int]], Callable[..., int]], ...],
) -> Callable[..., int]:
    @functools.wraps(function)
    def wrapped(**given: object) -> int:
        for name, value in given.items():
            check_typed(name.replace("_", "-"), value)
        how = How(**{field: given.pop(field) for field in How._fields})  # type: ignore[arg-type]  # click made them
        if how.message is not None and not how.message.strip():
            raise UsageError("--message is empty")
        return function(how=how, **given)

    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


class ChangeSession:
    """A registry opened for writing.

    Attributes:
        repository: The registry's repository.
        catalog: What the change will be made on: the work tree, or the branch's tip.
    """

    def __init__(self, registry: Registry, how: How, progress: Progress) -> None:
        from registry_tool.api.publish import Destination, base_catalog
        from registry_tool.git.remote.clone_cache import is_url

        self.repository = registry.repository
        self._how = how
        self._progress = progress
        bare = self.repository.git.work_tree is None
        self.destination: Destination = Destination(
            commit=how.commit or bare, branch=how.branch, push=how.push or is_url(registry.source)
        )
        self.catalog: Catalog = base_catalog(self.repository, self.destination, tell=tell)
        # The remote is the one that the change's own base names: others will look for the bytes there.
        base = type(registry)(
            self.repository, ref=registry.ref, tree=self.catalog.tree, commit=None
        )
        self.store: ArtifactStore = base.store
        self._taken: list[StagedArtifact] = []
        self._sent: UploadSummary | None = None

    def author(self) -> str:
        """Who makes the change; empty where Git does not know and no commit is made.

        Raises:
            GitError: A commit is wanted, and Git does not know who commits.
        """
        from registry_tool.git.commit import identity

        try:
            return identity(self.repository.git)
        except GitError:
            if self.destination.commits:
                raise
            return ""

    def take_in(
        self,
        asked: Sequence[ArtifactSource],
        roles: Mapping[str, str] | None = None,
        allow: Collection[str] = (),
    ) -> tuple[list[dict[str, JSON]], dict[str, bytes]]:
        """Read and digest artifacts; they are uploaded once the change has passed its check.

        Returns:
            Their entries for the manifest, and their pointers by path.

        Raises:
            UsageError: Two have one name or path, there is no such file, or it holds the registry.
            NoRemoteError: There is nowhere to store them.
            RemoteError: The remote cannot be used.
        """
        check_apart([(one.name, one.path) for one in asked])
        check_outside(asked, self.repository.git.work_tree)
        if not asked:
            return [], {}
        self.store.reach()  # what is wrong with it is said before large files are read
        found = taken_from(
            asked, self.store, self.catalog, roles or {}, self._progress, allow=allow
        )
        return self.hold(found)

    @property
    def progress(self) -> Progress:
        """Where long work is told."""
        return self._progress

    def hold(
        self, taken: Sequence[StagedArtifact]
    ) -> tuple[list[dict[str, JSON]], dict[str, bytes]]:
        """Keep what was read and digested for the upload; as ``take_in``."""
        self._taken += taken
        for one in taken:
            if not one.ingested.size:
                say(f"note:  artifact {one.entry['name']} has no bytes", err=True)
            for finding in one.findings:
                say(f"warn:  {finding}", err=True, fg="yellow")
        return [one.entry for one in taken], {str(t.entry["path"]): t.pointer for t in taken}

    def _upload(self) -> None:
        taken, self._taken = self._taken, []
        self._sent = self.store.upload(taken, progress=self._progress)
        if self._sent.warning:
            say(f"warning: {self._sent.warning}", err=True, fg="yellow")

    def _worded(self, act: Edit) -> Edit:
        """The act, with the user's own words for the commit."""
        from dataclasses import replace

        message = self._how.message

        def worded(catalog: Catalog) -> ChangeSet:
            change = act(catalog)
            return change if message is None else replace(change, message=message.strip())

        return worded

    def finish(
        self, act: Edit, *, before: Callable[[], None] | None = None, more: Fields | None = None
    ) -> int:
        """Check, upload, write, and say what was done; the exit code.

        ``before`` is called between the check and the writing, in place of uploads; ``more`` stands in the JSON.
        """
        from registry_tool.api.publish import publish

        size = sum(one.ingested.size for one in self._taken if one.ingested.blobs)
        before = self._upload if self._taken else before
        done = publish(
            self.repository, self._worded(act), self.destination, before=before, tell=tell
        )
        if self._how.form == "json":
            _print_data(done, more or {})
        else:
            _print_words(done)
            self._print_uploads(size)
            if done.commit is not None:
                say(f"  committed  {done.commit[:12]} to {done.branch}")
            elif _files(done):
                _print_next(self.repository.git, done)
            if self.destination.push:
                say(f"  pushed     {done.branch} to origin")
        _print_asides(done)
        return 0

    def _print_uploads(self, size: int) -> None:
        if self._sent is None:
            return
        sent, all_of_them, _ = self._sent
        name = self.store.remote.name
        if not sent:
            these = f"these {size_words(size)}" if size else "them"
            say(f"  uploaded   nothing: {name} has {these} already")
        elif sent == all_of_them:
            say(f"  uploaded   {size_words(size)} to {name}")
        else:
            say(
                f"  uploaded   {sent} of {all_of_them} objects to {name}, which had the others"
                f" ({size_words(size)} in all)"
            )


@contextmanager
def writing(how: How) -> Iterator[ChangeSession]:
    """The registry, opened for one change; a progress bar is shown on a terminal."""
    finish_interrupted(how.repo)
    with open_for_reading(how.repo, None) as registry, progress_bar() as progress:
        yield ChangeSession(registry, how, progress)


def carry_out(how: How, act: Edit) -> int:
    """Make a change that needs no files; the exit code."""
    with writing(how) as desk:
        return desk.finish(act)


def _files(done: Publication) -> list[str]:
    return sorted({*done.change.puts, *done.change.deletes})


def _print_data(done: Publication, more: Fields) -> None:
    print_json(
        {
            **more,
            "message": done.change.message,
            "commit": done.commit,
            "branch": done.branch if done.commit is not None else None,
            "files": _files(done),
        }
    )


def _print_words(done: Publication) -> None:
    say(done.change.message)
    for path in _files(done):
        say(f"  {'wrote' if path in done.change.puts else 'removed':<10} {path}")


def _print_next(git: Git, done: Publication) -> None:
    """The commands that commit it, as they work from the current folder."""
    import os
    import shlex

    from registry_tool.git.worktree import ignored_among

    here, top = Path.cwd().resolve(), (git.work_tree or Path()).resolve()
    inside = here.is_relative_to(top)
    place = "" if inside else f" -C {shlex.quote(os.path.relpath(top, here))}"
    paths = [os.path.relpath(top / path, here) if inside else path for path in _files(done)]
    hidden = ignored_among(git, done.change.puts)
    for path in hidden:
        say(
            f"warn:  Git ignores {path}; to repair the ignore rules: registry init .",
            err=True,
            fg="yellow",
        )
    force = " -f" if hidden else ""
    say("next:")
    say(f"  git{place} add{force} -- {shlex.join(paths)}")
    say(f"  git{place} commit -m {shlex.quote(done.change.message)}")


def _print_asides(done: Publication) -> None:
    for note in done.change.notes:
        say(f"note:  {note}", err=True)
    for finding in done.report.findings:
        words = f"{finding.path}:{finding.line}: {finding.rule} {finding.message}"
        say(f"{finding.severity}:  {words}", err=True, fg="yellow")
        if finding.remedy:
            say(f"  try: {finding.remedy}", err=True)
