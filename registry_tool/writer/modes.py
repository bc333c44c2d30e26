"""Where a request is committed: to the published branch, or to a branch of its author that a person merges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from registry_tool.catalog.catalog import Catalog, require
from registry_tool.errors import ForbiddenError, GitError, UsageError
from registry_tool.git.command import Git
from registry_tool.git.remote.push import (
    RefusedPushError,
    check_remote,
    push_commit,
)
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import SERVE, Place
from registry_tool.writer.request import Person

__all__ = [
    "SERVER",
    "Mode",
    "Pusher",
    "ServerPolicy",
    "WriteMode",
    "choose_mode",
    "read_policy",
]

SERVER: Final = Person("registry server", "registry@localhost")
"""Who writes the commits of a server whose ``serve.yaml`` names no other committer."""

WriteMode = Literal["commit", "branch", "propose"]
_REMOTE: Final = "origin"
# How Git says that a server takes no push options.
_NO_OPTIONS: Final = "push options"


class Mode(NamedTuple):
    """How requests are written.

    Attributes:
        write: ``commit`` to the published branch; ``branch``: to a branch for each author; ``propose``: the same, pushed
            with a request to merge it.
        push: A request is answered once the remote has its commit.
    """

    write: WriteMode
    push: bool

    @property
    def proposes(self) -> bool:
        """True where a person merges what was written."""
        return self.write != "commit"


class ServerPolicy(NamedTuple):
    """What ``serve.yaml`` says of writing, as it is published.

    Attributes:
        write: ``commit``, ``branch`` or ``propose``; empty where it says nothing.
        committer: Who writes the server's commits.
    """

    write: str
    committer: Person


def read_policy(catalog: Catalog) -> ServerPolicy:
    """The policy of a server, from the published state.

    Raises:
        InvalidManifestError: ``serve.yaml`` does not match its schema.
        UsageError: Git would not record its committer as it is written.
    """
    document = catalog.document(SERVE, Place("serve"))
    data = {} if document is None else require(document, "the server's policy")
    committer = text(data, "committer")
    return ServerPolicy(text(data, "write"), Person.parse(committer) if committer else SERVER)


def choose_mode(git: Git, write: str = "", *, push: bool = False) -> Mode:
    """The mode of a writer.

    Args:
        git: The repository.
        write: What ``serve.yaml`` says as it is published; empty where it says nothing.
        push: Push each commit before it is answered.

    Raises:
        UsageError: The mode needs a push or a remote that there is not, or is none.
    """
    has_remote = git.config(f"remote.{_REMOTE}.url") is not None
    chosen = write or ("propose" if has_remote else "commit")
    if push or chosen == "propose":
        try:
            check_remote(git, _REMOTE)
        except GitError as exc:
            raise UsageError(exc.message, remedy=exc.remedy) from exc
    if chosen == "commit":
        if has_remote and not push:
            raise UsageError(
                "this clone has a remote, and commits that are not pushed to it would be lost to others",
                remedy="push them with --push, or set `write: propose` in serve.yaml",
            )
        return Mode("commit", push)
    if chosen == "branch":
        return Mode("branch", push)
    if chosen == "propose":
        return Mode("propose", push=True)
    raise UsageError(f"{chosen!a} is not a way to write", remedy="use commit, branch or propose")


def _merge_request(main: str, title: str) -> tuple[str, ...]:
    """Push options of GitLab: https://docs.gitlab.com/topics/git/commit/#push-options-for-merge-requests."""
    words = [f"target={main}", f"title={title}", "remove_source_branch"]
    return ("merge_request.create", *(f"merge_request.{word}" for word in words))


class Pusher:
    """Pushes commits to the remote.

    Args:
        git: The repository.
        mode: How requests are written.
    """

    def __init__(self, git: Git, mode: Mode) -> None:
        self._git = git
        self._mode = mode
        url = git.config(f"remote.{_REMOTE}.url") or ""
        self._takes_options = "gitlab" in (urlsplit(url).hostname or url.partition(":")[0])

    def push(
        self, commit: str, branch: str, *, main: str, title: str, replaces: str = ""
    ) -> Sequence[str]:
        """Push a commit to a branch; a proposal with a request to merge it, where the host takes one.

        Args:
            commit: Its full id.
            branch: The branch, without ``refs/heads/``.
            main: The published branch.
            title: What the commit does, in one line.
            replaces: A commit of the branch that may be lost, as it was merged; empty for none.

        Returns:
            What the host said.

        Raises:
            LostRaceError: Another clone pushed first.
            ForbiddenError: The host refused.
            GitError: The remote cannot be reached.
        """
        asks = branch != main and self._mode.write != "branch" and self._takes_options
        options = _merge_request(main, title) if asks else ()
        try:
            return self._push(commit, branch, options, replaces)
        except RefusedPushError as exc:
            raise _refused(exc, branch, main) from exc

    def _push(
        self, commit: str, branch: str, options: Sequence[str], replaces: str
    ) -> Sequence[str]:
        try:
            return push_commit(self._git, commit, branch, options=options, replaces=replaces)
        except GitError as exc:
            if not options or _NO_OPTIONS not in exc.message:
                raise
            self._takes_options = False
            return push_commit(self._git, commit, branch, replaces=replaces)


def _refused(exc: RefusedPushError, branch: str, main: str) -> ForbiddenError:
    way = (
        "set `write: propose` in serve.yaml, so that changes go to branches that are merged by review; or let the"
        f" server's account push to {main}"
        if branch == main
        else f"let the server's account push to {branch}"
    )
    return ForbiddenError(
        f"{exc.message}; nothing was written", remedy="\n       ".join([*exc.said, way])
    )
