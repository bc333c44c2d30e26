"""The fast reader answers only where it can vouch for its answer."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.fast import DEPTH_LIMIT, SIZE_LIMIT, UNSURE, load_fast

TEMPLATES = Path(__file__).parents[4] / "templates" / "registry"
BOMB = b"a: &a [x, x, x, x]\n" + b"".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}]\n".encode()
    for n in range(20)
)


def _nested(levels: int) -> bytes:
    """A file with so many mappings inside each other."""
    lines = ["  " * level + "a:" for level in range(levels - 1)]
    return "\n".join([*lines, "  " * (levels - 1) + "a: 1\n"]).encode()


def _sized(size: int) -> bytes:
    return b"a: " + b"x" * (size - 4) + b"\n"


def test_an_ordinary_manifest_is_read_fast() -> None:
    source = b"schema: model/v1\nlabels:\n  - edge\nmetadata: {a: 1, b: [true, null, 1.5]}\n"
    assert load_fast(source) == {
        "schema": "model/v1",
        "labels": ["edge"],
        "metadata": {"a": 1, "b": [True, None, 1.5]},
    }


@pytest.mark.parametrize("line", ["#   owners: [", "  # - {a: 1", "b: 2 # ] and {", "b: [2] # ]"])
def test_brackets_in_comments_are_read_fast(line: str) -> None:
    found = load_fast(f"a: 1\n{line}\nc: {{}}\n".encode())
    assert isinstance(found, dict)
    assert {"a": 1, "c": {}}.items() <= found.items()


def test_what_init_writes_is_read_fast() -> None:
    # With `registry.yaml` every reader begins, and the explaining reader takes ten times as long.
    template = (TEMPLATES / "registry.yaml").read_text(encoding="utf-8")
    filled = string.Template(template).substitute(
        name="acme", description="description: Models\n", shard=""
    )
    found = load_fast(filled.encode())
    assert isinstance(found, dict)
    assert found["stages"] == {"staging": {}, "production": {}}


@pytest.mark.parametrize(
    "source",
    [
        b"", b"# nothing\n", b"- a\n", b"text\n", b"a: 1\na: 2\n", b"a: &x 1\n", b"a: &x 1\nb: *x\n",
        b"a: !!str 1\n", b"a: !x {}\n", b"a: {<<: {b: 1}}\n", b"---\na: 1\n", b"a: 1\n---\nb: 2\n",
        b"a: 1\n...\n", b"%YAML 1.1\n---\na: 1\n", b"\xef\xbb\xbfa: 1\n", b"a: 1\r\n", b"a:\t1\n", b"a: \x00\n",
        b"a: \xff\n", b"a: [\n", b"a: b: c\n", b"? a\n: 1\n", b"1: a\n", b"true: a\n", b"? [a]\n: 1\n",
        "a: \u202e\n".encode(), "a: \u2066x\n".encode(), "a: \x85b\n".encode(), b"a: 12345678901234567890\n",
        b"a: .inf\n", b"a: 0b1\n", BOMB,
    ],
)  # fmt: skip
def test_what_readers_differ_about_is_left_to_the_explaining_reader(source: bytes) -> None:
    loaded = load_fast(source)
    if loaded is not UNSURE:
        read = explain(source)
        assert (loaded, read.problems) == (read.data, [])


@pytest.mark.parametrize(
    "source",
    [
        b"a: 1\na: 2\n", b"a: &x 1\n", b"a: !!str 1\n", b"---\na: 1\n", b"a: 1\n---\nb: 2\n", b"a: 1\r\n",
        b"\xef\xbb\xbfa: 1\n", b"a: \xff\n", b"1: a\n", b"- a\n", b"", BOMB,
    ],
)  # fmt: skip
def test_what_this_format_refuses_is_never_read_fast(source: bytes) -> None:
    assert load_fast(source) is UNSURE


@pytest.mark.parametrize(
    ("make", "limit"), [(_nested, DEPTH_LIMIT), (_sized, SIZE_LIMIT)], ids=["depth", "size"]
)
def test_limits(make: Callable[[int], bytes], limit: int) -> None:
    assert load_fast(make(limit)) == explain(make(limit)).data != None  # noqa: E711
    assert explain(make(limit)).problems == []
    assert load_fast(make(limit + 1)) is UNSURE
    assert explain(make(limit + 1)).data is None
    assert len(explain(make(limit + 1)).problems) == 1


@pytest.mark.parametrize("key", ["true", "Null", "FALSE"])
@pytest.mark.parametrize("lines", ["{}: 1\n", "a:\n  {}: 1\n", "a:\n  - {}: 1\n", "- {}:\n"])
def test_keys_that_are_no_text_are_never_read_fast(key: str, lines: str) -> None:
    assert load_fast(lines.format(key).encode()) is UNSURE


def _narrow(levels: int) -> bytes:
    """So many collections inside each other in as few columns as YAML allows: lists begin where their key does."""
    lines: list[str] = []
    column = 0
    while 2 * len(lines) < levels:
        lines.append(" " * column + ("- a:" if lines else "a:"))
        column += 2 if len(lines) > 1 else 0
    return "\n".join([*lines, " " * column + "- 1\n"]).encode()


def _dashes(levels: int) -> bytes:
    return b"a:\n" + b"- " * levels + b"b\n"


@pytest.mark.parametrize("make", [_narrow, _dashes])
@pytest.mark.parametrize("levels", [4, 20, 40, 60, 63, 64, 66, 70, 100])
def test_depth_is_judged_alike_however_few_columns_it_takes(
    make: Callable[[int], bytes], levels: int
) -> None:
    loaded = load_fast(make(levels))
    if loaded is not UNSURE:
        read = explain(make(levels))
        assert (loaded, read.problems) == (read.data, [])


@pytest.mark.parametrize("written", ["1.5E+400", "-1.5e+999", "1e400"])
def test_a_number_that_is_too_large_is_text_to_both_readers(written: str) -> None:
    source = f"a: 1\nk: {written}\n".encode()
    assert load_fast(source) is UNSURE
    text = explain(source)
    assert text.data == {"a": 1, "k": written}
    assert [(problem.code, problem.line) for problem in text.problems] == [("ambiguous", 2)]
