"""The environment and settings of every git command that this program runs (decision 0024).

Git has hundreds of settings. Those that say how to reach a server, who commits, how work trees are stored and which
programs a user trusts apply. Those that change listings, their format, or side effects are fixed here.
``tests/integration/test_hostile_git.py`` runs the commands under all of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

__all__ = ["FIXED", "clean_environment", "with_settings"]

# `git rev-parse --local-env-vars` (2.39): set by Git around hooks, and wrong for any other repository.
_LOCAL: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT",
        "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR", "GIT_INTERNAL_SUPER_PREFIX",
        # Not in that list; it forbids every change of a ref, and would do so in other repositories too.
        "GIT_QUARANTINE_PATH",
    }
)  # fmt: skip
# `git help git`, "Environment variables": each makes a command say or do something else.
_MISLEADING: Final = frozenset(
    {
        # A path means itself, or a pattern; this program says where its paths are literal.
        "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
        "GIT_NAMESPACE",  # refs of another name space
        "GIT_REF_PARANOIA",  # 0 passes over broken refs
        "GIT_ATTR_SOURCE", "GIT_ATTR_NOSYSTEM",  # attributes of another tree
        "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_PAGER_IN_USE", "GIT_FLUSH",
        "GIT_DEFAULT_HASH", "GIT_DEFAULT_REF_FORMAT", "GIT_TEMPLATE_DIR",  # of clones that are a cache
        "GIT_PROTOCOL",  # set by the transport of a server around its hooks
    }
)  # fmt: skip
# Traces into a file help; on standard error or a pipe they would mix with Git's messages.
_TRACE: Final = "GIT_TRACE"
# `ext::` and `fd::` run commands; Git's default refuses them too, but a user's configuration may not.
_TRANSPORTS: Final = "file:git:http:https:ssh"

# Setting -> value, as `git -c` passes it: above every file.
FIXED: Final[Mapping[str, str]] = {
    "core.fsmonitor": "false",  # a program, or a process that outlives the command
    "core.quotePath": "true",
    "core.abbrev": "auto",
    "core.warnAmbiguousRefs": "true",
    # Output format.
    "color.ui": "false", "color.advice": "false", "color.branch": "false", "color.diff": "false",
    "color.grep": "false", "color.push": "false", "color.remote": "false", "color.showBranch": "false",
    "color.status": "false", "color.transport": "false",
    "column.ui": "never",
    "i18n.commitEncoding": "UTF-8",  # messages are written in it
    "i18n.logOutputEncoding": "UTF-8",
    # What `log`, `diff` and `status` show.
    "log.showRoot": "true", "log.follow": "false", "log.showSignature": "false", "log.mailmap": "false",
    "log.diffMerges": "separate", "log.date": "default", "log.decorate": "false",
    "diff.renames": "false", "diff.relative": "false", "diff.noprefix": "false", "diff.mnemonicPrefix": "false",
    "diff.ignoreSubmodules": "none", "diff.autoRefreshIndex": "true", "diff.orderFile": "/dev/null",
    "status.renames": "false", "status.branch": "false", "status.short": "false", "status.showStash": "false",
    "status.relativePaths": "false", "status.submoduleSummary": "false", "status.showUntrackedFiles": "all",
    # What `grep` looks for, and how it says what it found.
    "grep.patternType": "default", "grep.extendedRegexp": "false", "grep.lineNumber": "false",
    "grep.column": "false", "grep.fullName": "true", "grep.fallbackToNoIndex": "false",
    # Side effects.
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false", "fetch.prune": "false", "fetch.pruneTags": "false",
    "fetch.writeCommitGraph": "false",
    "push.followTags": "false", "push.recurseSubmodules": "no",
    # Of clones that are a cache.
    "clone.defaultRemoteName": "origin", "clone.rejectShallow": "false", "clone.filterSubmodules": "false",
    "init.templateDir": "", "init.defaultBranch": "main",
}  # fmt: skip


def with_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables that give git some settings, above those of every file.

    Args:
        settings: Value by name.
    """
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


def _passes(name: str, value: str) -> bool:
    if name.startswith(_TRACE) and not os.path.isabs(value):  # noqa: PTH117 (runs for each command)
        return False
    return not (
        name in _LOCAL
        or name in _MISLEADING
        or name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))
    )


_FIXED_VARIABLES: Final = {
    **with_settings(FIXED),
    "LC_ALL": "C",  # messages are matched in a few places
    "GIT_ALLOW_PROTOCOL": _TRANSPORTS,
    "GIT_OPTIONAL_LOCKS": "0",  # reading must not rewrite the user's index
    # `git replace` and grafts change the view of one repository only: a check would miss the files that others fetch.
    "GIT_NO_REPLACE_OBJECTS": "1",
    # A file that cannot exist: Git reads an empty one too, and warns each time.
    "GIT_GRAFT_FILE": f"{os.devnull}/none",
}


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for git: ours, without what points at another repository or changes what a command means.

    Args:
        extra: More variables, which count above all others.
    """
    env = {name: value for name, value in os.environ.items() if _passes(name, value)}
    env.update(_FIXED_VARIABLES)
    env.setdefault("GIT_TERMINAL_PROMPT", "0")  # a library must not wait for a password
    env.update(extra or {})
    return env
