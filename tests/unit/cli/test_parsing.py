"""Values as they are typed, and small files that are named on a command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from registry_tool.cli import parsing
from registry_tool.cli.commands.evidence import _KINDS
from registry_tool.cli.parsing import read_fields, read_text, requirements
from registry_tool.errors import InvalidNameError, UsageError
from registry_tool.manifests.data import get
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import schema_data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-2.5", -2.5),
        ("true", True),
        ("null", None),
        ("speech", "speech"),
        ("", ""),
        ("010", "010"),
        ("1.2.3", "1.2.3"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ('"a b"', "a b"),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("[]", []),
    ],
)
def test_a_value_is_json_or_else_the_text_itself(text: str, expected: JSON) -> None:
    found = parsing.json_value(text, "--metadata")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "{", "[1", '"a', '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e999}', '["\\ud800"]',
        "[" * 70 + "]" * 70, "[" * 100_000, '{"a": 99999999999999999999}',
    ],
)  # fmt: skip
def test_what_begins_like_json_must_be_json(text: str) -> None:
    with pytest.raises(UsageError):
        parsing.json_value(text, "--metadata a")


def test_pairs_become_one_mapping_and_a_key_comes_once() -> None:
    assert parsing.json_pairs(["a=1", "b=x=y"], "--param") == {"a": 1, "b": "x=y"}
    for wrong in (["a=1", "a=2"], ["a"], ["=1"]):
        with pytest.raises(UsageError, match="--param"):
            parsing.json_pairs(wrong, "--param")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy=0.97", ("accuracy", 0.97, None)),
        ("n=10", ("n", 10, None)),
        ("n=1e3", ("n", 1000.0, None)),
        ("loss@10=.3", ("loss", 0.3, 10)),
        ("recall@10@0=0.5", ("recall@10", 0.5, 0)),
        ("mail@home=1", ("mail@home", 1, None)),
        ("when=2026-11-21", ("when", "2026-11-21", None)),
        ("n=9007199254740993", ("n", 9007199254740993, None)),
        ("n=-9223372036854775807", ("n", -9223372036854775807, None)),
        ("n=0e-999", ("n", 0.0, None)),
        ("n=5e-324", ("n", 5e-324, None)),
        ("n=nan", ("n", "nan", None)),
        ("n=1_000", ("n", "1_000", None)),
        ("v=a=b", ("v", "a=b", None)),
    ],
)
def test_a_metric_is_a_number_where_it_looks_like_one(
    text: str, expected: tuple[str, float | str, int | None]
) -> None:
    found = parsing.metric(text)
    assert found == expected
    assert type(found.value) is type(expected[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loss=1e-400", "1e-400 is too small: it would become 0"),
        ("loss@3=-1e999", "-1e999 is too large: it would become infinity"),
        ("n=9223372036854775808", "9223372036854775808 is too large"),
        ("n=-9223372036854775808", "-9223372036854775808 is too large"),
        ("n=" + "9" * 10_000, "is too large"),
    ],
)
def test_a_number_that_would_become_another_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parsing.metric(text)
    assert text.partition("=")[0] in caught.value.message
    with pytest.raises(UsageError, match=words) as caught:
        parsing.json_pairs([text], "--metadata")
    pair = shlex.split(caught.value.remedy.partition(": ")[2])
    assert pair[0] == "--metadata"
    assert parsing.json_pairs(pair[1:], "--metadata") == {
        text.partition("=")[0]: text.partition("=")[2]
    }


@pytest.mark.parametrize("text", ["accuracy", "=1", "accuracy="])
def test_a_metric_has_a_name_and_a_value(text: str) -> None:
    with pytest.raises(UsageError, match="--metric"):
        parsing.metric(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lid.ftz", ("", "lid.ftz")),
        ("model=lid.ftz", ("model", "lid.ftz")),
        ("./a=b.bin", ("", "./a=b.bin")),
        ("model=a=b.bin", ("model", "a=b.bin")),
        ("s3://b/x?v=1", ("", "s3://b/x?v=1")),
        ("eval=s3://b/x?v=1", ("eval", "s3://b/x?v=1")),
    ],
)
def test_a_name_may_stand_before_a_path_or_address(text: str, expected: tuple[str, str]) -> None:
    assert parsing.parse_named(text, "--artifact") == expected


@pytest.mark.parametrize("name", ["-x", "a b", "m\u043edel", "x" * 300, "a\nb", "."])
def test_a_name_before_a_path_must_be_one(name: str) -> None:
    with pytest.raises(InvalidNameError):
        parsing.parse_named(f"{name}=lid.ftz", "--artifact")


def test_links_sources_code_and_frameworks() -> None:
    assert parsing.link("Paper=https://e.org/?a=b") == {
        "title": "Paper",
        "url": "https://e.org/?a=b",
    }
    assert parsing.link("a=b=https://e.org") == {"title": "a=b", "url": "https://e.org"}
    assert parsing.source("git:https://e.org") == {"type": "git", "uri": "https://e.org"}
    assert parsing.source("local") == {"type": "local"}
    assert parsing.code("git@host:a/b.git@abc") == {
        "repository": "git@host:a/b.git",
        "commit": "abc",
    }
    assert parsing.framework("onnx==1.17") == {"type": "onnx", "version": "1.17"}
    assert parsing.framework("custom") == {"type": "custom"}
    with pytest.raises(UsageError, match="TITLE=URL"):
        parsing.link("Paper")
    with pytest.raises(UsageError, match="REPOSITORY@COMMIT"):
        parsing.code("https://e.org")


def test_a_near_word_is_offered() -> None:
    with pytest.raises(UsageError) as caught:
        parsing.parse_choice("torch", ["pytorch", "onnx"], "framework")
    assert "pytorch" in caught.value.remedy


@pytest.mark.parametrize("text", ["\x1b[31m", "\x9b", "a\x00", "a\u202eb", "\udcff", "\r"])
def test_what_cannot_be_shown_is_refused_and_shown_escaped(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsing.check_typed("--reason", ("fine", text))
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()


def test_lines_and_tabs_are_text() -> None:
    parsing.check_typed("--description", "one\ntwo\tthree é 語")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.yaml", "description: x\nframework:\n  type: onnx  # why\n"),
        ("f.yaml", "\ufeffdescription: x\r\nframework: {type: onnx}\r\n"),
        ("f.json", '{\n\t"description": "x",\n\t"framework": {"type": "onnx"}\n}'),
        ("f.yaml", '{"description": "x", "framework": {"type": "onnx"}}'),
    ],
)
def test_fields_come_from_yaml_and_json(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    fields = read_fields(str(tmp_path / name), "version/v1")
    assert fields == {"description": "x", "framework": {"type": "onnx"}}


def test_text_without_quotes_is_kept_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "environment: {python_version: 3.10}\nexternal_id: 010\nmetadata: {n: 1.10}\n"
        "lineage:\n  datasets:\n    - {uri: 's3://b/x', revision: 1e3}\n"
    )
    assert read_fields(str(path), "version/v1") == {
        "environment": {"python_version": "3.10"},
        "external_id": "010",
        "metadata": {"n": 1.1},
        "lineage": {"datasets": [{"uri": "s3://b/x", "revision": "1e3"}]},
    }
    json_file = tmp_path / "f.json"
    json_file.write_text('{"environment": {"python_version": 3.10}}')
    with pytest.raises(UsageError, match=r"environment\.python_version"):
        read_fields(str(json_file), "version/v1")


BOMB = "a: &a [x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in ("ab", "bc", "cd", "de"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("f.yaml", BOMB, "anchor"),
        ("f.yaml", "a: 1\na: 2\n", "twice"),
        ("f.yaml", "a: [1\n", "not YAML"),
        ("f.yaml", "- a\n", "not a mapping"),
        ("f.yaml", "a: !!python/object:os.system x\n", "tag"),
        ("f.yaml", "a: 1\n---\nb: 2\n", "second document"),
        ("f.yaml", "x" * 300_000, "larger than"),
        ("f.yaml", "", "empty"),
        ("f.json", '{"a": 1, "a": 2}', "duplicate key"),
        ("f.json", "[" * 100_000, "nested"),
        ("f.json", '{"a": "\\udc00"}', "UTF-8"),
        ("f.json", "[]", "not a mapping"),
    ],
)
def test_a_bad_file_of_fields_is_said_in_words(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        read_fields(str(tmp_path / name), "version/v1")


def test_a_file_that_cannot_be_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path, words in (("binary", "UTF-8"), ("missing", "no such file"), (".", "no such file")):
        with pytest.raises(UsageError, match=words):
            read_text(str(tmp_path / path), "--card")
    with pytest.raises(UsageError):
        read_text("x" * 5000, "--card")


def test_requirements_are_what_stands_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# made by hand\n\nnumpy==2.1.0  # pinned\nscipy==1.14.1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
        "fasttext @ https://e.org/f.whl#egg=f\n"
    )
    assert requirements(str(path)) == [
        "numpy==2.1.0",
        "scipy==1.14.1",
        "fasttext @ https://e.org/f.whl#egg=f",
    ]
    path.write_text("-r other.txt\n")
    with pytest.raises(UsageError, match="line 1"):
        requirements(str(path))


def test_the_kinds_of_evidence_are_those_of_the_schema() -> None:
    assert list(_KINDS) == get(schema_data("evidence/v1"), "properties", "kind", "enum")


@pytest.mark.parametrize("name", ["version.yaml", "version.json"])
def test_a_number_of_a_file_that_would_become_0_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{"parameters": {"loss": 1e-400}}\n')
    with pytest.raises(UsageError, match="1e-400 is too small: it would become 0"):
        read_fields(str(path), "version/v1")
    path.write_text('{"parameters": {"loss": 0.0e-400, "gain": 1e-300}}\n')
    assert read_fields(str(path), "version/v1") == {"parameters": {"loss": 0.0, "gain": 1e-300}}


@pytest.mark.parametrize(
    "written",
    [
        "9223372036854775808",
        "-9223372036854775809",
        "0xFFFFFFFFFFFFFFFFFF",
        "1e400",
        "[1, 99999999999999999999]",
        "{a: 99999999999999999999}",
        "99999999999999999999 # as a number",
    ],
)
def test_a_number_of_a_file_that_would_become_text_is_refused(tmp_path: Path, written: str) -> None:
    path = tmp_path / "fields.yaml"
    path.write_text(f"framework: {{type: custom}}\nmetadata:\n  k: {written}\n")
    with pytest.raises(UsageError, match=r"line 3: `metadata\.k.*is too large") as caught:
        read_fields(str(path), "version/v1")
    assert caught.value.remedy.startswith('write it as text: "')


def test_what_is_text_in_a_file_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "fields.yaml"
    digits = "1234567890" * 4
    path.write_text(
        f"source: {{type: git, commit: {digits}}}\n"
        f"metadata: {{a: \"{digits}\", b: '1e400', c: 010, d: 9223372036854775807}}\n"
    )
    fields = read_fields(str(path), "version/v1")
    assert fields["metadata"] == {"a": digits, "b": "1e400", "c": "010", "d": 2**63 - 1}
    assert fields["source"] == {"type": "git", "commit": digits}
