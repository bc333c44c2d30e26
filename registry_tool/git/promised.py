"""Files that a partial clone left on its remote, brought in one request instead of one by one."""

from __future__ import annotations

from collections.abc import Iterable

from registry_tool.git.plumbing import Git, GitFailed

__all__ = ["bring"]


def bring(git: Git, oids: Iterable[str]) -> None:
    """Fetch the blobs that are not here yet; a remote that cannot be reached is not complained of.

    Each blob is asked for again when it is read, and fails there with its name.

    Args:
        git: A partial clone.
        oids: Ids of blobs.
    """
    wanted = sorted(set(oids))
    if not wanted:
        return
    # The one way to ask that fetches nothing itself, before Git 2.45 too.
    known = git.run(
        "rev-list", "--objects", "--no-walk", "--no-object-names", "--ignore-missing",
        "--missing=allow-any", "--stdin", stdin="\n".join(wanted).encode() + b"\n",
    )  # fmt: skip
    missing = sorted({oid.encode() for oid in wanted}.difference(known.split()))
    if not missing:
        return
    try:
        git.run(
            "-c", "fetch.negotiationAlgorithm=noop", "fetch", "origin", "--no-tags",
            "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin",
            stdin=b"\n".join(missing) + b"\n",
        )  # fmt: skip
    except GitFailed:
        return
