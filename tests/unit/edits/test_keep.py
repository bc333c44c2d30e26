"""Changing what a person wrote: only what changes changes."""

from __future__ import annotations

import difflib
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from registry_tool.edits.keep import GONE, changed
from registry_tool.errors import InvalidManifest
from registry_tool.manifests.explain import explain
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.writer import render

WRITTEN = """\
# Who owns this: see the wiki.
schema: model/v1

name: 'lang-id'   # never changes
namespace: "nlp"
owner: speech     # the team, not a person

labels: [edge, "on device"]   # flow style
links:
    - name: paper      # four spaces
      uri: "https://example.org/p"

metadata:
  team: {a: 1, b: 2}   # team words
  # A comment in between
  size: 7
description: Tells languages apart.
# The end.
"""


def _edit(source: str, **fields: JSON | object) -> str:
    text = explain(source.encode())
    assert isinstance(text.data, dict)
    return changed(source.encode(), text.data, fields, "x.yaml").decode()  # type: ignore[arg-type] # GONE is private


def _diff(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("field", "value", "lines"),
    [
        ("owner", "vision", ["-owner: speech     # the team, not a person",
                             "+owner: vision     # the team, not a person"]),
        ("name", "other", ["-name: 'lang-id'   # never changes", "+name: other   # never changes"]),
        ("namespace", "010", ['-namespace: "nlp"', '+namespace: "010"']),
        ("description", "a: b", ["-description: Tells languages apart.", '+description: "a: b"']),
        ("state", "archived", ["+state: archived"]),
    ],
)  # fmt: skip
def test_only_the_changed_line_differs(field: str, value: str, lines: list[str]) -> None:
    assert _diff(WRITTEN, _edit(WRITTEN, **{field: value})) == lines


def test_several_fields_at_once() -> None:
    edited = _edit(WRITTEN, owner="vision", state="archived", name="lang-id")
    assert _diff(WRITTEN, edited) == [
        "-owner: speech     # the team, not a person", "+owner: vision     # the team, not a person",
        "+state: archived",
    ]  # fmt: skip


def test_one_key_of_a_mapping() -> None:
    metadata: JSON = {"team": {"a": 1, "b": 2}, "size": 8}
    assert _diff(WRITTEN, _edit(WRITTEN, metadata=metadata)) == ["-  size: 7", "+  size: 8"]


def test_a_new_key_of_a_mapping() -> None:
    metadata: JSON = {"team": {"a": 1, "b": 2}, "size": 7, "new": "1.10"}
    assert _diff(WRITTEN, _edit(WRITTEN, metadata=metadata)) == ['+  new: "1.10"']


def test_one_more_label_keeps_the_list_in_its_style() -> None:
    taken, put = _diff(WRITTEN, _edit(WRITTEN, labels=["edge", "on device", "new"]))
    assert taken == '-labels: [edge, "on device"]   # flow style'
    assert " ".join(put.split()) == '+labels: [edge, "on device", new] # flow style'


def test_a_field_that_goes_takes_its_line_and_no_other() -> None:
    source = "a: 1\n# about b\nb: 2   # b\n# about c\nc: 3\n"
    assert _diff(source, _edit(source, b=GONE)) == ["-b: 2   # b"]
    assert _edit(source, nothing=GONE) == source


def test_nothing_to_change_changes_nothing() -> None:
    assert _edit(WRITTEN, owner="speech", labels=["edge", "on device"]) == WRITTEN
    assert _edit(WRITTEN) == WRITTEN


def test_canonical_files_stay_canonical() -> None:
    data: dict[str, JSON] = {"schema": "alias/v1", "version": "1", "list": [1, {"a": "b"}]}
    edited = changed(render(data), data, {"version": "2", "list": []}, "x.yaml")
    assert edited == render({**data, "version": "2", "list": []})
    assert changed(render(data), data, {"list": GONE}, "x") == render(
        {"schema": "alias/v1", "version": "1"}
    )


def test_text_of_several_lines() -> None:
    source = "# top\na: |\n  one\n  two\nb: 1   # b\n"
    edited = _edit(source, a="three\nfour\n")
    assert "# top" in edited
    assert "b: 1   # b" in edited
    assert explain(edited.encode()).data == {"a": "three\nfour\n", "b": 1}


@pytest.mark.parametrize(
    "source", ["{a: 1, b: 2}\n", "{a: 1,\n b: 2}  # c\n", "a: 1", "a: 1\n\n\n", "\n\na: 1\n"]
)
def test_unusual_forms(source: str) -> None:
    edited = _edit(source, a=7, new="x")
    data = explain(source.encode()).data
    assert isinstance(data, dict)
    assert explain(edited.encode()).data == {**data, "a": 7, "new": "x"}


def test_text_that_looks_like_a_number_is_quoted_where_it_stands() -> None:
    # As the document says, "version" is text; as written, other readers take it for a number.
    source = b"version: 010e1  # c\nlist: [3, x]  # d\nowner: x\n"
    data: dict[str, JSON] = {"version": "010e1", "list": ["3", "x"], "owner": "x"}
    edited = changed(source, data, {"owner": "zoe"}, "x.yaml").decode()
    assert edited == 'version: "010e1"  # c\nlist: ["3", x]  # d\nowner: zoe\n'


def test_what_would_be_lost_is_refused() -> None:
    source = b"a: 1\nb: 2\n"
    with pytest.raises(InvalidManifest, match=r"x\.yaml cannot be changed without losing"):
        changed(source, {"a": 5, "b": 2}, {"b": 3}, "x.yaml")


_KEYS = st.sampled_from(["a", "b", "key", "'q'", '"d"', "with space"])
_SCALARS = st.sampled_from(
    [
        "1",
        "-2.5",
        "true",
        "~",
        "word",
        "two words",
        "'single'",
        '"double # no"',
        "''",
        '"010"',
        "a#b",
        "x: y"[:1],
    ]
)
_FLOWS = st.sampled_from(["[]", "{}", "[1, two, 'three']", "{a: 1, b: [x]}", "[{a: 1}]"])
_BLOCKS = st.sampled_from(
    ["\n  - 1\n  - two   # in a list", "\n  k: v   # inside\n  # between\n  l: 2", "\n- x\n- y"]
)
_COMMENTS = st.sampled_from(["", "   # a comment", " # b: c", "  #"])
_BETWEEN = st.sampled_from(["", "\n", "# a line of words\n", "\n# x: y\n\n"])


@st.composite
def _written(draw: st.DrawFn) -> str:
    """A file as a person could write it."""
    parts = [draw(_BETWEEN)]
    keys = draw(st.lists(_KEYS, min_size=1, max_size=5, unique=True))
    for key in keys:
        value = draw(st.one_of(_SCALARS, _SCALARS, _FLOWS, _BLOCKS))
        comment = "" if value.startswith("\n") else draw(_COMMENTS)
        parts.append(
            f"{key}:{'' if value.startswith(chr(10)) else ' '}{value}{comment}\n{draw(_BETWEEN)}"
        )
    return "".join(parts)


_VALUES = st.sampled_from(["new", "010", "a: b", 7, 1.5, True, None, "", "x y", "#", "ü"])


@settings(max_examples=300)
@given(source=_written(), value=_VALUES, which=st.integers(0, 5))
def test_a_changed_scalar_touches_one_line(source: str, value: JSON, which: int) -> None:
    text = explain(source.encode())
    assume(isinstance(text.data, dict) and not [p for p in text.problems if p.code != "ambiguous"])
    assert isinstance(text.data, dict)
    keys = [key for key, old in text.data.items() if not isinstance(old, dict | list)]
    assume(keys)
    key = keys[which % len(keys)]
    edited = changed(source.encode(), text.data, {key: value}, "x").decode()
    assert explain(edited.encode()).data == {**text.data, key: value}
    changes = _diff(source, edited)
    assert len([line for line in changes if line.startswith("-")]) <= 1
    assert len([line for line in changes if line.startswith("+")]) <= 1


def _comments(source: str) -> list[str]:
    return sorted(re.findall(r"(?m)(?:^| )(#(?: [a-z].*)?)$", source.replace('"double # no"', "")))


@settings(max_examples=300)
@given(
    source=_written(),
    which=st.integers(0, 5),
    value=st.one_of(_VALUES, st.just(GONE), st.just({"k": 1}), st.just([1])),
)
def test_no_comment_of_another_field_is_ever_lost(source: str, which: int, value: JSON) -> None:
    text = explain(source.encode())
    assume(isinstance(text.data, dict) and not [p for p in text.problems if p.code != "ambiguous"])
    assert isinstance(text.data, dict)
    key = list(text.data)[which % len(text.data)]
    try:
        edited = changed(source.encode(), text.data, {key: value}, "x").decode()
    except InvalidManifest:
        return
    start = text.key_places[(key,)][0] - 1
    lines = source.split("\n")
    own = [start]
    for number in range(start + 1, len(lines)):  # the field's own lines: indented ones and items
        if not lines[number].startswith((" ", "-")):
            break
        own.append(number)
    others = "\n".join(line for number, line in enumerate(lines) if number not in own)
    missing = _comments(others)
    for comment in _comments(edited):
        if comment in missing:
            missing.remove(comment)
    assert missing == []
