"""Trailers of a first-parent line: of each commit the first value, and nothing from the middle of a message."""

from __future__ import annotations

from pathlib import Path

from support.commit_histories import History

from registry_tool.git.command import find_repository
from registry_tool.git.log import read_trailers


def test_trailers_of_a_line(tmp_path: Path) -> None:
    history = History(tmp_path / "r")
    none = history.commit({"a": "0"}, "Nothing")
    one = history.commit({"a": "1"}, "One\n\nRegistry-Time: x\nOther: y")
    two = history.commit({"a": "2"}, "Two\n\nRegistry-Time: first\nRegistry-Time: second")
    text = history.commit({"a": "3"}, "Text\n\nRegistry-Time: not a trailer\n\nMore text.")
    history.branch("side")
    history.commit({"b": "1"}, "Side\n\nRegistry-Time: side")
    merge = history.merge("side")
    git = find_repository(history.folder)
    assert git is not None
    assert read_trailers(git, [merge], "Registry-Time") == {one: "x", two: "first"}
    assert read_trailers(git, [merge, f"^{one}"], "Registry-Time") == {two: "first"}
    assert read_trailers(git, [none], "Registry-Time") == {}
    assert text != none
