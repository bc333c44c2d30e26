"""Ownership of repositories: Git ignores the configuration of another user's repository (decision 0023).

A configuration names programs, which run as the user who opens the repository. Git checks the owner when it finds a
repository, but not when it gets the path, as from this program. So the owner is checked here, as
``ensure_valid_ownership`` in Git's setup.c does. If the owner is another user, Git itself decides, because it knows
``safe.directory``.

An untrusted repository can still be read: through a folder of ours that links its refs and objects, and ignores its
configuration, attributes, grafts and hooks.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from registry_tool.errors import GitError

__all__ = ["are_ours", "ceilings", "make_view", "read_start", "reads_only"]

# Commands that change nothing in a repository.
_READS: Final = frozenset(
    {
        "cat-file", "check-ref-format", "diff-index", "diff-tree", "for-each-ref", "grep", "hash-object", "log",
        "ls-files", "ls-tree", "merge-base", "rev-list", "rev-parse", "show-ref", "status", "symbolic-ref",
    }
)  # fmt: skip
_READS_BY_OPTION: Final = {"config": ("--list", "--get-regexp"), "worktree": ("list",)}
_SHARED: Final = ("refs", "reftable", "packed-refs", "objects", "shallow", "logs")
_OWN: Final = ("index",)
_LONGEST: Final = 8192  # a path, and a prefix
# Of the extensions those without which objects or refs are read wrongly: names of formats, as Git spells them.
_FORMATS: Final = {"extensions.objectformat": "objectFormat", "extensions.refstorage": "refStorage"}


def are_ours(places: Iterable[Path]) -> bool:
    """True if all of some files and folders belong to the current user; missing ones are ignored.

    As in Git, root also owns the files of the user who called sudo.
    """
    if not hasattr(os, "geteuid"):  # Windows: only Git can say
        return False
    user = os.geteuid()
    users = {user}
    if user == 0 and (caller := os.environ.get("SUDO_UID", "")).isdecimal():
        users.add(int(caller))
    # A variable of Git's own tests, for those who cannot give a file away.
    if os.environ.get("GIT_TEST_ASSUME_DIFFERENT_OWNER", "") not in {"", "0", "false"}:
        return False
    for place in places:
        try:
            if os.lstat(place).st_uid not in users:
                return False
        except FileNotFoundError:
            continue
        except OSError:  # a file that cannot be inspected is not ours
            return False
    return True


def read_start(place: Path) -> bytes:
    """The first kilobytes of a small file; empty if it is missing, or is a pipe or a device."""
    try:
        handle = os.open(
            place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except OSError:
        return b""
    try:
        return os.read(handle, _LONGEST) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(handle)


def reads_only(arguments: Iterable[str]) -> bool:
    """True for a git command that changes nothing and contacts no server.

    Args:
        arguments: As they are given to git: options of git itself, the command, and its own.
    """
    words = iter(arguments)
    for word in words:
        if word == "-c":
            next(words, None)
        elif not word.startswith("-"):
            return word in _READS or next(words, "") in _READS_BY_OPTION.get(word, ())
    return False


def ceilings() -> frozenset[str]:
    """The folders where Git stops on its way up: ``GIT_CEILING_DIRECTORIES``."""
    named = os.environ.get("GIT_CEILING_DIRECTORIES", "")
    if not named:
        return frozenset()
    found = [name for name in named.split(os.pathsep) if os.path.isabs(name)]  # noqa: PTH117 (text)
    return frozenset([*(str(Path(name)) for name in found), *map(os.path.realpath, found)])


def _links(git_dir: Path, common_dir: Path) -> Iterator[tuple[str, Path]]:
    yield from ((name, common_dir / name) for name in _SHARED)
    yield from ((name, git_dir / name) for name in _OWN)
    yield from ((found.name, found) for found in git_dir.glob("sharedindex.*"))  # a split index
    yield "info/exclude", common_dir / "info" / "exclude"  # names of files, and nothing else


def _read_head(git_dir: Path) -> bytes:
    """The content of HEAD. It is copied, because Git treats a HEAD that is a link as a branch of that name."""
    place = git_dir / "HEAD"
    if place.is_symlink():
        return b"ref: " + os.fsencode(place.readlink()) + b"\n"
    return read_start(place)


def _is_partial(settings: Mapping[str, str]) -> bool:
    return "extensions.partialclone" in settings or any(
        key.startswith("remote.") and key.endswith(".promisor") for key in settings
    )


def _config(settings: Mapping[str, str], *, bare: bool) -> str:
    lines = ["[core]", "repositoryformatversion = 1", f"bare = {str(bare).lower()}"]
    formats = {spelt: settings[key] for key, spelt in _FORMATS.items() if key in settings}
    for spelt, value in formats.items():
        if not value.isalnum():
            raise GitError(f"{value[:60]!a} is not a format that Git supports ({spelt})")
        lines += ["[extensions]", f"{spelt} = {value}"]
    if _is_partial(settings):
        # Objects that the clone left out are then an error and not missing files; no remote is contacted.
        lines += ['[remote "origin"]', f"url = {os.devnull}/none", "promisor = true"]
    return "\n".join([*lines, ""])


def make_view(git_dir: Path, common_dir: Path, settings: Mapping[str, str], *, bare: bool) -> Path:
    """A repository of ours that links the refs and objects of an untrusted one; the caller deletes it.

    Args:
        git_dir: The folder of the repository.
        common_dir: The one that its linked work trees share.
        settings: Its configuration, read as data.
        bare: True if it has no work tree.

    Raises:
        GitError: Its configuration names an unknown format.
        OSError: This system has no symbolic links, or no room.
    """
    import tempfile  # rarely needed

    text = _config(settings, bare=bare)
    view = Path(tempfile.mkdtemp(prefix="registry-git-"))
    (view / "info").mkdir()
    (view / "config").write_text(text, encoding="ascii")
    (view / "HEAD").write_bytes(_read_head(git_dir))
    for name, target in _links(git_dir, common_dir):
        if target.is_file() or target.is_dir():  # no pipe, and no device
            (view / name).symlink_to(target.absolute())
    # Git requires the folder, and a repository with another ref format may have none.
    if not (view / "refs").exists():
        (view / "refs").mkdir()
    return view
