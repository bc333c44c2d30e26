"""The entry points of the hooks: they find the repository and check the ref updates that Git passes on standard input."""

from __future__ import annotations

from pathlib import Path

from registry_tool.errors import NotARegistryError, UsageError
from registry_tool.git.command import Git, find_repository, receiving_repository
from registry_tool.git.remote.ref_updates import outgoing_updates, received_updates
from registry_tool.git.repository import Repository, hooked_repository
from registry_tool.git.revisions import find_tip
from registry_tool.hooks.judge import PushVerdict
from registry_tool.hooks.pre_push import check_outgoing_push
from registry_tool.hooks.pre_receive import check_received_push
from registry_tool.hooks.time_limit import limit_time

__all__ = ["check_received", "check_sent", "find_bare", "find_clone", "guarded_branch"]


def find_clone(folder: str) -> Git:
    """The repository that a folder is in.

    Raises:
        NotARegistryError: It is in none.
        UntrustedRepositoryError: It belongs to another user.
    """
    git = find_repository(Path(folder))
    if git is None:
        raise NotARegistryError(
            f"{Path(folder).absolute()} is not in a Git repository",
            remedy="change to a registry, or name one with --repo",
        )
    git.check_trusted()
    return git


def find_bare(folder: str) -> Git:
    """The repository that a folder is, on a server.

    Raises:
        UsageError: It is not one.
        UntrustedRepositoryError: It belongs to another user.
    """
    git = find_repository(Path(folder))
    # Not one that encloses the folder: a typing error in the path must not guard another repository.
    if git is None or git.place.resolve() != Path(folder).resolve():
        raise UsageError(
            f"{Path(folder).absolute()} is not a Git repository",
            remedy="create one: git init --bare --initial-branch=main DIR; or: git clone --bare REGISTRY DIR",
        )
    git.check_trusted()
    return git


def guarded_branch(git: Git) -> tuple[str, bool]:
    """The branch that HEAD of a bare repository names, and whether it is missing although others exist."""
    ref = git.branch()
    name = "no branch" if ref is None else ref.removeprefix("refs/heads/")
    heads = git.line("for-each-ref", "--count=1", "--format=%(refname)", "refs/heads/")
    return name, bool(heads) and (ref is None or find_tip(git, ref) is None)


def check_received(updates: bytes) -> PushVerdict:
    """Judge a push at the server, in its hook ``pre-receive``.

    Args:
        updates: What Git passes on standard input.
    """
    git = receiving_repository()
    repository = Repository(git, source=str(git.git_dir))
    try:
        with limit_time(git):
            return check_received_push(repository, received_updates(updates))
    finally:
        repository.close()


def check_sent(remote: str, updates: bytes) -> PushVerdict:
    """Judge a push in a clone, in its hook ``pre-push``.

    Args:
        remote: The Git remote.
        updates: What Git passes on standard input.
    """
    git = hooked_repository(Path.cwd()) or find_clone(".")
    repository = Repository(git, source=str(git.place))
    try:
        return check_outgoing_push(repository, remote, outgoing_updates(updates))
    finally:
        repository.close()
