"""Changing what a person wrote: only what changes changes."""

from __future__ import annotations

import difflib
import re
import sys

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from registry_tool.errors import InvalidManifestError, MissingPackageError
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.editor import GONE, _round_trip, edit_fields
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.writer import render

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
    return edit_fields(source.encode(), text.data, fields, "x.yaml").decode()  # type: ignore[arg-type] # GONE is private


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
    edited = edit_fields(render(data), data, {"version": "2", "list": []}, "x.yaml")
    assert edited == render({**data, "version": "2", "list": []})
    assert edit_fields(render(data), data, {"list": GONE}, "x") == render(
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


def test_text_that_looks_like_a_number_stays_as_it_was_written() -> None:
    # As the document says, "version" is text; as written, other readers take it for a number.
    source = b"version: 010e1  # c\nlist: [3, x]  # d\nowner: x\n"
    data: dict[str, JSON] = {"version": "010e1", "list": ["3", "x"], "owner": "x"}
    edited = edit_fields(source, data, {"owner": "zoe"}, "x.yaml").decode()
    assert edited == "version: 010e1  # c\nlist: [3, x]  # d\nowner: zoe\n"
    edited = edit_fields(source, data, {"list": ["3", "x", "4"]}, "x.yaml").decode()
    assert edited == 'version: 010e1  # c\nlist: [3, x, "4"]  # d\nowner: x\n'


@pytest.mark.parametrize(
    ("source", "fields", "edited"),
    [
        ("a: ~\nb: 2024-01-02   \nc: 010 # c\n", {"d": 1}, "a: ~\nb: 2024-01-02   \nc: 010 # c\nd: 1\n"),
        ("m:\n    x: 010\n\n    y: 'q'  # c\nb: 1\n", {"m": {"x": 8, "y": "q", "z": 1}},
         "m:\n    x: 010\n\n    y: 'q'  # c\n    z: 1\nb: 1\n"),
        ("m: {x: 010, y: 1}   # c\n", {"m": {"x": "010", "y": 2, "z": "a, b"}},
         'm: {x: 010, y: 2, z: "a, b"}   # c\n'),
        ("a: 1\n...\n", {"b": 2}, "a: 1\nb: 2\n...\n"),
        ("a: >-\n  folded\n  text\n\nb: 1\n", {"b": 2}, "a: >-\n  folded\n  text\n\nb: 2\n"),
        ("l:\n- a  # c\n-   b\nz: 1\n", {"l": ["a", "b", "c"]}, "l:\n- a  # c\n-   b\n- c\nz: 1\n"),
        ("l:\n- a  # c\n-   b\nz: 1\n", {"l": ["b"]}, "l:\n-   b\nz: 1\n"),
        ("l:\n- k: 1\n  n: 2\n- k: 3\n", {"l": [{"n": 2}, {"k": 3}]}, "l:\n- n: 2\n- k: 3\n"),
        ("m:\n  a: 1\n  # about b\n  b: 2\n", {"m": {"b": 2}}, "m:\n  # about b\n  b: 2\n"),
        ("a:\nb: 1\n", {"a": "x"}, "a: x\nb: 1\n"),
        ("a: {}   # none\nb: 1\n", {"a": {"k": 1}}, "a:   # none\n  k: 1\nb: 1\n"),
        ("a: |\n  x\n  y\nb: 1\n", {"a": "short"}, "a: short\nb: 1\n"),
        ("'a' : 1\nb: 1\n", {"a": 2}, "'a' : 2\nb: 1\n"),
    ],
)  # fmt: skip
def test_a_change_stands_at_its_place(source: str, fields: dict[str, JSON], edited: str) -> None:
    data = explain(source.encode()).data
    assert isinstance(data, dict)
    if "010" in source and isinstance(fields.get("m"), dict):
        kept = fields["m"]
        assert isinstance(kept, dict)
        kept["x"] = "010"
    assert _edit(source, **fields) == edited


def test_what_would_be_lost_is_refused() -> None:
    source = b"a: 1\nb: 2\n"
    with pytest.raises(InvalidManifestError, match=r"x\.yaml cannot be edited without losing"):
        edit_fields(source, {"a": 5, "b": 2}, {"b": 3}, "x.yaml")


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
    edited = edit_fields(source.encode(), text.data, {key: value}, "x").decode()
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
        edited = edit_fields(source.encode(), text.data, {key: value}, "x").decode()
    except InvalidManifestError:
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


_HARD = st.sampled_from(
    [
        "010", "~", "2024-01-02", "No", "1e3", "  two   words", "'it''s'", '"\\u00e9"', "[a,   'b', 010]", "{k:  ~, n: [1]}",
        "|\n    kept \n\n    text\n", ">-\n    folded\n    text", "\n    in:  010   # c\n    # between\n    out: 'x'",
        "\n  -  1\n  # between\n  - two", "", "plain\n   going on", "[\n    a,   # c\n    b ]",
    ]
)  # fmt: skip
_ENDS = st.sampled_from(["", "   ", "  # a comment", "\t# after a TAB"])


@st.composite
def _by_hand(draw: st.DrawFn) -> str:
    """A file with all that programs like to tidy."""
    parts = [draw(_BETWEEN)]
    for key in draw(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=6, unique=True)):
        value = draw(_HARD)
        end = "" if "\n" in value else draw(_ENDS)
        parts.append(
            f"{key}:{'' if value.startswith(chr(10)) else ' '}{value}{end}\n{draw(_BETWEEN)}"
        )
    return "".join(parts)


@settings(max_examples=400, deadline=None)
@given(
    source=_by_hand(), which=st.integers(0, 6), value=st.one_of(_VALUES, st.just(GONE), st.just({"k": [1]}))
)  # fmt: skip
@example(source="\na: |\n    kept \n\n    text\n\nb: 010\n\n", which=1, value=GONE)
def test_what_was_not_changed_keeps_its_bytes(source: str, which: int, value: object) -> None:
    text = explain(source.encode())
    assume(isinstance(text.data, dict) and not [p for p in text.problems if p.code != "ambiguous"])
    assert isinstance(text.data, dict)
    names = [*text.data, "new"]
    key = names[which % len(names)]
    assume(key in text.data or value is not GONE)
    try:
        edited = _edit(source, **{key: value})
    except InvalidManifestError:
        return
    lines = source.split("\n")
    starts = sorted(at[0] - 1 for path, at in text.key_places.items() if len(path) == 1)
    if key in text.data:
        begin = text.key_places[(key,)][0] - 1
        end = min((start for start in starts if start > begin), default=len(lines))
        before, after = lines[:begin], lines[end:]
    else:
        before, after = lines[: starts[-1] + 1], []
    changed_lines = edited.split("\n")
    assert changed_lines[: len(before)] == before
    assert not after or changed_lines[-len(after) :] == after


def test_nearly_every_such_change_is_made() -> None:
    source = "a: 010\nb:\n    in:  010\n    out: 'x'\nc: [a,   'b']\nd: >-\n    folded\n    text\n"
    for key in "abcd":
        for value in ("x", 1, None, {"k": 1}, ["x"]):
            assert f"{key}:" in _edit(source, **{key: value})


def test_a_round_trip_without_its_package_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    with pytest.raises(MissingPackageError, match=r"needs the package ruamel\.yaml"):
        _round_trip("a: 1\n", {"a": 2})
