"""Histories for tests: commits and merges by several people, at times of their own, in real repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support import git, write_files
from support.repositories import new_work_tree, tip_of

__all__ = ["ANA", "BEN", "History"]

ANA = "Ana Lopez <ana@example.org>"
BEN = "Ben Roy <ben@example.org>"
NOON = "2026-03-02T12:00:00Z"


def _who(person: str, at: str) -> dict[str, str]:
    name, _, address = person.removesuffix(">").partition(" <")
    parts = {"NAME": name, "EMAIL": address, "DATE": at}
    return {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in parts.items()}


class History:
    """A work tree in which a test makes history.

    Args:
        folder: Where; it is made when it is not there.
        options: Of ``git init``.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        if not (folder / ".git").exists():
            if options:
                folder.mkdir(parents=True, exist_ok=True)
                git(folder, "init", "--quiet", "--initial-branch=main", *options)
            else:
                new_work_tree(folder)

    def _run(self, *arguments: str, by: str, at: str) -> str:
        env = {**os.environ, **_who(by, at)}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return tip_of(self.folder)

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        message: str = "Change",
        *,
        by: str = ANA,
        at: str = NOON,
    ) -> str:
        """Commit some files, where None deletes one; the commit's id. All are of one second unless told otherwise."""
        write_files(self.folder, {p: data for p, data in files.items() if data is not None})
        for path in (path for path, data in files.items() if data is None):
            (self.folder / path).unlink()
        git(self.folder, "add", "--all")
        arguments = ("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message)
        return self._run(*arguments, by=by, at=at)

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Go to a new branch."""
        git(self.folder, "switch", "--quiet", "-c", name, start)

    def switch(self, name: str) -> None:
        """Go to a branch that is there."""
        git(self.folder, "switch", "--quiet", name)

    def merge(
        self,
        *branches: str,
        message: str = "Merge",
        by: str = BEN,
        at: str = NOON,
        into: str = "main",
    ) -> str:
        """Merge branches by a commit of its own, as a pull request is merged; the commit's id."""
        self.switch(into)
        return self._run("merge", "--quiet", "--no-ff", "-m", message, *branches, by=by, at=at)

    def resolve(
        self, branch: str, files: Mapping[str, str], message: str = "Merge", *, by: str = BEN
    ) -> str:
        """Merge a branch and put files of the merger's own in place of what the merge gives."""
        self.switch("main")
        subprocess.run(
            ["git", "merge", "--quiet", "--no-ff", "--no-commit", branch],
            cwd=self.folder, capture_output=True, check=False,
        )  # fmt: skip
        return self.commit(files, message, by=by)

    def clone(self, name: str, *options: str) -> Path:
        """A clone beside the work tree, as over a network; the folder."""
        for key in ("allowFilter", "allowAnySHA1InWant"):
            git(self.folder, "config", f"uploadpack.{key}", "true")
        place = self.folder.parent / name
        git(self.folder.parent, "clone", "--quiet", *options, self.folder.as_uri(), str(place))
        return place
