"""The reader that decides: every problem of a file's form, with its place."""

from __future__ import annotations

import pytest

from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.fast import SIZE_LIMIT
from registry_tool.manifests.yaml.scalars import plain_value


def _deep(levels: int) -> bytes:
    return b"a: " + b"[" * (levels - 1) + b"]" * (levels - 1) + b"\n"


# What a file holds: the code of its first problem, its place, and words of its message.
CASES: dict[str, tuple[bytes, str, tuple[int, int], str]] = {
    "key twice": (b"a: 1\nb: 2\na: 3\n", "form", (3, 1), "'a' appears twice"),
    "key twice, deep": (b"x:\n  a: 1\n  'a': 2\n", "form", (3, 3), "'a' appears twice"),
    "key twice, escaped": (b'a: 1\n"\\x61": 2\n', "form", (2, 1), "'a' appears twice"),
    "anchor": (b"a: 1\nb: &x 2\n", "form", (2, 4), "an anchor"),
    "alias": (b"a: &x 1\nb: *x\n", "form", (1, 4), "an anchor"),
    "tag": (b"a: !!str 1\n", "form", (1, 4), "a tag"),
    "own tag": (b"a: 1\nb: !python/object:os.system x\n", "form", (2, 4), "a tag"),
    "tag on a mapping": (b"a: !x\n  b: 1\n", "form", (1, 4), "a tag"),
    "merge key": (b"a: &x {b: 1}\nc:\n  <<: *x\n", "form", (1, 4), "an anchor"),
    "second document": (b"a: 1\n---\nb: 2\n", "form", (2, 1), "a second document"),
    "directive": (b"%YAML 1.1\n---\na: 1\n", "form", (1, 1), "a directive"),
    "tag directive": (b"%TAG ! tag:x,2000:\n---\na: 1\n", "form", (1, 1), "a directive"),
    "byte order mark": (b"\xef\xbb\xbfa: 1\n", "parse", (1, 1), "invisible character"),
    "CR LF": (b"a: 1\nb: 2\r\nc: 3\r\n", "form", (2, 1), "lines end with CR LF"),
    "too large": (b"a: " + b"x" * (SIZE_LIMIT + 1024), "form", (1, 1), "larger than 256 kB"),
    "too deep": (_deep(65), "form", (1, 67), "nested more than 64 levels"),
    "NUL": (b"a: 1\nb: x\x00y\n", "parse", (2, 5), "invisible character"),
    "bidirectional control": ("a: 1\nb: x\u202ey\n".encode(), "parse", (2, 5), "invisible"),
    "isolate": ("a: \u2067x\n".encode(), "parse", (1, 4), "invisible"),
    "next line": ("a: x\x85y\n".encode(), "parse", (1, 5), "invisible"),
    "half a surrogate": (b'a: 1\nb: "\\ud800"\n', "parse", (2, 4), "a lone surrogate"),
    "half a surrogate as a key": (b'"\\ud800": 1\n', "parse", (1, 1), "a lone surrogate"),
    "not UTF-8": (b"a: 1\nb: \xff\n", "parse", (2, 1), "not UTF-8"),
    "surrogates in UTF-8": (b"a: \xed\xa0\x80\n", "parse", (1, 1), "not UTF-8"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "parse", (1, 1), "not UTF-8"),
    "empty": (b"", "parse", (1, 1), "the file is empty"),
    "only a comment": (b"# nothing\n", "parse", (1, 1), "the file is empty"),
    "TAB as indentation": (b"a:\n\tb: 1\n", "parse", (2, 1), "not YAML"),
    "open bracket": (b"a: [1, 2\n", "parse", (2, 1), "not YAML"),
    "two values": (b"a: b: c\n", "parse", (1, 5), "not YAML"),
    "bad indentation": (b"a:\n    b: 1\n  c: 2\n", "parse", (3, 3), "not YAML"),
    "bad escape": (b'a: "\\q"\n', "parse", (1, 6), "not YAML"),
    "escape out of range": (b'a: "\\UFFFFFFFF"\n', "parse", (1, 6), "not YAML"),
    "mapping as a key": (b"? {a: 1}\n: 2\n", "form", (1, 3), "a key is not text"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_problem_has_its_place(case: str) -> None:
    source, code, place, words = CASES[case]
    first = explain(source).problems[0]
    assert (first.code, (first.line, first.column)) == (code, place)
    assert words in first.message


@pytest.mark.parametrize("case", CASES)
def test_no_message_can_draw_on_a_terminal(case: str) -> None:
    for problem in explain(CASES[case][0]).problems:
        assert all(text.isprintable() for text in problem if isinstance(text, str))


def test_one_mistake_does_not_hide_the_next() -> None:
    found = explain(b"a: &x 1\nb: !t 2\na: 3\nc: *x\n").problems
    assert [(p.line, p.message) for p in found] == [
        (1, "the file uses an anchor"),
        (2, "the file uses a tag"),
        (3, "the key 'a' appears twice"),
        (4, "the file uses an alias"),
    ]


def test_the_first_of_two_keys_wins_and_places_stay_right() -> None:
    text = explain(b"a: 1\na: [2, 3]\nb: 4\n")
    assert text.data == {"a": 1, "b": 4}
    assert text.place(("b",)) == (3, 4)


def test_places_of_values_and_keys() -> None:
    text = explain(b"a: 1\nb:\n  - x\n  - c: y\n    d: {e: 2}\n")
    assert text.places[("b", 0)] == (3, 5)
    assert text.places[("b", 1, "d", "e")] == (5, 12)
    assert text.key_places[("b", 1, "d", "e")] == (5, 9)
    assert text.place(("b", 1, "nothing", 7)) == (4, 5)
    assert text.place(("nothing",)) == (1, 1)


def test_a_bomb_is_not_expanded() -> None:
    lines = [b"a: &a [x, x, x, x, x, x, x, x, x]"]
    for one, two in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True):
        lines.append(f"{two}: &{two} [{', '.join([f'*{one}'] * 9)}]".encode())
    text = explain(b"\n".join(lines) + b"\n")
    assert isinstance(text.data, dict)
    assert text.data["p"] == [None] * 9
    assert len(text.places) < 200
    assert {p.code for p in text.problems} == {"form"}


def test_of_a_huge_file_nothing_is_read() -> None:
    text = explain(b"a: [" * 12_500_000)
    assert (text.data, text.places, len(text.problems)) == (None, {}, 1)


# Plain text and the value it has: YAML 1.2 core, and text where readers or numbers fail.
VALUES: dict[str, JSON] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "nUll": "nUll", "none": "none",
    "true": True, "False": False, "TRUE": True, "yes": "yes", "no": "no", "on": "on", "y": "y",
    "0": 0, "-0": 0, "7": 7, "+7": 7, "-7": -7, "010": "010", "00": "00", "-01": "-01",
    "9223372036854775807": 9223372036854775807, "9223372036854775808": "9223372036854775808",
    "12345678e90123456789012345678901": "12345678e90123456789012345678901", "1e999": "1e999",
    "0x1F": 31, "0X1F": "0X1F", "-0x1F": "-0x1F", "0o17": 15, "0b1": "0b1", "0x": "0x", "0o8": "0o8",
    "1.5": 1.5, "1.10": 1.1, "1.": 1.0, ".5": 0.5, "-.5": -0.5, "1e3": 1000.0, "1E+3": 1000.0, "1.e3": 1000.0,
    ".": ".", "+": "+", "-": "-", "e3": "e3", ".inf": ".inf", "-.INF": "-.INF", ".nan": ".nan", "1_000": "1_000",
    "1:30": "1:30", "2024-01-02": "2024-01-02", "1.2.3": "1.2.3", "\u0661": "\u0661", "1 ": "1 ",
}  # fmt: skip


@pytest.mark.parametrize("text", VALUES)
def test_the_value_of_a_plain_scalar(text: str) -> None:
    value = plain_value(text)
    assert (value, type(value)) == (VALUES[text], type(VALUES[text]))


@pytest.mark.parametrize(
    "written",
    ["010", "1:30", "no", "Yes", "ON", "y", "0x1F", "0o17", "1_000", "1e3", "+1", ".5", "1.", "0b1", ".inf",
     "2024-01-02", "12345678901234567890"],
)  # fmt: skip
def test_what_readers_differ_about_is_pointed_out(written: str) -> None:
    (problem,) = explain(f"a: {written}\n".encode()).problems
    assert (problem.code, problem.line, problem.column) == ("ambiguous", 1, 4)
    assert problem.expected == f'"{written}"'
    assert explain(f'a: "{written}"\n'.encode()).problems == []


@pytest.mark.parametrize(
    "written", ["1", "-1", "0", "1.5", "1.5e+3", "true", "null", "~", "text", "1a", "v1.2", "1.2.3"]
)
def test_what_every_reader_agrees_about_is_not(written: str) -> None:
    assert explain(f"a: {written}\n".encode()).problems == []
