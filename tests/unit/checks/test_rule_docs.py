from __future__ import annotations

import pytest

from registry_tool.checks.rule_docs import SCOPES, explain, explain_rules
from registry_tool.errors import NotFoundError


def test_every_rule_is_listed_with_its_scope_and_words() -> None:
    rules = explain_rules()
    assert list(rules) == sorted(rules)
    assert "A501" in rules
    for rule in rules.values():
        assert rule.scope == SCOPES[rule.id[0]]
        assert rule.title
        assert "How to fix:" in rule.text
        assert "Example:" in rule.text


def test_explain_takes_either_case() -> None:
    assert explain("f101") == explain("F101")


def test_unknown_rule_names_near_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        explain("M2O3")
    assert "M203" in caught.value.remedy


def test_hostile_id_is_escaped() -> None:
    with pytest.raises(NotFoundError) as caught:
        explain("\x1b[31m")
    assert "\x1b" not in str(caught.value)
