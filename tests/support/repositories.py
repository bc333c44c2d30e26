"""Git repositories of some files, made with the real ``git``, and bytes on a registry's local remote."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

__all__ = [
    "commit",
    "git",
    "give_away",
    "new_repository",
    "new_work_tree",
    "put_object",
    "run_git",
    "tip_of",
    "write_files",
]

_ANOTHER = 65534


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder, as they are."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


def put_object(root: Path, content: bytes, *, storage: str = "storage") -> Path:
    """Put bytes on the registry's local remote, as DVC lays it out; the object's path."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    place = root / storage / "files" / "md5" / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def give_away(folder: Path) -> None:
    """Make a folder that of another user: in deed where we may, or by a variable of Git's own tests."""
    if os.geteuid() != 0:
        os.environ["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"  # the environment of a test is its own
        return
    for place in (folder, *folder.rglob("*")):
        os.chown(place, _ANOTHER, _ANOTHER, follow_symlinks=False)


def run_git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """The output of one git command in a folder; fails the test when git does."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, input=stdin, capture_output=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def git(folder: Path, *arguments: str) -> str:
    """As ``run_git``, as text without the last line feed."""
    return run_git(folder, *arguments).decode(errors="surrogateescape").rstrip("\n")


def commit(folder: Path, message: str = "Change", *, at: str | None = None) -> str:
    """Commit everything that lies in a work tree, at a time if one is given; the commit's id."""
    git(folder, "add", "--all")
    dates = {} if at is None else {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    subprocess.run(
        ["git", "commit", "--quiet", "--allow-empty", "-m", message],
        cwd=folder, env={**os.environ, **dates}, check=True,
    )  # fmt: skip
    return tip_of(folder)


def tip_of(folder: Path) -> str:
    """The commit that is checked out in a work tree: read from the files that say so, where they are plain."""
    place = folder / ".git"
    try:
        head = (place / "HEAD").read_text(encoding="ascii")
        return (place / head[5:].strip()).read_text(encoding="ascii").strip()
    except OSError:  # a linked work tree, a packed reference, no branch
        return git(folder, "rev-parse", "HEAD")


def new_work_tree(folder: Path) -> None:
    """Do what ``git init`` does: a copy of what it made once with these settings, without its samples of hooks."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
        return
    settings = Path(os.environ.get("GIT_CONFIG_GLOBAL", ""))
    text = settings.read_text(encoding="utf-8") if settings.is_file() else ""
    shutil.copytree(_initialised(text), folder / ".git")


@cache
def _initialised(settings: str) -> Path:
    made = Path(mkdtemp(prefix="registry-tests-git-"))
    atexit.register(shutil.rmtree, made)
    git(made, "init", "--quiet", "--initial-branch=main")
    for sample in (made / ".git/hooks").glob("*.sample"):
        sample.unlink()
    return made / ".git"


def new_repository(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A Git repository with one commit of some files; the folder."""
    new_work_tree(folder)
    write_files(folder, files)
    if any(path.endswith(".dvc") for path in files):  # bytes were stored, so the remote is there
        for url in re.findall(
            r"^ *url = (/.*|\.\./.*)$", str(files.get(".dvc/config")), re.MULTILINE
        ):
            (folder / ".dvc" / url).resolve().mkdir(parents=True, exist_ok=True)
    commit(folder, "Start")
    return folder
