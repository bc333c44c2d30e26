"""The hooks for pre-commit and prek; ``.pre-commit-hooks.yaml`` is generated from this table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

from registry_tool.devtools.derived import print_or_compare

__all__ = ["FRAMEWORK_HOOKS", "FrameworkHook", "framework_yaml", "main"]


class FrameworkHook(NamedTuple):
    """One hook that pre-commit and prek offer from this repository."""

    id: str
    name: str
    description: str
    entry: str
    stages: tuple[str, ...]


# `--repo .`: a REGISTRY_REPO that is set for other work does not count in a hook.
FRAMEWORK_HOOKS: Final = (
    FrameworkHook(
        "registry-check",
        "check the registry",
        "Checks the staged files of a model registry: files, names, references, uniqueness.",
        "registry check --repo . --staged",
        ("pre-commit", "pre-merge-commit"),
    ),
    FrameworkHook(
        "registry-check-all",
        "check the whole registry",
        "Checks every file of a model registry; for CI and for manual runs.",
        "registry check --repo . --all",
        ("manual",),
    ),
)
FRAMEWORK_FILE: Final = ".pre-commit-hooks.yaml"
_COMMAND: Final = f"python -m registry_tool.devtools.hooks_table > {FRAMEWORK_FILE}"


def framework_yaml() -> str:
    """The text of ``.pre-commit-hooks.yaml``."""
    lines = [f"# Generated: {_COMMAND}"]
    for hook in FRAMEWORK_HOOKS:
        lines += [
            f"- id: {hook.id}",
            f"  name: {hook.name}",
            f'  description: "{hook.description}"',
            f"  entry: {hook.entry}",
            "  language: python",
            # The check needs every file that is staged, also where none of a certain type changed.
            "  always_run: true",
            "  pass_filenames: false",
            "  require_serial: true",
            f"  stages: [{', '.join(hook.stages)}]",
            '  minimum_pre_commit_version: "3.2.0"',
        ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """``python -m registry_tool.devtools.hooks_table [--check]``: print the generated file, or compare it."""
    return print_or_compare(
        framework_yaml, FRAMEWORK_FILE, "registry_tool.devtools.hooks_table", arguments
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
