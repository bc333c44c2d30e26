from __future__ import annotations

import pytest
from support.manifests import alias_yaml, small_registry

from registry_tool.checks.engine import check
from registry_tool.git.tree import DictTree


@pytest.mark.parametrize(
    ("count", "expected"),
    [(2, "one of 1, 2"), (5, "one of 1, 2, 3, 4, 5"), (7, "one of 3, 4, 5, 6, 7 and 2 more")],
)
def test_the_versions_there_are_are_named_and_counted(count: int, expected: str) -> None:
    files = small_registry(versions=[str(number) for number in range(1, count + 1)])
    files["models/nlp/lang-id/aliases/champion.yaml"] = alias_yaml("99")
    report = check(DictTree({path: text.encode() for path, text in files.items()}))
    assert [f.expected for f in report.findings if f.rule == "M203"] == [expected]
