"""Pushing a branch, with the server's own words when it refuses. Uses GitPython, which reads Git's answer per ref."""

from __future__ import annotations

from registry_tool.errors import Conflict, GitTrouble
from registry_tool.git.plumbing import TRANSPORTS, Git

__all__ = ["push_branch"]


def push_branch(git: Git, branch: str, *, remote: str = "origin") -> None:
    """Push a branch to the branch of that name.

    Raises:
        GitTrouble: There is no such remote, or it cannot be reached.
        Conflict: The server refused the push.
    """
    from git import GitCommandError, PushInfo, Repo

    repo = Repo(git.git_dir if git.work_tree is None else git.work_tree)
    if remote not in [r.name for r in repo.remotes]:
        raise GitTrouble(
            f"there is no Git remote {remote}", remedy=f"add one: git remote add {remote} URL"
        )
    try:
        with repo.git.custom_environment(GIT_ALLOW_PROTOCOL=TRANSPORTS, LC_ALL="C"):
            answers = repo.remote(remote).push(f"refs/heads/{branch}:refs/heads/{branch}")
    except GitCommandError as exc:
        raise GitTrouble(f"git push failed: {_words(exc)}") from exc
    refused = [a for a in answers if a.flags & (PushInfo.REJECTED | PushInfo.REMOTE_REJECTED)]
    if refused:
        detail = _words(answers.error) if answers.error else ""
        raise Conflict(
            f"{remote} refused {branch}: {refused[0].summary.strip()}",
            remedy=detail or f"fetch and rebase: git pull --rebase {remote} {branch}",
        )
    if answers.error is not None:
        raise GitTrouble(f"git push failed: {_words(answers.error)}")


def _words(error: Exception) -> str:
    text = str(getattr(error, "stderr", "") or error)
    lines = [line.strip() for line in text.splitlines()]
    said = [
        line
        for line in lines
        if line.startswith(("remote:", "fatal:", "error:", "ERROR:", "stderr: 'fatal"))
    ]
    return " ".join(said or lines[-1:])
