"""An opened repository: its commits, its trees, and whether its history is complete.

``hooked_repository`` finds the repository of a running hook. With ``git --git-dir=DIR --work-tree=DIR`` only ``GIT_DIR``
names it. In all other cases that variable is ignored, because in a hook it would redirect commands for another
repository.
"""

from __future__ import annotations

import contextlib
import os
import re
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.errors import NotARegistryError, NotFoundError, ShallowHistoryError, UsageError
from registry_tool.git.command import BackgroundCommand, Git, GitCommandError, find_repository
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.objects.reader import BlobReader, PartialCloneReader
from registry_tool.git.remote.url import is_url, stored_url
from registry_tool.git.revisions import candidate_refs, commits_with_prefix, qualify
from registry_tool.git.shallow import boundary, has_latest_only, too_shallow
from registry_tool.git.transaction.pending import is_pending
from registry_tool.git.tree import Tree
from registry_tool.paths import cache_folder, usable_folder

if TYPE_CHECKING:
    from registry_tool.git.worktree import FolderTree

# The modules for URLs, staged files and working trees are imported on first use: reading a commit needs none of them.
__all__ = [
    "Repository",
    "hooked_repository",
    "in_text",
    "is_time",
]

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What may lead to a commit that no branch or tag is at: an id or its beginning, a step back, what `git describe` says.
_PAST = re.compile(r"^[0-9a-f]{4,64}$|[~^@:]|-g[0-9a-f]{4,}$")


def is_time(text: str) -> bool:
    """True for text that is a day or a time, and not a revision."""
    return _TIME.fullmatch(text) is not None


def _clones(named: Path) -> tuple[Path, str]:
    """Where clones are kept, and why they are not; a temporary folder lasts as long as the process."""
    folder = usable_folder(named)
    return (
        (_temporary(), f"{named} cannot be written, so the clone is temporary")
        if folder is None
        else (folder, "")
    )


@cache
def _temporary() -> Path:
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="registry-tool-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def in_text(moment: object) -> str:
    """A day or a time as ``commit_at`` takes it.

    Raises:
        UsageError: It is a time without a zone, or no day or time at all.
    """
    import datetime as dt

    if isinstance(moment, dt.datetime) and moment == moment:  # noqa: PLR0124 (pandas' NaT is a datetime)
        if moment.utcoffset() is None:
            raise UsageError(
                f"{moment} has no time zone",
                remedy="add one: moment.astimezone() for local time, moment.replace(tzinfo=datetime.UTC) for UTC",
            )
        with contextlib.suppress(OverflowError):
            return moment.astimezone(dt.UTC).isoformat()
    elif isinstance(moment, dt.date) and not isinstance(moment, dt.datetime):
        return moment.isoformat()
    raise UsageError(
        f"{moment!s:.60} is not a time",
        remedy="pass text such as 2026-08-01, a datetime.date, or a datetime.datetime with a time zone",
    )


def _in_utc(moment: str) -> str:
    """A time for Git, which takes what it cannot read for the present and says nothing."""
    import datetime as dt

    bound = f"{moment}T23:59:59Z" if len(moment) == len("2026-08-01") else moment
    try:
        read = dt.datetime.fromisoformat(bound)
        zoned = read if read.tzinfo is not None else read.replace(tzinfo=dt.UTC)
        last = dt.datetime(2099, 12, 31, tzinfo=dt.UTC)  # Git reads no later date
        return min(zoned.astimezone(dt.UTC), last).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError) as exc:
        raise UsageError(
            f"{moment} is not a time", remedy="a time looks like 2026-08-01 or 2026-08-01T12:00:00Z"
        ) from exc


class Repository:
    """A Git repository, opened from a path or a URL.

    Args:
        git: The repository.
        source: The path or URL, for messages, without credentials.
        note: Why it may be out of date; empty if it is current.

    Attributes:
        doubt: Why another branch may be the published one; see ``MainBranch``.
    """

    def __init__(self, git: Git, *, source: str, note: str = "") -> None:
        self.git = git
        self.source = source
        self.note = note
        self.doubt = ""
        self._begun: BackgroundCommand | None = None

    @property
    def caution(self) -> str:
        """A warning about the owner of the repository; empty if it is trusted. See ``Git.distrust``."""
        git = self.git
        if git.is_trusted:
            return ""
        return (
            f"{git.distrust}: reading it without its Git configuration. To trust it: {git.remedy}"
        )

    @cached_property
    def reader(self) -> BlobReader:
        """The process that reads objects."""
        return PartialCloneReader(self.git) if has_latest_only(self.git) else BlobReader(self.git)

    @classmethod
    def open(cls, source: str | Path, *, offline: bool = False) -> Repository:
        """Open the repository around a path, or the cached clone of a URL.

        Raises:
            NotARegistryError: There is no Git repository at the path.
            OfflineError: The URL cannot be reached and was never cloned.
        """
        text = str(source)
        if isinstance(source, str) and is_url(text):
            from registry_tool.git.remote.clone_cache import open_clone

            named = cache_folder() / "clones"
            folder, why = _clones(named)
            clone = open_clone(text, folder, offline=offline, others=named)
            note = "; ".join(filter(None, (why, clone.note)))
            return cls(clone.git, source=stored_url(text), note=note)
        if not os.path.lexists(source):  # else the repository around a mistyped name would answer
            raise NotARegistryError(f"{text} does not exist", remedy="check the spelling")
        git = find_repository(Path(source))
        if git is None:
            raise NotARegistryError(
                f"{text} is not in a Git repository",
                remedy="change to a registry, pass one with --repo, or create one: registry init DIR --name NAME",
            )
        return cls(git, source=text)

    def commit(self, ref: str) -> str:
        """The commit id of a branch, tag, commit or ``HEAD``.

        Raises:
            NotFoundError: There is none; an empty repository has no HEAD.
            UsageError: The name may mean several.
        """
        # Resolved by the process that will read the files, so that a cold start runs git once.
        found = self.reader.read(f"{self._chosen(ref)}^{{commit}}") or self._old_commit(ref)
        if ref == "HEAD" and found is not None and self._is_unborn():
            found = None
        if found is not None:
            return found[0]
        if ref == "HEAD":
            raise NotFoundError(
                f"{self.source} has no commits yet",
                remedy="make the first commit: git add --all && git commit -m TEXT",
            )
        raise NotFoundError(
            f"{ref!a} is not a commit, branch or tag of {self.source}",
            remedy="list the commits: git log --oneline --all",
        )

    def _chosen(self, ref: str) -> str:
        """The revision, with the full name of a ref if it begins with one."""
        wanted = candidate_refs(ref)
        if not wanted:
            return ref
        answers = self.reader.read_many([f"{name}^{{commit}}" for name in wanted], limit=0)
        found = {name: one[0] for name, one in zip(wanted, answers, strict=True) if one is not None}
        return qualify(ref, found, lambda digits: commits_with_prefix(self.git, digits))

    def _is_unborn(self) -> bool:
        """True where HEAD is at no commit, and Git found a tag or a branch that is called HEAD."""
        names = [f"refs/{kind}/HEAD" for kind in ("tags", "heads", "remotes")]
        found = self.reader.read_many(names, limit=0)
        return any(one is not None for one in found) and self.git.head() is None

    def _old_commit(self, ref: str) -> tuple[str, str, bytes] | None:
        """A commit that a clone of the newest ones has left on its remote; branches and tags are all here."""
        if not _PAST.search(ref) or not isinstance(self.reader, PartialCloneReader):
            return None
        if _ID.fullmatch(ref) and has_latest_only(self.git):
            from registry_tool.git.remote.clone import fetch_commit

            with contextlib.suppress(GitCommandError):
                fetch_commit(self.git, ref)
        else:
            self._ensure_history()
        self.reader.close()  # its process has read where the clone ended
        return self.reader.read(f"{ref}^{{commit}}")

    def _ensure_history(self) -> None:
        if has_latest_only(self.git):
            from registry_tool.git.history import ensure_history  # not for reading the latest state

            ensure_history(self.git)

    def commit_at(self, moment: str, *, ref: str) -> str:
        """The commit a branch was at, at some time; or what a revision names.

        A time is ``2026-08-01`` (its end, UTC) or RFC 3339; anything else is a branch, tag or commit. What the branch
        was at is the newest commit of its first-parent line, walking back from the tip, whose committer time is not
        after the moment. The walk follows the graph: of two commits of one second the later on the line counts, and a
        commit by a machine whose clock is slow does not hide those below it.

        Raises:
            NotFoundError: The branch began later, or there is no such revision.
            ShallowHistoryError: The clone does not reach back so far, or may have lost the revision with its history.
            UsageError: There is no such day or time.
        """
        if not is_time(moment):
            return self.past_commit(moment)
        found = self.newest_by(moment, self.commit(ref))
        if found is None:
            raise NotFoundError(f"{ref} has no commit from {moment} or earlier")
        return found

    def past_commit(self, revision: str) -> str:
        """As ``commit``, for a revision that may be far back.

        Raises:
            NotFoundError: There is none.
            ShallowHistoryError: There is none here, and a shallow clone may have left it out.
        """
        try:
            return self.commit(revision)
        except NotFoundError as exc:
            if not boundary(self.git):
                raise
            raise ShallowHistoryError(
                f"{exc.message}; the clone is shallow", remedy="git fetch --unshallow"
            ) from exc

    def newest_by(self, moment: str, tip: str) -> str | None:
        """The commit a line was at, at some time, as ``commit_at`` says; None where the line began later.

        Raises:
            ShallowHistoryError: The clone does not reach back so far.
            UsageError: There is no such day or time.
        """
        before = f"--before={_in_utc(moment)}"
        self._ensure_history()
        found = self.git.line("rev-list", "-1", "--first-parent", before, "--end-of-options", tip)
        if found:
            return found
        cut = boundary(self.git)
        root = ["--first-parent", "--max-parents=0", "--end-of-options", tip]
        begins = self.git.line("rev-list", *root) if cut else ""
        if begins in cut:
            raise too_shallow(self.git, begins)
        return None

    def tree(self, commit: str) -> CommitTree:
        """The files of a commit."""
        reader = self.reader
        if not isinstance(reader, PartialCloneReader):
            return CommitTree(self.git, commit, reader)
        from registry_tool.git.commit_tree import (
            RemoteTree,  # a registry on this machine does without
        )

        return RemoteTree(self.git, commit, reader)

    def begin_staged(self) -> None:
        """Start reading the staged files; ``staged`` waits for the result."""
        from registry_tool.git.worktree import begin_staged

        self._begun = begin_staged(self.git)

    def open_staged(self) -> Tree:
        """The files as they are staged; see ``work``."""
        from registry_tool.git.worktree import staged_tree

        self._check_not_interrupted()
        begun, self._begun = self._begun, None
        return staged_tree(self.git, self.reader, begun)

    def work(self) -> Tree:
        """The files of the work tree that Git would add.

        Raises:
            OperationalError: A killed command left them between two states; or the repository is bare.
        """
        from registry_tool.git.worktree import work_tree

        self._check_not_interrupted()
        return work_tree(self.git, self.reader)

    def _check_not_interrupted(self) -> None:
        if is_pending(self.git):
            from registry_tool.git.transaction.journal import check_not_interrupted

            check_not_interrupted(self.git)

    def on_disk(self) -> FolderTree | None:
        """The files on disk, for reading; None if the disk does not have them all (bare, sparse)."""
        top = self.git.work_tree
        if top is None or not (top / "registry.yaml").exists():
            return None
        if (self.git.git_dir / "info" / "sparse-checkout").exists():
            return None
        from registry_tool.git.worktree import FolderTree

        return FolderTree(top)

    def close(self) -> None:
        """End the reading process."""
        self.reader.close()


# Set by our own scripts, which Git calls in the top of the work tree.
_NAMED: Final = "REGISTRY_HOOK_GIT_DIR"


def hooked_repository(folder: Path) -> Git | None:
    """The repository of a hook that runs in a folder; None where the folder's own one is meant.

    Args:
        folder: The current folder.
    """
    around = find_repository(folder)
    named = os.environ.get(_NAMED) or (os.environ.get("GIT_DIR") if around is None else None)
    if not named:
        return None
    place = Path(named).absolute()
    if not (place / "HEAD").exists():
        return None
    if around is not None and around.git_dir.resolve() == place.resolve():
        return None
    top = os.environ.get("GIT_WORK_TREE")
    # Git runs its hooks, so it has checked the owner, or was configured to trust it.
    return Git(place, folder.absolute() if top is None else Path(top).absolute(), vouched=True)
