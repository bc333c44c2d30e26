"""Both readers against the whole of yaml-test-suite: one verdict, one value, the value of YAML 1.2, no crash.

``yaml_test_suite.json`` holds its cases as data (MIT licence, named there): the text, whether it is valid, and the value
of each document where JSON can say it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from registry_tool.manifests.problems import JSON, is_fatal
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.fast import Unsure, load_fast


class Case(NamedTuple):
    yaml: str
    fail: bool
    values: list[JSON] | None


def _cases() -> dict[str, Case]:
    data = json.loads(Path(__file__).with_name("yaml_test_suite.json").read_text(encoding="utf-8"))
    return {
        one["id"]: Case(one["yaml"], one.get("fail", False), one.get("values"))
        for one in data["cases"]
    }


CASES = _cases()
VALID = {name: case for name, case in CASES.items() if not case.fail}
# What this format refuses of valid YAML, by the words of its problems.
OURS = (
    "uses an anchor", "uses an alias", "uses a tag", "uses a directive", "an unknown directive", "second document", "is empty", "key is not text",
    "invisible character", "end in CR LF",
)  # fmt: skip
# Valid, and refused in a change (F121): readers before this one gave these another value, which published files keep.
KEPT_AS_IT_WAS = frozenset(
    {"2G84:03", "4ABK", "652Z", "CFD4", "DFF7", "FRK4", "HM87:01", "JEF9:02", "L24T:01", "M2N8:00", "M2N8:01", "NHX8",
     "NKF9", "S3PD", "SM9W:01", "UKK6:00"}
)  # fmt: skip


def _typed(value: JSON) -> object:
    """A value in which ``1`` is ``1.0``, as in JSON, and neither is ``true`` or text."""
    if isinstance(value, dict):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number", float(value)
    return type(value).__name__, value


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 405
    assert sum(case.fail for case in CASES.values()) == 94


@pytest.mark.parametrize("name", CASES)
def test_both_readers_have_one_verdict_and_one_value(name: str) -> None:
    source = CASES[name].yaml.encode()
    read, fast = explain(source), load_fast(source)
    if isinstance(fast, Unsure):
        return
    assert read.problems == [] or {p.code for p in read.problems} == {"ambiguous"}
    assert _typed(fast) == _typed(read.data)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.fail])
def test_what_is_no_yaml_is_refused(name: str) -> None:
    source = CASES[name].yaml.encode()
    assert isinstance(load_fast(source), Unsure)
    assert {problem.code for problem in explain(source).problems} - {"ambiguous"}


@pytest.mark.parametrize("name", VALID)
def test_what_is_valid_has_its_value_or_is_outside_this_format(name: str) -> None:
    case = CASES[name]
    read = explain(case.yaml.encode())
    problems = [p for p in read.problems if p.code != "ambiguous"]
    if name in KEPT_AS_IT_WAS:
        assert problems
        return
    if problems:
        words = [p.message for p in problems if any(word in p.message for word in OURS)]
        assert words, problems
        return
    assert case.values is not None
    assert [_typed(read.data)] == [_typed(value) for value in case.values]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('key: "value"# c\n', "a space is missing before a comment"),
        ("key: [-]\n", "a single dash inside brackets"),
        ("key: { ?foo: bar }\n", "a word inside brackets begins with a question mark"),
        ("key: [a,\nb]\n", "a line inside brackets is not indented"),
        ('key: "a\nb"\n', "a line inside quotes is not indented"),
        ("key: [a:, b]\n", "a word inside brackets ends with a colon"),
        ("%FOO bar\n---\nkey: 1\n", "an unknown directive"),
        ("key: |\n  text", "the file ends inside a block of text"),
        (": 1\n", "a key is empty"),
        ("key:\n|\n  text\n", "a block of text begins in the column of its key"),
    ],
)
def test_what_was_read_before_is_read_on_with_a_problem(source: str, words: str) -> None:
    read = explain(source.encode())
    assert isinstance(read.data, dict)
    assert [p.code for p in read.problems] == ["lenient"]
    assert read.problems[0].message.startswith(words)
    assert not any(map(is_fatal, read.problems))
    assert isinstance(load_fast(source.encode()), Unsure)


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("a: b\t\n", {"a": "b"}),
        ('x: {"foo"\n  : "bar"}\n', {"x": {"foo": "bar"}}),
        ('{"foo"\n: "bar"}\n', {"foo": "bar"}),
        ("labels: [\n  a,\n  b,\n]\n", {"labels": ["a", "b"]}),
    ],
)
def test_what_readers_before_could_not_read(source: str, data: JSON) -> None:
    read = explain(source.encode())
    assert (read.data, read.problems) == (data, [])


def test_a_later_version_of_yaml_is_a_directive() -> None:
    (problem,) = explain(b"%YAML 1.3\n---\na: 1\n").problems
    assert (problem.code, problem.message) == ("form", "the file uses a directive")


@pytest.mark.parametrize("levels", [100, 5_000, 120_000])
@pytest.mark.parametrize("piece", ["- ", "? ", "[", "{a: ", "- - ? "])
def test_depth_never_reaches_the_stack_of_the_fast_reader(piece: str, levels: int) -> None:
    source = ("a:\n" + piece * levels)[: 250 * 1024].encode() + b"b\n"
    assert isinstance(load_fast(source), Unsure)
    assert explain(source).data is None
