"""Names and references."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool import names
from registry_tool.errors import InvalidNameError
from registry_tool.names import (
    ModelName,
    Reference,
    check_new_name,
    fold,
    fold_model,
    fold_task,
    is_device,
)
from registry_tool.paths import resource

CHECKS: dict[str, Callable[[str], str]] = {
    "namespace": names.check_namespace,
    "model": names.check_model,
    "version": names.check_version,
    "artifact": names.check_artifact_name,
    "alias": lambda text: names.check_pointer(text, "alias"),
    "tag": lambda text: names.check_pointer(text, "tag"),
}
GOOD = {
    "namespace": ["nlp", "a", "0", "a-b_c", "a" * 64],
    "model": ["lang-id", "Lang.ID_2", "A", "9", "a" * 128],
    "version": ["1", "1.0.0-rc.1+build.5", "2026.11", "v1", "A" * 128, "1_0"],
    "artifact": ["model", "lid.176.ftz", "A-b", "a" * 128],
    "alias": ["production", "a.b-c_d", "7", "a" * 64],
    "tag": ["v4-edge", "first", "a" * 64],
}
BAD_ANYWHERE = [
    "",
    " ",
    "a b",
    "-a",
    "a-",
    ".a",
    "a.",
    "_a",
    "a/b",
    "a@b",
    "..",
    "a\n",
    "a\x00",
    "ä",
    "\uff41",
    "\u0430",
    "\u0661",
]
BAD = {
    "namespace": ["A", "a.b", "a" * 65, "a+b"],
    "model": ["a" * 129, "a+b", "a~b"],
    "version": ["latest", "LATEST", "a" * 129, "1 ", "+1", "1+"],
    "artifact": ["a" * 129, "a+b"],
    "alias": ["A", "latest", "a" * 65, "a+b"],
    "tag": ["A", "latest", "a" * 65],
}


@pytest.mark.parametrize("kind", CHECKS)
def test_good_names(kind: str) -> None:
    assert [CHECKS[kind](name) for name in GOOD[kind]] == GOOD[kind]


@pytest.mark.parametrize("kind", CHECKS)
def test_bad_names_are_refused_in_words_that_cannot_draw(kind: str) -> None:
    for name in BAD[kind] + BAD_ANYWHERE:
        with pytest.raises(InvalidNameError) as caught:
            CHECKS[kind](name)
        assert caught.value.message.isprintable()
        assert caught.value.message.isascii()
        assert caught.value.remedy


def test_a_long_bad_name_is_cut() -> None:
    with pytest.raises(InvalidNameError) as caught:
        names.check_model("x" * 10_000 + "!")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("text", "namespace", "name"),
    [("nlp/lang-id", "nlp", "lang-id"), ("lang-id", "default", "lang-id"), ("a/B", "a", "B")],
)
def test_model_names(text: str, namespace: str, name: str) -> None:
    parsed = ModelName.parse(text)
    assert parsed == (namespace, name)
    assert ModelName.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text", ["", "/", "a/", "/a", "a/b/c", "A/b", "a/b@1", "a//b", "../b", "a b"]
)
def test_what_is_no_model_name(text: str) -> None:
    with pytest.raises(InvalidNameError):
        ModelName.parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nlp/lang-id", "nlp/lang-id@latest"), ("lang-id@4", "default/lang-id@4"), ("a/b@latest", "a/b@latest"),
        ("a/b@1.0.0-rc.1+x", "a/b@1.0.0-rc.1+x"), ("a/b@production", "a/b@production"),
    ],
)  # fmt: skip
def test_references(text: str, shown: str) -> None:
    parsed = Reference.parse(text)
    assert str(parsed) == shown
    assert Reference.parse(shown) == parsed


@pytest.mark.parametrize(
    "text", ["", "@", "a@", "@1", "a@b@c", "a/b@../x", "a@b/c", "a@ 1", "a@1\n", "a@-1", "a@1:2"]
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidNameError):
        Reference.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_reference_or_a_clear_no(text: str) -> None:
    try:
        parsed = Reference.parse(text)
    except InvalidNameError:
        return
    assert Reference.parse(str(parsed)) == parsed
    assert not {"..", "\n", " "} & {str(parsed)}


def test_folding() -> None:
    assert fold("Prod") == fold("prod")
    assert fold("a-b") != fold("a_b")
    assert fold_model("Lang_ID.v2") == fold_model("lang-id-v2")
    assert fold_model("langid") != fold_model("lang-id")


def _patterns(schema: Path) -> set[str]:
    text = schema.read_text(encoding="utf-8")
    return {
        json.loads(f'"{found}"') for found in re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', text)
    }


@pytest.mark.parametrize(
    ("kind", "schema", "pattern"),
    [
        ("namespace", "model", names.NAMESPACE_PATTERN), ("model", "model", names.MODEL_PATTERN),
        ("version", "version", names.VERSION_PATTERN), ("artifact", "version", names.ARTIFACT_PATTERN),
    ],
)  # fmt: skip
def test_the_schemas_say_the_same(kind: str, schema: str, pattern: str) -> None:
    patterns = _patterns(resource(f"schemas/{schema}/v1.schema.json"))
    assert f"^{pattern}$" in patterns or f"^(?:{pattern})$" in patterns, (kind, patterns)


@pytest.mark.parametrize(
    "name",
    [
        "con", "CON", "prn", "aux", "nul", "com1", "com9", "lpt1", "LPT9", "conin$", "CONOUT$", "com¹", "lpt²", "Com³.txt",
        "aux.c", "nul.tar.gz", "con.", "con ", "con .txt", "con  ..", "nul.v2",
    ],
)  # fmt: skip
def test_names_of_devices(name: str) -> None:
    assert is_device(name)
    with pytest.raises(InvalidNameError, match="device") as caught:
        check_new_name(name, "tag")
    assert str(caught.value).isascii()


@pytest.mark.parametrize("name", ["", "con1", "com0", "com10", "auxiliary", "v.aux", ".aux", " con", "lpt", "c-o-n", "com¹²", "nul_"])  # fmt: skip
def test_names_that_are_no_devices(name: str) -> None:
    assert not is_device(name)
    assert check_new_name(name, "tag") == name


def test_tasks_are_compared_without_case_blanks_dashes_and_underscores() -> None:
    one = {"English ASR", "english-asr", "ENGLISH_ASR", "english  asr", "english _- asr"}
    assert {fold_task(task) for task in one} == {"english-asr"}
    assert fold_task("EnglishASR") != "english-asr"
    assert fold_task("text.classification") == "text.classification"
    assert fold_task("STRASSE") == fold_task("stra\u00dfe")
    assert fold_task("\u00c4rzte") == fold_task("a\u0308rzte")
