"""The reference of commands is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_tool.cli.main import COMMANDS
from registry_tool.devtools.commands_page import render_pages

_PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


def test_the_reference_is_up_to_date() -> None:
    command = "python -m registry_tool.devtools.commands_page > docs/commands.md"
    assert _PAGE.read_text(encoding="utf-8") == render_pages(), f"run: {command}"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_examples(name: str) -> None:
    _, _, rest = render_pages().partition(f"\n## registry {name}\n")
    page = rest.split("\n## registry ")
    groups = [part for part in page if part.startswith(f"{name} ")]
    assert any("Examples:" in part for part in [page[0], *groups]), name
