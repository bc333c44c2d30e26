"""Whether a command is writing, or was killed while writing: a look-up of one file, without the modules that write."""

from __future__ import annotations

import os
from pathlib import Path

from registry_tool.git.command import Git

__all__ = ["is_pending", "journal_file"]


def journal_file(git: Git) -> Path:
    """Where a command records its planned steps."""
    return git.git_dir / "registry-tool" / "journal"


def is_pending(git: Git) -> bool:
    """True while a command is writing, or after one was killed while writing."""
    return os.path.lexists(journal_file(git))
