"""What lies in a work tree and is ignored: nobody sees it until it is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from registry_tool.git.plumbing import Git

__all__ = ["ignored_among", "ignored_files"]


def ignored_files(git: Git, under: Sequence[str]) -> Iterator[str]:
    """The ignored files below some paths, in order; a folder that is ignored as a whole is one, with a slash at its end.

    Every rule counts that Git follows, those of the user and of ``.git/info/exclude`` too.

    Args:
        git: The repository; one without a work tree has no such files.
        under: Paths from the root, taken as they are.
    """
    if git.work_tree is None or not under:
        return
    out = git.run(
        "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", *under,
        env={"GIT_LITERAL_PATHSPECS": "1"},
    )  # fmt: skip
    found = out.decode(errors="surrogateescape").split("\0")
    for path, following in zip(found, [*found[1:], ""], strict=True):
        # A folder without a tracked file is listed too, where only some of its files are ignored.
        if path and not (path.endswith("/") and following.startswith(path)):
            yield path


def ignored_among(git: Git, paths: Iterable[str]) -> list[str]:
    """Those of some paths that Git ignores, and does not know yet."""
    asked = "\0".join(paths).encode(errors="surrogateescape")
    if not asked:
        return []
    out = git.run("check-ignore", "--stdin", "-z", stdin=asked, allowed=(0, 1))
    return out.decode(errors="surrogateescape").split("\0")[:-1]
