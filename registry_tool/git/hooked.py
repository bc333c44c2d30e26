"""The repository that Git calls a hook for, where it does not lie around the work tree.

With ``git --git-dir=DIR --work-tree=DIR`` the repository is found by ``GIT_DIR`` alone. That variable is otherwise left
aside: around the hook of one repository it would lead a command away from another.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from registry_tool.git.plumbing import Git, find_repository

__all__ = ["hooked_repository"]

# Set by our own scripts, which Git calls in the top of the work tree.
_NAMED: Final = "REGISTRY_HOOK_GIT_DIR"


def hooked_repository(folder: Path) -> Git | None:
    """The repository of a hook that runs in a folder; None where the folder's own one is meant.

    Args:
        folder: The current folder.
    """
    around = find_repository(folder)
    named = os.environ.get(_NAMED) or (os.environ.get("GIT_DIR") if around is None else None)
    if not named:
        return None
    place = Path(named).absolute()
    if not (place / "HEAD").exists():
        return None
    if around is not None and around.git_dir.resolve() == place.resolve():
        return None
    top = os.environ.get("GIT_WORK_TREE")
    # Git runs its hooks, so it has looked at whose it is, or was told.
    return Git(place, folder.absolute() if top is None else Path(top).absolute(), vouched=True)
