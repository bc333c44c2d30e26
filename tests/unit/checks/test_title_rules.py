"""Shown names in a check of a change and in one of everything, and what each of them reads."""

from __future__ import annotations

import pytest
from support.manifests import model_yaml, small_registry

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.edits.changeset import ChangeSet, overlaid
from registry_tool.edits.models import add_model
from registry_tool.edits.titles import set_title
from registry_tool.git.tree import DictTree, Tree
from registry_tool.names import ModelName

LANG = ModelName("nlp", "lang-id")


def large(count: int) -> Tree:
    files = {f"models/nlp/m{n}/model.yaml": model_yaml(name=f"m{n}") for n in range(count)}
    return DictTree(
        {**small_registry(), **files, "models/nlp/m0/title.yaml": "schema: title/v1\ntitle: New\n"}
    )


def found(tree: Tree, base: Tree | None = None) -> list[str]:
    return [one.path for one in check(tree, base=base).findings if one.rule == "R318"]


def test_titles_are_compared_wherever_one_changes() -> None:
    base = large(1_100)
    change = ChangeSet("x", {"models/nlp/m1/title.yaml": b"schema: title/v1\ntitle: NEW\n"})
    assert found(overlaid(base, change), base) == ["models/nlp/m1/title.yaml"]
    assert found(overlaid(base, change)) == ["models/nlp/m1/title.yaml"]


@pytest.mark.parametrize("count", [10, 1_100])
def test_a_new_model_without_a_title_is_compared_with_all_titles_of_its_namespace(
    count: int,
) -> None:
    base = large(count)
    change = ChangeSet("x", {"models/nlp/new/model.yaml": model_yaml(name="new").encode()})
    head = overlaid(base, change)
    assert found(head, base) == ["models/nlp/m0/title.yaml"]
    assert found(head) == ["models/nlp/m0/title.yaml"]


def test_a_change_of_something_else_reads_no_titles() -> None:
    base = large(20)
    read: list[str] = []
    original = base.read

    def reading(path: str, *, limit: int | None = None) -> bytes | None:
        read.append(path)
        return original(path, limit=limit)

    base.read = reading  # type: ignore[method-assign]  # a spy on a real tree
    change = ChangeSet("x", {"models/nlp/m5/CARD.md": b"Other words.\n"})
    assert found(overlaid(base, change), base) == []
    assert [path for path in read if path.endswith("title.yaml")] == []


def test_an_edit_uses_what_the_catalog_knows() -> None:
    catalog = Catalog(large(1_100))
    set_title(LANG, "Other")(catalog)  # reads all titles of the namespace
    fields = {"owner": "speech", "task": "t", "description": "d"}
    read: list[str] = []
    original = catalog.tree.read

    def reading(path: str, *, limit: int | None = None) -> bytes | None:
        read.append(path)
        return original(path, limit=limit)

    catalog.tree.read = reading  # type: ignore[method-assign]  # a spy on a real tree
    add_model(ModelName("nlp", "x"), fields, title="Something new")(catalog)
    assert [path for path in read if path.endswith("title.yaml")] == []
