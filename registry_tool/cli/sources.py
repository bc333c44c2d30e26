"""Files and folders that a command is given as artifacts: ``[NAME=]PATH``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from registry_tool.cli.values import named, shown
from registry_tool.errors import NotFound, UsageError

__all__ = ["artifact_place", "check_apart", "check_outside"]


def artifact_place(text: str) -> tuple[str, str]:
    """An artifact's name and absolute path, out of ``[NAME=]PATH``; a link keeps its own name.

    Raises:
        NotFound: There is no such file or folder.
        InvalidName: The name, given or the file's own, is not an artifact's.
    """
    import os

    from registry_tool.names import check_artifact_name

    name, path = named(text, "--artifact")
    place = os.path.abspath(path)  # noqa: PTH100 (Path.resolve would follow a link to another name)
    if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises for a name that is too long)
        raise NotFound(f"there is no file or folder {shown(path)}")
    return name or check_artifact_name(os.path.basename(place)), place  # noqa: PTH119 (as above)


def check_apart(asked: Sequence[tuple[str, str]]) -> None:
    """See that names and paths are each said once: a path is the name of a file in the version's folder.

    Args:
        asked: Name and place of each.

    Raises:
        UsageError: One is said twice.
    """
    names, paths = [name for name, _ in asked], [Path(path).name for _, path in asked]
    for what, said, remedy in (
        ("name", names, "name them apart: --artifact NAME=PATH"),
        ("path", paths, "an artifact is stored under its file's own name; rename one"),
    ):
        twice = next((one for one in said if said.count(one) > 1), None)
        if twice is not None:
            raise UsageError(f"two artifacts have the {what} {shown(twice)}", remedy=remedy)


def check_outside(asked: Sequence[tuple[str, str]], root: Path | None) -> None:
    """See that none holds the registry itself.

    Raises:
        UsageError: One does.
    """
    for _, path in asked:
        if root is not None and root.resolve().is_relative_to(Path(path).resolve()):
            raise UsageError(f"{shown(path)} holds the registry itself")
