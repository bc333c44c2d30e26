"""Bytes at a place: data where form and schema hold, problems with places where they do not."""

from __future__ import annotations

import pytest
from support.manifests import model_yaml, version_yaml

from registry_tool.manifests.document import READ_LIMIT, Document, parse_document
from registry_tool.manifests.layout import Place
from registry_tool.manifests.yaml.fast import SIZE_LIMIT
from registry_tool.names import ModelName

MODEL = ModelName("nlp", "lang-id")


def _model(source: str | bytes) -> Document:
    data = source if isinstance(source, bytes) else source.encode()
    return parse_document("models/nlp/lang-id/model.yaml", Place("model", MODEL), data)


def _alias(version: str) -> Document:
    source = f"schema: alias/v1\nmodel: nlp/lang-id\nversion: {version}\n".encode()
    return parse_document("a.yaml", Place("alias", MODEL, None, "a"), source)


LOOK_ALIKES = (
    "010", "12345678e90123456789012345678901", "1.10", "0x1F", "1_000", "1", "1.0", "0", "7e3", "2024-01-02",
    "0o17", "9223372036854775808", "no", "yes", "on", "null", "true", "1e999", "00", "1.2.3",
)  # fmt: skip


@pytest.mark.parametrize("text", LOOK_ALIKES)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_text_that_looks_like_a_number_stays_text(text: str, quote: str) -> None:
    document = _alias(f"{quote}{text}{quote}")
    assert document.data is not None, document.problems
    assert document.data["version"] == text
    assert {problem.code for problem in document.problems} <= {"ambiguous"}
    assert quote == "" or document.problems == ()


@pytest.mark.parametrize(
    "text", ["1:30", "~", "1_000", "010", "no", "1.10", "2024-01-02", "-0", "+1", ".5"]
)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_in_free_text_too(text: str, quote: str) -> None:
    document = _model(model_yaml(description=None) + f"description: {quote}{text}{quote}\n")
    assert document.data is not None, document.problems
    assert document.data["description"] == text


@pytest.mark.parametrize("text", ["010", "1.10", "7", "no"])
def test_unquoted_text_is_pointed_out_once_where_readers_differ(text: str) -> None:
    (problem,) = _alias(text).problems
    assert (problem.code, problem.line, problem.column) == ("ambiguous", 3, 10)
    assert problem.expected == f'"{text}"'
    assert problem.remedy == "put it in quotes"


def test_text_in_lists_and_below() -> None:
    source = model_yaml() + "labels:\n  - 010\n  - edge\n  - 1.10\n"
    document = _model(source)
    assert document.data is not None, document.problems
    assert document.data["labels"] == ["010", "edge", "1.10"]


def test_numbers_stay_numbers_where_no_text_is_wanted() -> None:
    document = _model(model_yaml() + "metadata: {a: 010, b: 7, c: 1.10, d: no, e: ~}\n")
    assert document.data is not None
    assert document.data["metadata"] == {"a": "010", "b": 7, "c": 1.1, "d": "no", "e": None}


def test_a_good_manifest_has_data_and_no_problems() -> None:
    document = _model(model_yaml())
    assert document.data is not None
    assert document.problems == ()
    assert document.where(("owner",)) == (4, 8)
    assert document.where(("nothing", 1)) == (1, 1)


def _only(document: Document) -> tuple[str, str, int, int]:
    assert document.data is None
    problem = next(p for p in document.problems if p.code != "ambiguous")
    return problem.code, problem.message, problem.line, problem.column


def test_a_later_version_of_the_schema() -> None:
    code, message, line, column = _only(_model(model_yaml().replace("model/v1", "model/v7")))
    assert (code, line, column) == ("schema-version", 1, 9)
    assert message == "this version of registry-tool does not know model/v7"
    problem = _model(model_yaml().replace("model/v1", "model/v7")).problems[0]
    assert problem.expected == "model/v1, model/v2"
    assert problem.remedy == "upgrade: pip install -U registry-tool"


def test_another_kind_than_the_path_says() -> None:
    document = _model(version_yaml())
    assert _only(document) == ("schema", "this path requires a model manifest", 1, 9)
    assert document.problems[0].found == "version/v1"
    assert document.problems[0].expected == "schema: model/v1"


@pytest.mark.parametrize(
    "line", ["schema: nonsense/v1", "schema: model/v0", "schema: model", "schema: [1]", "schema:"]
)
def test_a_schema_that_is_none(line: str) -> None:
    document = _model(f"{line}\nname: x\n")
    assert _only(document)[:2] == ("schema", "unknown schema")
    assert document.problems[0].remedy == "write `schema: model/v1` as the first line"


def test_no_schema_line() -> None:
    document = _model("name: x\n")
    assert _only(document) == ("schema", "the `schema:` line is missing", 1, 1)


@pytest.mark.parametrize("source", ["- a\n", "text\n", "7\n", "[]\n", "~\n"])
def test_not_a_mapping(source: str) -> None:
    assert _only(_model(source))[:2] == ("schema", "the file is not a mapping of fields")


@pytest.mark.parametrize("source", ["", "# nothing\n", "a: [\n", "a: \x00\n"])
def test_not_even_yaml(source: str) -> None:
    assert _only(_model(source))[0] == "parse"


def test_bad_form_and_bad_schema_are_told_together() -> None:
    problems = _model(model_yaml() + "owner: twice\nunknown: 1\nlabels: &x []\n").problems
    assert [(p.code, p.line) for p in problems] == [("form", 7), ("form", 9), ("schema", 8)]


def test_a_key_that_stands_twice_spoils_the_data() -> None:
    assert _only(_model(model_yaml() + "name: other\n")) == (
        "form",
        "the key 'name' appears twice",
        7,
        1,
    )


def test_a_pointer_needs_no_schema_line() -> None:
    source = f"outs:\n- md5: {'0' * 31}1\n  size: 1\n  hash: md5\n  path: model.bin\n".encode()
    document = parse_document("model.bin.dvc", Place("dvc", MODEL, "1", "model.bin"), source)
    assert document.data is not None
    numeric = source.replace(b"0" * 31 + b"1", b"12345678e90123456789012345678901")
    document = parse_document("model.bin.dvc", Place("dvc", MODEL, "1", "model.bin"), numeric)
    assert document.data is not None
    outs = document.data["outs"]
    assert isinstance(outs, list)
    assert isinstance(outs[0], dict)
    assert outs[0]["md5"] == "12345678e90123456789012345678901"


def test_one_byte_more_than_allowed_tells_that_there_was_more() -> None:
    assert READ_LIMIT == SIZE_LIMIT
    source = model_yaml().encode() + b"#" * SIZE_LIMIT
    assert _model(source[: READ_LIMIT + 1]).problems == _model(source).problems
    assert _only(_model(source))[:2] == ("form", "the file is larger than 256 kB")
