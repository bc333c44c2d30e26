from __future__ import annotations

import pytest
from support.manifests import (
    alias_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    version_files,
    version_yaml,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import is_same_answer, resolve
from registry_tool.git.tree import DictTree

FOLDER = "models/nlp/lang-id"


@pytest.mark.parametrize(
    ("reference", "edit", "same"),
    [
        ("nlp/lang-id@production", {}, True),
        ("nlp/lang-id@production", {f"{FOLDER}/aliases/production.yaml": alias_yaml("2")}, False),
        ("nlp/lang-id@production", {f"{FOLDER}/aliases/other.yaml": alias_yaml("2")}, True),
        ("nlp/lang-id@other", {f"{FOLDER}/aliases/other.yaml": alias_yaml("2")}, False),
        ("nlp/lang-id@1", {f"{FOLDER}/versions/1/status.yaml": status_yaml()}, False),
        ("nlp/lang-id@1", {f"{FOLDER}/versions/2/status.yaml": status_yaml()}, True),
        ("nlp/lang-id@1", {f"{FOLDER}/versions/1/version.yaml": version_yaml(author="X")}, False),
        ("nlp/lang-id", version_files("3"), False),
        ("nlp/lang-id@2", version_files("3"), True),
        ("nlp/lang-id@2", {"registry.yaml": registry_yaml(description="Ours.")}, False),
    ],
)
def test_an_answer_is_committed(reference: str, edit: dict[str, str], *, same: bool) -> None:
    head = Catalog(DictTree(small_registry()))
    answer = resolve(Catalog(DictTree(small_registry() | edit)), reference)
    assert is_same_answer(head, answer) is same


def test_nothing_is_committed_yet() -> None:
    answer = resolve(Catalog(DictTree(small_registry())), "nlp/lang-id")
    assert is_same_answer(Catalog(DictTree({})), answer) is False
