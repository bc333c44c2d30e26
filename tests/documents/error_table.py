"""The table of ``docs/errors.md``, from ``registry_tool/errors.py``: ``python tests/documents/error_table.py`` rewrites it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from registry_tool import errors

__all__ = ["PAGE", "filled"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "errors.md"
_TABLE = re.compile(r"(<!-- exceptions -->\n).*?(<!-- end of exceptions -->)", re.DOTALL)


def _below(error: type[errors.RegistryError], depth: int = 0) -> Iterator[tuple[int, type]]:
    yield depth, error
    for one in sorted(error.__subclasses__(), key=lambda one: one.__name__):
        if one.__module__ == errors.__name__:
            yield from _below(one, depth + 1)


def _row(depth: int, error: type) -> str:
    summary = re.sub(r"``([^`]+)``", r"`\1`", (inspect.getdoc(error) or "").partition("\n\n")[0])
    name = f"{'&emsp;' * depth}`{error.__name__}`"
    code = getattr(error, "code", "")
    shown = f"`{code}`" if isinstance(code, str) and code else ""
    return f"| {name} | {shown} | {getattr(error, 'exit_code', '')} | {' '.join(summary.split())} |"


def filled(page: str) -> str:
    """The page with its table as the classes are today; subclasses are below their base, and set in."""
    rows = [_row(depth, error) for depth, error in _below(errors.RegistryError)]
    table = ["| exception | code | exit code | meaning |", "| --- | --- | --- | --- |", *rows, ""]
    return _TABLE.sub(lambda found: found[1] + "\n".join(table) + found[2], page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
