"""Tables as CSV that a spreadsheet shows and does not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from registry_tool.api.interface.text import inert, one_line
from registry_tool.manifests.problems import JSON

__all__ = ["write_csv"]

# Where a spreadsheet would start to read a formula.
_FORMULA: Final = ("=", "+", "-", "@")


def _cell(value: JSON) -> str:
    plain = "" if value is None else inert(one_line(str(value)))
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def write_csv(keys: Sequence[str], rows: Iterable[Mapping[str, JSON]]) -> str:
    """Rows as CSV with a header line; a cell that a spreadsheet would read as a formula starts with an apostrophe."""
    import csv
    import io

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_cell(row[key]) for key in keys] for row in rows)
    return written.getvalue()
