"""The files that decide how changes are checked and reviewed, where content is stored, and what runs or merges automatically.

Rules and kinds of change use this one table. CI systems and merge bots read their settings from a change itself or from
the main branch, with credentials; so a person must review a change to any of them, whichever the team uses today. The
scripts that they run (a Makefile) are `other files`, which never merge automatically.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import cache
from typing import Final

from registry_tool.manifests.layout import REGISTRY

__all__ = ["CI_FILES", "CI_FOLDERS", "is_policy"]

_FILES: Final = frozenset(
    {
        REGISTRY, "CODEOWNERS", "docs/CODEOWNERS", "allowed_signers", ".gitignore", ".mailmap",
        ".pre-commit-config.yaml",
    }
)  # fmt: skip
_FOLDED: Final = frozenset(name.lower() for name in _FILES)
_FOLDERS: Final = ("schemas/", ".dvc/")
# DVC takes the nearest such folder above where it is called.
_DVC_INSIDE: Final = "/.dvc/"
# Files that Git, DVC or git-lfs obey wherever they lie: what they ignore, fetch, convert, write or run.
_NAMES: Final = frozenset(
    {".gitattributes", ".gitmodules", ".lfsconfig", ".dvcignore", "dvc.yaml", "dvc.lock"}
)
_POINTER: Final = ".dvc"

# By the system that reads them, at the root; in lower case.
CI_FOLDERS: Final = (
    ".github/", ".gitlab/", ".gitea/", ".forgejo/", ".bitbucket/",
    ".circleci/", ".azure-pipelines/", ".azuredevops/", ".woodpecker/", ".buildkite/", ".teamcity/", ".tekton/",
    ".semaphore/", ".builds/", ".zuul.d/", "zuul.d/", ".jenkins/", ".codefresh/", ".harness/", ".buddy/", ".prow/", ".drone/",
    ".mergify/", ".husky/", ".githooks/", ".lefthook/",
    # What editors run when somebody opens the folder.
    ".vscode/", ".devcontainer/",
)  # fmt: skip
# Many of them may lie in any folder, so they are known by name; `*` stands for any text.
CI_FILES: Final = (
    "*.gitlab-ci.yml", "*.gitlab-ci.yaml",
    "jenkinsfile*", "*.jenkinsfile",
    "azure-pipelines*.yml", "azure-pipelines*.yaml", ".vsts-ci.yml",
    ".woodpecker*.yml", ".woodpecker*.yaml", ".drone.*", "bitbucket-pipelines.yml", "bitbucket-pipelines.yaml",
    ".travis.yml", ".travis.yaml", "appveyor.yml", ".appveyor.yml", ".cirrus.*", "circle.yml", "buildkite.y*ml",
    "cloudbuild.yaml", "cloudbuild.yml", "cloudbuild.json", "buildspec.yml", "buildspec.yaml", ".build.yml",
    ".zuul.yaml", "zuul.yaml", "codefresh.yml", "screwdriver.yaml", "wercker.yml", "buddy.yml", ".prow.yaml",
    ".onedev-buildspec.yml", "codemagic.yaml", "*.gocd.yaml", "*.gocd.yml", "shippable.yml", ".semaphore.yml",
    # What merges changes, or makes them.
    ".mergify.yml", ".kodiak.toml", ".pullapprove.yml", "bors.toml", "renovate.json*", ".renovaterc*",
    # What runs at a commit in a clone, or when somebody enters it.
    ".envrc", ".gitpod.yml", ".devcontainer.json",
    "lefthook.y*ml", ".lefthook.y*ml", "lefthook-local.y*ml", ".overcommit.yml", ".huskyrc*",
)  # fmt: skip


@cache
def _ci_file() -> re.Pattern[str]:
    return re.compile("|".join(map(translate, CI_FILES)))


def is_policy(path: str) -> bool:
    """True for a file outside the layout that decides how changes are judged, or what runs or merges by itself."""
    # Systems differ about case, and so do the file systems that programs read from.
    folded = path.lower()
    name = folded.rpartition("/")[2]
    if folded in _FOLDED or name in _NAMES or name.endswith(_POINTER):
        return True
    # A link or a submodule in place of such a folder has no slash at its end.
    if f"{folded}/".startswith((*_FOLDERS, *CI_FOLDERS)) or _DVC_INSIDE in folded:
        return True
    return _ci_file().match(name) is not None
