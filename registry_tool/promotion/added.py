"""Signatures that a change adds: on the commits that give its files their content.

Published signatures are verified for their time of publication; new ones for the time of the check.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.publication import find_introducing_commit
from registry_tool.git.tree import Entry
from registry_tool.signing import (
    Signature,
    allowed_signers,
    compute_fingerprint,
    judge_commit,
    list_signer_names,
    signers_in,
)

__all__ = ["Incoming", "incoming"]


class Incoming(NamedTuple):
    """The commit of a change that gives a file its content.

    Attributes:
        commit: Its full id.
        now: The state of its signature now.
        ended: The name of the key where ``allowed_signers`` has it for another time than now, whatever the commit's own
            date is; empty for a good signature and for an unknown key.
    """

    commit: str
    now: Signature
    ended: str


def _oid(line: FirstParentHistory, head: Catalog, path: str, entry: Entry) -> str:
    if entry.oid:
        return entry.oid
    source = head.tree.read(path) or b""
    return line.git.run("hash-object", "--stdin", stdin=source).decode().strip()


def _find_ended(now: Signature, then: Signature, signers: bytes) -> str:
    """Whose key it is that is not valid now. A date in the future, or before all others, hides that from ``then``."""
    if now.state == "good":
        return ""
    if then.state == "good":
        return then.signer
    if now.state != "unknown key":
        return ""
    for one in signers_in(signers):
        if compute_fingerprint(one.key) == now.key:
            names = list_signer_names(signers, one.key, namespace="git")
            return names[0] if names else ""
    return ""


def incoming(
    line: FirstParentHistory | None, base: Catalog, head: Catalog, path: str, *, now: dt.datetime
) -> Incoming | None:
    """The commit that brings a file, with its signature.

    Args:
        line: What is published; None where there is no history.
        base: What is published: whose keys are known.
        head: The change.
        path: A file of it.
        now: The time, in UTC.

    Returns:
        None where no commit brings the file: it is not committed yet, or there is no history here.

    Raises:
        GitError: The history cannot be read.
    """
    entry = head.tree.entry(path)
    if line is None or entry is None:
        return None
    tip = head.tree.commit if isinstance(head.tree, CommitTree) else line.git.head()
    commit = find_introducing_commit(line, tip, path, _oid(line, head, path, entry)) if tip else ""
    if not commit:
        return None
    signers = allowed_signers(base)
    found = judge_commit(line.git, commit, signers, moment=now)
    return Incoming(
        commit, found, _find_ended(found, judge_commit(line.git, commit, signers), signers)
    )
