"""The page of fields shows the table that tests/integration/clients/test_across.py walks."""

from __future__ import annotations

from pathlib import Path

from support.wire_fields import render_fields

_PAGE = Path(__file__).parents[2] / "docs" / "serve-fields.md"


def test_the_page_has_the_table() -> None:
    lines = _PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("|")] == list(render_fields())
