"""Models, drafts and tags by the names that clients of other protocols give them."""

from __future__ import annotations

import pytest
from support.manifests import small_registry

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.titles import list_reserved_names
from registry_tool.edits.changeset import ChangeSet, Edit, overlaid
from registry_tool.edits.drafts import delete_draft
from registry_tool.edits.shown import (
    NewNamespace,
    add_shown_draft,
    add_shown_model,
    ensure_namespace,
    tag_slug,
)
from registry_tool.edits.versions import VersionRecord, find_nothing
from registry_tool.errors import ConflictError
from registry_tool.git.tree import DictTree
from registry_tool.names import ModelName, Reference

MODEL = ModelName("nlp", "lang-id")


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(DictTree(small_registry()))


def made(catalog: Catalog, edit: Edit) -> Catalog:
    return Catalog(overlaid(catalog.tree, edit(catalog)))


def draft(shown: str, *tags: str) -> Edit:
    return add_shown_draft(MODEL, shown, VersionRecord(), gone=find_nothing, tags=tags)


def test_a_namespace_comes_with_the_first_thing_in_it(catalog: Catalog) -> None:
    new = NewNamespace("vision", "ada@example.org", "Computer Vision")
    first = add_shown_model(new, "Wörter (v2)", {"owner": "ada"})(catalog)
    (model,) = {path.split("/")[2] for path in first.puts if path.count("/") == 3}
    assert model.startswith("W-rter-v2-")
    assert b"Computer Vision" in first.puts["models/vision/title.yaml"]
    assert "Wörter (v2)".encode() in first.puts[f"models/vision/{model}/title.yaml"]
    known = ensure_namespace(NewNamespace("nlp", "x@y"), lambda _: ChangeSet("Nothing"), "Add")
    assert known(catalog).puts == {}


def test_a_shown_name_is_taken_once(catalog: Catalog) -> None:
    again = add_shown_model(NewNamespace("nlp", "a@b"), "lang-id", {"owner": "ada"}, what="thing")
    with pytest.raises(ConflictError, match="thing 'lang-id' already exists"):
        again(catalog)
    later = made(catalog, draft("first try"))
    with pytest.raises(ConflictError, match="version 'First try' of nlp/lang-id already exists"):
        draft("First try")(later)


def test_a_scheme_that_counts_gives_the_next_number(catalog: Catalog) -> None:
    (added,) = draft("first try")(catalog).versions
    assert added.selector == "3"
    assert draft("7")(catalog).versions == (Reference(MODEL, "7"),)


def test_tags_are_reserved_with_titles_and_go_with_the_draft(catalog: Catalog) -> None:
    change = draft("3", "Best so far!", "gold")(catalog)
    titles = [path for path in change.puts if "/titles/" in path]
    assert len(titles) == 1
    later = Catalog(overlaid(catalog.tree, change))
    view = later.model(MODEL)
    assert view is not None
    reserved = list_reserved_names(view)
    assert "gold" in reserved
    assert {view.find_title(name) for name in reserved} == {"Best so far!", ""}
    for tag in ("best SO far!", "gold", "GOLD", "first", "production"):
        with pytest.raises(ConflictError, match="is taken"):
            draft("4", tag)(later)
    gone = delete_draft(Reference(MODEL, "3"))(later)
    assert set(titles) <= gone.deletes


@pytest.mark.parametrize(
    ("shown", "path"),
    [("gold", "gold"), ("Gold", "gold"), ("v1.2", "v1.2"), ("latest", "latest-"), ("a b.c", "a-b-c-"), ("7", "7-"), ("🚀", "namespace-"), ("x" * 70, "x" * 48)],
)  # fmt: skip
def test_the_path_of_a_tag_is_a_valid_one(catalog: Catalog, shown: str, path: str) -> None:
    view = catalog.model(MODEL)
    assert view is not None
    found = tag_slug(view, shown)
    assert found.startswith(path)
    assert found != path or shown.lower() == path
    assert tag_slug(view, shown, [found]) != found
