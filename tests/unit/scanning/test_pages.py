"""The documentation says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_tool.scanning.formats import FORMATS
from registry_tool.scanning.pages import formats_table, keys_table
from registry_tool.scanning.report import LEVELS

PAGE = (Path(__file__).parents[3] / "docs" / "scanning.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "table"), [("formats", formats_table()), ("keys", keys_table())])
def test_the_tables_are_those_of_the_code(name: str, table: str) -> None:
    """Copy the table from the message where it fails."""
    _, _, rest = PAGE.partition(f"<!-- {name} -->\n")
    assert rest.partition(f"\n<!-- /{name} -->")[0] == table


def test_every_format_and_level_is_described() -> None:
    assert {one.name for one in FORMATS} == {one.name for one in FORMATS if one.looked_at}
    for level in LEVELS:
        assert f"| {level} | " in PAGE
