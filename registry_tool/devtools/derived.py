"""Generated files: printed, or compared with the committed ones. For developers of this project."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["print_or_compare"]


def print_or_compare(
    render: Callable[[], str], path: str, module: str, arguments: Sequence[str]
) -> int:
    """Print the content of a generated file; with ``--check`` compare, and print the command that updates it.

    Args:
        render: Makes the text.
        path: The file, from the top of the project.
        module: The module that is run for it.
        arguments: Of the command line.

    Returns:
        The exit code: 1 when the file differs.
    """
    if "--check" not in arguments:
        sys.stdout.write(render())
        return 0
    place = Path(path)
    if place.is_file() and place.read_text(encoding="utf-8") == render():
        return 0
    sys.stderr.write(f"{path} is out of date; run: python -m {module} > {path}\n")
    return 1
