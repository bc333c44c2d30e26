"""Withdrawing a version together with the aliases that point at it."""

from __future__ import annotations

import pytest
from support.manifests import alias_yaml, small_registry

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.edits.changeset import overlaid
from registry_tool.edits.lifecycle import set_state, withdraw_with_aliases
from registry_tool.errors import RefusedError
from registry_tool.git.tree import DictTree
from registry_tool.names import Reference

LANG = "models/nlp/lang-id"
FIRST = Reference.parse("nlp/lang-id@1")
FILES = small_registry() | {
    f"{LANG}/aliases/champion.yaml": alias_yaml("1"),
    f"{LANG}/aliases/next.yaml": alias_yaml("2"),
}


def test_an_alias_holds_a_version_and_the_way_out_is_said() -> None:
    with pytest.raises(RefusedError, match="champion, production") as raised:
        set_state(FIRST, "withdrawn", reason="bad")(Catalog(DictTree(FILES)))
    assert "--remove-aliases" in raised.value.remedy


def test_the_aliases_of_the_version_go_with_it_and_no_others() -> None:
    base = DictTree(FILES)
    change = withdraw_with_aliases(FIRST, reason="trained on leaked labels")(Catalog(base))
    assert change.deletes == {f"{LANG}/aliases/champion.yaml", f"{LANG}/aliases/production.yaml"}
    assert list(change.puts) == [f"{LANG}/versions/1/status.yaml"]
    assert change.message == "Withdraw nlp/lang-id@1: trained on leaked labels"
    report = check(overlaid(base, change), base=base)
    assert (report.verdict, report.kind) == ("pass", "status")


def test_an_alias_as_the_reference_is_followed_before_it_goes() -> None:
    act = withdraw_with_aliases(Reference.parse("nlp/lang-id@production"), reason="bad")
    assert f"{LANG}/versions/1/status.yaml" in act(Catalog(DictTree(FILES))).puts
