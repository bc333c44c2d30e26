from __future__ import annotations

import json

import pytest

from registry_tool.cli.output.console import (
    columns,
    fields,
    note_unreadable,
    print_json,
    say,
    table,
    value_words,
)
from registry_tool.manifests.problems import JSON


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text", "text"),
        (1, "1"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        (["a", "b"], "a, b"),
        ([1, {"a": None}], '[1, {"a": null}]'),
        ({"bytes": "AAEC"}, "(bytes)"),
    ],
)
def test_value_words(value: JSON, words: str) -> None:
    assert value_words(value) == words


def test_long_values_are_cut() -> None:
    assert len(value_words(list(range(1000)))) < 250


def test_fields_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    fields([("a", "one\ntwo\n"), ("empty", ""), ("none", None), ("longer", 0)])
    assert capsys.readouterr().out == "a       one\\ntwo\nlonger  0\n"


def test_an_empty_table_is_not_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    table("metrics", [], header=("a", "b"))
    assert capsys.readouterr().out == ""


def test_control_characters_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b[31mred\u202e \udcff")
    fields([("name", "\x1b]0;title\x07")])
    table("rows", [("a\x1b[2J", "b\nc")])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\u001b[31mred" in out
    assert "b\\nc" in out


def test_json_of_a_name_that_is_not_utf_8(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "a\udcff"})
    out = capsys.readouterr().out
    out.encode()
    assert json.loads(out) == {"name": "a\udcff"}


def test_columns_line_up() -> None:
    assert list(columns([("a", "1"), ("long", "2")])) == ["a     1", "long  2"]


def test_unreadable_names_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    note_unreadable([])
    note_unreadable(["a", "b", "c", "d"])
    assert capsys.readouterr() == (
        "",
        "note:  cannot read a, b, c and 1 more; see `registry check --all`\n",
    )
