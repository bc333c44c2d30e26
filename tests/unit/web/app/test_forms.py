"""What forms do with values: reading them, merging them with another commit, and the guard of a planned change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet
from registry_tool.errors import UsageError
from registry_tool.git.tree import DictTree
from registry_tool.web.app.changes import FileMovedError, plan_change
from registry_tool.web.app.fields import parse_metadata, split_labels, write_metadata
from registry_tool.web.app.views import merge_values

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=9,
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "before", "now", "value", "theirs"),
    [
        ("old", "old", "old", "old", None),
        ("mine", "old", "old", "mine", None),
        ("old", "old", "theirs", "theirs", None),
        ("mine", "old", "theirs", "mine", "theirs"),
        ("same", "old", "same", "same", None),
        ("a\r\nb", "a\nb", "theirs", "theirs", None),
    ],
)
def test_three_values_become_one(typed: str, before: str, now: str, value: str, theirs: str | None) -> None:  # fmt: skip
    values, others = merge_values({"f": typed}, {"f": before}, {"f": now})
    assert values == {"f": value}
    assert others == ({} if theirs is None else {"f": theirs})


@given(_TEXTS, _TEXTS, _TEXTS)
def test_nothing_that_was_typed_is_lost(typed: str, before: str, now: str) -> None:
    values, _ = merge_values({"f": typed}, {"f": before}, {"f": now})
    assert values["f"] in {typed, now}
    if typed.strip() != before.strip():
        assert values["f"] == typed


@given(st.dictionaries(st.text(max_size=5), _JSON, max_size=4))
def test_metadata_survives_the_form(data: dict[str, object]) -> None:
    assert parse_metadata(write_metadata(data)) == data


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": 1', "nothing", "[" * 100_000])
def test_metadata_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="metadata"):
        parse_metadata(text)


def test_labels_are_separated_by_commas_and_spaces() -> None:
    assert split_labels(" edge, fast  edge,\nsmall,") == ["edge", "fast", "small"]


def _write(path: str, content: bytes | None) -> Callable[[Catalog], ChangeSet]:
    def edit(_: Catalog) -> ChangeSet:
        gone = frozenset({path}) if content is None else frozenset[str]()
        return ChangeSet("Change", {} if content is None else {path: content}, gone)

    return edit


def _catalog(**files: str) -> Catalog:
    return Catalog(DictTree({name: text.encode() for name, text in files.items()}))


def test_a_plan_shows_the_diff() -> None:
    plan = plan_change(_write("a", b"one\nthree\n"), _catalog(a="one\ntwo\n"))
    (file,) = plan.files
    assert (file.path, file.act) == ("a", "changed")
    assert [(line.kind, line.text) for line in file.lines if line.kind != "place"] == [
        ("same", "one"), ("removed", "two"), ("added", "three"),
    ]  # fmt: skip
    assert plan_change(_write("b", b"x"), _catalog(a="")).files[0].act == "new"
    assert plan_change(_write("a", None), _catalog(a="x")).files[0].act == "deleted"


@pytest.mark.parametrize("now", [{"a": "other"}, {}, {"a": "old\n"}])
def test_a_plan_is_refused_where_its_file_is_another_one(now: dict[str, str]) -> None:
    plan = plan_change(_write("a", b"new"), _catalog(a="old", b="x"))
    assert plan.edit(_catalog(a="old", b="changed")).puts == {"a": b"new"}
    with pytest.raises(FileMovedError, match="a changed after this form was opened"):
        plan.edit(_catalog(**now))
