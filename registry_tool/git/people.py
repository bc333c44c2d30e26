"""Who commits, and a commit in their name, written without asking Git for each.

Git's own program writes the commit where there is more to it: a signature, a date in the environment, an encoding.
"""

from __future__ import annotations

import os
import time
from typing import Final

from registry_tool.git.plumbing import Git

__all__ = ["identity_of", "plain_commit"]

_ROLES: Final = ("author", "committer")
# What Git does not take into a name or an address (ident.c, crud).
_CRUD: Final = " .,:;<>\"\\'"


def _said(git: Git, role: str, part: str) -> str:
    """A name or an address that somebody chose, in Git's order; empty where nobody did."""
    own = os.environ.get(f"GIT_{role.upper()}_{part.upper()}")
    if own:
        return own
    return git.config(f"{role}.{part}") or git.config(f"user.{part}") or ""


def identity_of(git: Git, role: str) -> str | None:
    """Who an author or committer is, as ``Name <email>``; None where Git has to find out.

    Args:
        git: The repository.
        role: ``author`` or ``committer``.
    """
    name, email = _said(git, role, "name"), _said(git, role, "email")
    plain = all(text.isprintable() and text.strip(_CRUD) == text for text in (name, email))
    if not name or not email or not plain or "<" in name + email or ">" in name + email:
        return None
    return f"{name} <{email}>"


def _zone(now: float) -> str:
    minutes = time.localtime(now).tm_gmtoff // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def plain_commit(git: Git, tree: str, parent: str | None, message: str) -> bytes | None:
    """A commit object, made now; None where Git's own program has to make it.

    Args:
        git: The repository.
        tree: The id of its tree.
        parent: The id of its parent; None for the first.
        message: What it does.
    """
    dated = any(f"GIT_{role.upper()}_DATE" in os.environ for role in _ROLES)
    if dated or git.config("i18n.commitencoding") or "\0" in message:
        return None
    people = {role: identity_of(git, role) for role in _ROLES}
    if None in people.values():
        return None
    now = time.time()
    lines = [f"tree {tree}", *([] if parent is None else [f"parent {parent}"])]
    lines += [f"{role} {who} {int(now)} {_zone(now)}" for role, who in people.items()]
    try:
        return "\n".join([*lines, "", message]).encode()
    except UnicodeEncodeError:
        return None
