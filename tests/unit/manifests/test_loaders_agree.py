"""Every reader of YAML here gives the same data: what is read fast is what the explaining reader reads.

Hypothesis looks for a text that the fast reader vouches for and reads otherwise; the corpus and mutations of canonical
manifests go the same way. What the writer writes is read alike by readers of YAML 1.1 and 1.2.
"""

from __future__ import annotations

import datetime as dt
import functools
import io

import ruamel.yaml
import yaml  # type: ignore[import-untyped] # noqa: TID251 (one more reader, to compare with)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.corpus_cases import VERDICTS, case_paths, examples, read_case
from support.manifests import alias_yaml, model_yaml, registry_yaml, version_yaml

from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.fast import Unsure, load_fast
from registry_tool.manifests.yaml.writer import render

CANONICAL = [registry_yaml(), model_yaml(labels=["edge", "a b"]), version_yaml(), alias_yaml()]


@functools.cache
def _corpus() -> list[bytes]:
    """Every manifest of the corpus, once: those of its registries, and the examples of schemas."""
    cases = [read_case(path) for verdict in VERDICTS for path in case_paths(verdict)]
    files = [file for case in cases for state in case.states for file in state.items()]
    manifests = {content.data for path, content in files if path.endswith(".yaml")}
    return sorted(manifests.union(example.data for example in examples()))


def _typed(value: JSON) -> object:
    """A value that tells ``1`` from ``1.0`` and ``True``, and ``0.0`` from ``-0.0``."""
    if isinstance(value, dict):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    return type(value).__name__, repr(value)


def _check(source: bytes) -> None:
    """What is read fast is what the explaining reader reads, and nothing about it is refused."""
    fast = load_fast(source)
    if isinstance(fast, Unsure):
        return
    read = explain(source)
    assert _typed(fast) == _typed(read.data)
    assert {problem.code for problem in read.problems} <= {"ambiguous"}


def test_every_manifest_of_the_corpus() -> None:
    assert len(_corpus()) > 1000
    for source in _corpus():
        _check(source)


def test_the_fast_reader_reads_most_of_the_corpus() -> None:
    read = [source for source in _corpus() if not isinstance(load_fast(source), Unsure)]
    assert len(read) > 0.8 * len(_corpus())


_ALPHABET = list("ab:- \n[]{},'\"#&*!|>%@`?~.0123456789exo_+T\t=<\\/ü")
_PIECES = [
    "a: ", "b:\n", "  - ", "\n", "\n  ", "\n    ", "- ", ": ", "? ", "| ", ">-\n", "|\n  ", "|2\n", "''", '""',
    "'", '"', "# c\n", " #", "[1, ", "]", "{a: ", "}", ", ", "null", "~", "true", "No", "0x1F", "0o17", "010", "1e3",
    "1.", ".5", "+1", "-0", "1_000", "1:30", "2024-01-02", ".inf", "<<", "=", "\\u0041", "\\", "9" * 20, "---", "...",
    "\u00a0", "\u2028", "\ufeff", "😀", "\\ud83d\\ude00", "\\ud800", "\\x85", "\\_", "\r",
]  # fmt: skip
_texts = st.lists(st.sampled_from(_PIECES + _ALPHABET), max_size=25).map("".join)


@settings(max_examples=500)
@given(text=_texts)
@example(text='a: "\\ud83d\\ude00"\n')
@example(text="a: |\n  b\n\n\nc: 1\n")
@example(text="a: >\n  b\n    c\n  d\n")
@example(text="a: 'b\n\n  c'\n")
@example(text="|\n  \n    ")
@example(text="a: {b: 1, c}\n")
@example(text="a: [b: 1, c]\n")
@example(text='a: {"b":1}\n')
@example(text="a: b\n c\n")
@example(text="a: -0\n")
@example(text="a: =\n")
@example(text="<<: {a: 1}\n")
def test_any_text_at_all(text: str) -> None:
    _check(text.encode())
    _check(b"a: " + text.encode())


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A canonical manifest with a few pieces put in, taken out or doubled."""
    text = draw(st.sampled_from(CANONICAL))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 5))
        text = text[:at] + draw(st.sampled_from(["", *_PIECES, *_ALPHABET])) + text[at + cut :]
    return text.encode()


@settings(max_examples=300)
@given(source=_mutated())
def test_mutated_manifests(source: bytes) -> None:
    _check(source)


@settings(max_examples=300)
@given(source=st.binary(max_size=60))
def test_any_bytes_at_all(source: bytes) -> None:
    _check(source)
    explain(source)  # never raises


def _encodes(text: str) -> bool:
    try:
        return bool(text.encode()) or not text
    except UnicodeEncodeError:
        return False


_strings = st.one_of(
    st.text(max_size=20).filter(_encodes),
    st.sampled_from(_PIECES),
    st.lists(st.sampled_from(_PIECES + _ALPHABET), max_size=6).map("".join),
)
_numbers = st.one_of(
    st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
_leaves = st.one_of(st.none(), st.booleans(), _numbers, _strings)


_data = st.dictionaries(
    _strings,
    st.recursive(
        _leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_strings, inner, max_size=4)),
        max_leaves=8,
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=150)
@given(data=_data)
def test_what_is_written_reads_back_the_same(data: dict[str, JSON]) -> None:
    source = render(data)
    _check(source)
    read = explain(source)
    assert _typed(read.data) == _typed(data)
    assert read.problems == []
    assert render(data) == source


def _differing(one: object, two: object) -> bool:
    """True where a reader of YAML 1.1 or 1.2 gives another value; of numbers only the amount counts."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() != two.keys() or any(_differing(one[k], two[k]) for k in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) != len(two) or any(map(_differing, one, two))
    if isinstance(one, str) or isinstance(two, str | dt.date):
        return one != two
    return one != two or isinstance(one, bool) != isinstance(two, bool)


@settings(max_examples=150)
@given(data=_data)
@example(data={"a": "010", "b": "1:30", "c": "no", "d": "2024-01-02", "e": "12e3", "~": "="})
@example(data={"a": "line\nline\n", "b": "x\n\n  y", "c": " x", "d": "x ", "<<": "y", "": "z"})
@example(data={"a": 1e16, "b": 1e-7, "c": -0.0, "d": 5e-324})
def test_what_is_written_is_the_same_to_other_readers(data: dict[str, JSON]) -> None:
    source = render(data)
    by_pyyaml = yaml.safe_load(source)
    by_ruamel = ruamel.yaml.YAML(typ="safe", pure=True).load(io.BytesIO(source))
    assert not _differing(data, by_pyyaml)
    assert not _differing(data, by_ruamel)


_KEYS = ["a", "b_c", "Key-1", "y", "null", "x"]
_SCALARS = [
    "word", "two words", "a-b", "a - b", "a -b", "a: b", "a:b", "http://x.y/z?q=1", "a #b", "a#b", "yes", "No ", "on",
    "e1", "true", "Null", "inf", "nan", "0", "-0", "1.50", "1.", "007", "1e3", "0x1f", "12ab", "1e2d", "00e1", "0b1",
    "12345678e9012", "1d.dir", "0a", '"q"', '"a, 010"', '"# no"', '"\\u0041"', "''", "[]", "{}", "[ ]", "a]", "a}", "a,b",
    "2024-01-02", "a\tb", "ü", "a ", "|", ">", "- x", "k: v", "~", "a'b", "a%b", "a@b", "a=b", "a(b)", "a<b", "-", "--- ",
]  # fmt: skip
_lines = st.builds(
    "{}{}{}{}\n".format,
    st.sampled_from(["", "  ", "    ", "   "]),
    st.sampled_from(["", "- ", "- - "]),
    st.sampled_from(["", *(f"{key}: " for key in _KEYS), *(f"{key}:" for key in _KEYS)]),
    st.sampled_from(["", *_SCALARS]),
)


@settings(max_examples=1500)
@given(lines=st.lists(_lines, min_size=1, max_size=5))
@example(lines=["a: 1e2d\n"])
@example(lines=["a: word\n", "  more\n"])
def test_lines_of_ordinary_manifests_are_read_alike(lines: list[str]) -> None:
    _check("".join(lines).encode())


_OPENINGS = [
    "a: ",
    "a: |\n",
    "a: >-\n",
    "- ",
    'a: "x\n',
    "a: 'x\n",
    "a: word\n",
    "a: [",
    "a: {b: 1",
    "a:\n",
]
_COMMENTED = st.builds(
    "{}{}{}{}\n".format,
    st.sampled_from(["", "  ", "    "]),
    st.sampled_from(
        [
            "",
            "k: ",
            "- ",
            "word",
            "[1, 2]",
            "{b: 1}",
            '"x"',
            "'x'",
            "x]",
            "}",
            '"',
            "'",
            "[",
            "b: {c: 1}",
        ]
    ),
    st.sampled_from(["", " ", "# ", " # ", " #", "#"]),
    st.sampled_from(
        ["", "{", "]", "[a, {b: c}]", '["x', "x", "'", "{a: 1} # [", "`x` (y)", "k: [1, 2]"]
    ),
)


@settings(max_examples=1500)
@given(opening=st.sampled_from(_OPENINGS), lines=st.lists(_COMMENTED, min_size=1, max_size=4))
@example(opening="a: |\n", lines=["  x # {\n", "  # [\n"])
@example(opening="a: {b: 1", lines=[" # c\n", "  }\n"])
@example(opening='a: "x\n', lines=["  y # {\n", '  "\n'])
def test_brackets_in_comments_are_read_alike(opening: str, lines: list[str]) -> None:
    _check((opening + "".join(lines)).encode())
