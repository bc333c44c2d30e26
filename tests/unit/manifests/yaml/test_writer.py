"""Canonical bytes: equal data, equal bytes, and strings that every reader takes for strings."""

from __future__ import annotations

import pytest

from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render


def _one(value: JSON) -> str:
    return render({"x": value}).decode().removeprefix("x: ").removesuffix("\n")


@pytest.mark.parametrize(
    "text",
    [
        "lang-id", "nlp/lang-id", "@acme", "a b", "v1.2", "sentence, with words (and more)", "s3://bucket/eval.parquet",
        "accuracy", "a=b", "yesterday", "x", "user%name", "it's", "text-classification",
    ],
)  # fmt: skip
def test_what_stays_plain(text: str) -> None:
    assert _one(text) in (text, f'"{text}"')
    assert (_one(text) == text) == (text[0] != "@")


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "010", "1:30", "no", "Yes", "NULL", "~", "2024-01-02", "1.10", "0x1F", "1_000", "12e3", "e3" * 4,
        "nan", ".inf", "-", "- a", "a: b", "a #b", "#", "&a", "*a", "!a", "|", ">", "%", "@x", "`", "[a]", "{a}", '"',
        "'a'", "a ", " a", "a:", "<<", "=", "?", "deadbeef", "0123abc", "true", "on", "y", "a\tb", "grüße", "a://b c",
    ],
)  # fmt: skip
def test_what_is_quoted(text: str) -> None:
    assert _one(text).startswith('"')


def test_invisible_characters_are_escaped() -> None:
    assert _one("a\u202eb") == '"a\\u202eb"'
    assert _one("\x00\x7f\x85\ufeff") == '"\\u0000\\u007f\\u0085\\ufeff"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (False, "false"), (0, "0"), (-7, "-7"), (1.0, "1.0"), (-0.0, "-0.0"),
        (1e16, "1.0e+16"), (1e-7, "1.0e-07"), (0.1, "0.1"), (2**63, "9223372036854775808"), ([], "[]"), ({}, "{}"),
    ],
)  # fmt: skip
def test_other_values(value: JSON, text: str) -> None:
    assert _one(value) == text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_have_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="cannot be represented in JSON"):
        render({"a": [{"b": number}]})


def test_layout() -> None:
    data: dict[str, JSON] = {
        "schema": "x/v1",
        "nested": {"a": {"b": [1, [2, 3], {"c": 4, "d": [5]}, [], {}]}},
        "text": "one\n\ntwo\n",
        "no end": "one\ntwo",
        "010": "key",
    }
    assert render(data).decode() == (
        "schema: x/v1\n"
        "nested:\n"
        "  a:\n"
        "    b:\n"
        "      - 1\n"
        "      -\n"
        "        - 2\n"
        "        - 3\n"
        "      - c: 4\n"
        "        d:\n"
        "          - 5\n"
        "      - []\n"
        "      - {}\n"
        "text: |\n"
        "  one\n"
        "\n"
        "  two\n"
        "no end: |-\n"
        "  one\n"
        "  two\n"
        '"010": key\n'
    )


@pytest.mark.parametrize(
    "text", [" a\nb", "a\nb\n\n", "a \nb", "a\tb\nc", "a\x00\nb", "\na\nb", "a\n"]
)
def test_text_that_a_block_would_change_is_quoted(text: str) -> None:
    assert _one(text).startswith('"')


def test_equal_data_gives_equal_bytes_and_order_is_kept() -> None:
    assert render({"b": 1, "a": 2}) == b"b: 1\na: 2\n"
    assert render({"b": 1, "a": 2}) != render({"a": 2, "b": 1})
    assert render({}) == b"{}\n"
