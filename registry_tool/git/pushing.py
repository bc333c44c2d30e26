"""Pushing a branch, with the server's own words when it refuses. Uses GitPython, which reads Git's answer per ref."""

from __future__ import annotations

from registry_tool.errors import Conflict, GitTrouble
from registry_tool.git.plumbing import TRANSPORTS, Git

__all__ = ["check_remote", "push_branch"]


def check_remote(git: Git, remote: str = "origin") -> None:
    """See that a Git remote is configured, before a commit is made that is to go there.

    Raises:
        GitTrouble: It is not.
    """
    if git.config(f"remote.{remote}.url") is None:
        raise GitTrouble(
            f"there is no Git remote {remote}", remedy=f"add one: git remote add {remote} URL"
        )


def push_branch(git: Git, branch: str, *, remote: str = "origin") -> None:
    """Push a branch to the branch of that name; whatever happens, it stays as it is here.

    Raises:
        GitTrouble: There is no such remote, or it cannot be reached.
        Conflict: The server refused the push.
    """
    from git import GitCommandError, PushInfo, RemoteProgress, Repo, UnsafeProtocolError

    check_remote(git, remote)
    repo = Repo(git.git_dir if git.work_tree is None else git.work_tree)
    stays = f"the commit stays on {branch} here"
    said = RemoteProgress()
    try:
        with repo.git.custom_environment(GIT_ALLOW_PROTOCOL=TRANSPORTS, LC_ALL="C"):
            refspec = f"refs/heads/{branch}:refs/heads/{branch}"
            answers = repo.remote(remote).push(refspec, progress=said)
    except UnsafeProtocolError as exc:
        raise GitTrouble(
            f"the address of {remote} could run a command: it is not pushed to", remedy=stays
        ) from exc
    except GitCommandError as exc:
        raise GitTrouble(f"git push failed: {_words(exc)}", remedy=stays) from exc
    refused = [a for a in answers if a.flags & (PushInfo.REJECTED | PushInfo.REMOTE_REJECTED)]
    if refused:
        # What hooks of the server print; GitPython keeps it apart from Git's own error.
        heard = [line.strip() for line in said.other_lines if line.startswith("remote:")]
        detail = " ".join(line for line in heard if line != "remote:")
        raise Conflict(
            f"{remote} refused {branch}: {refused[0].summary.strip()}",
            remedy=f"{stays}; {detail or f'rebase it: git pull --rebase {remote} {branch}'}",
        )
    if answers.error is not None:
        raise GitTrouble(f"git push failed: {_words(answers.error)}", remedy=stays)


def _words(error: Exception) -> str:
    text = str(getattr(error, "stderr", "") or error)
    lines = [line.strip() for line in text.splitlines()]
    said = [
        line
        for line in lines
        if line.startswith(("remote:", "fatal:", "error:", "ERROR:", "stderr: 'fatal"))
    ]
    return " ".join(said or lines[-1:])
