from __future__ import annotations

from pathlib import Path

from registry_tool.checks.rules import RULES
from registry_tool.devtools.rules_page import page

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"


def test_the_page_of_rules_is_the_one_the_rules_give() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run: python -m registry_tool.devtools.rules_page > docs/rules.md"


def test_every_rule_is_in_the_overview_and_has_a_section() -> None:
    text = page()
    for rule in RULES.values():
        assert f"| [{rule.id}](#{rule.id.lower()}) | {rule.title} | {rule.severity} |" in text
        assert f"{rule.id}: {rule.title} ({rule.severity})" in text


def test_code_is_marked_as_markdown_marks_it() -> None:
    assert "``" not in page().replace("```", "")
