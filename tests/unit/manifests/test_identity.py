"""Identity: what does not change answers does not change it, and what does, does."""

from __future__ import annotations

import copy
import hashlib
import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.identity import _canonical, _is_common, identity
from registry_tool.manifests.models.version import VersionManifest
from registry_tool.manifests.problems import JSON

A, B, C = "a" * 64, "b" * 64, "c" * 64
VERSION: dict[str, JSON] = {
    "schema": "version/v1",
    "model": "nlp/lang-id",
    "version": "4",
    "created_at": "2026-11-21T08:30:00.000Z",
    "framework": {"type": "transformers", "version": "4.46.0"},
    "environment": {"python_version": "3.11", "pip_packages": ["torch==2.5.1", "numpy==2.1.0"], "lock": "lock"},
    "artifacts": [
        {"name": "model", "role": "model", "path": "model.bin", "size": 1, "sha256": A, "md5": "0" * 32},
        {"name": "lock", "role": "document", "path": "uv.txt", "size": 1, "sha256": B, "md5": "1" * 32},
        {"name": "base", "role": "checkpoint", "uri": "s3://b/base", "etag": "e1"},
        {"name": "voc", "role": "tokenizer", "uri": "s3://b/voc", "sha256": C},
    ],
    "parameters": {"k": 1, "temperature": 0.7},
    "identity": "sha256:" + "0" * 64,
}  # fmt: skip


def artifact(number: int, **fields: JSON) -> dict[str, JSON]:
    """VERSION with fields of one artifact set."""
    version = copy.deepcopy(VERSION)
    artifacts = version["artifacts"]
    assert isinstance(artifacts, list)
    entry = artifacts[number]
    assert isinstance(entry, dict)
    entry.update(fields)
    return version


def test_the_example_is_a_version() -> None:
    VersionManifest.from_data({**VERSION})


def test_one_frozen_digest() -> None:
    # Written down once; it holds for every version/v1 ever published.
    assert (
        identity(VERSION)
        == "sha256:bce21fdbe0b813e4e25b70eaf07df961b76c01d888eee2ebbe3a804d7be7bf9e"
    )


def test_the_formula_as_documented() -> None:
    content = {
        "artifacts": [
            {"etag": "e1", "name": "base", "uri": "s3://b/base"},
            {"name": "voc", "sha256": C},
            {"path": "model.bin", "sha256": A},
        ],
        "environment": {"lock": B},
        "framework": {"type": "transformers", "version": "4.46.0"},
        "parameters": {"k": 1, "temperature": 0.7},
    }
    # For these values Python's compact JSON is the RFC 8785 form.
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    assert identity(VERSION) == f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def test_nothing_at_all_has_an_identity() -> None:
    assert identity({}) == f"sha256:{hashlib.sha256(b'{}').hexdigest()}"


WORDS = st.sampled_from(
    ["name", "author", "description", "external_id", "source", "lineage", "metrics", "signature",
     "metadata", "same_as", "created_at", "model", "version", "identity"]
)  # fmt: skip
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.permutations(range(4)), st.dictionaries(WORDS, JSONS))
def test_order_and_words_do_not_matter(order: list[int], words: dict[str, JSON]) -> None:
    artifacts = VERSION["artifacts"]
    assert isinstance(artifacts, list)
    assert identity({**VERSION, **words, "artifacts": [artifacts[i] for i in order]}) == identity(
        VERSION
    )


@given(
    st.integers(0, 1).map(lambda i: (0, 3)[i]),
    st.integers(0, 63),
    st.sampled_from("0123456789abcdef"),
)
def test_a_flipped_digit_of_a_digest_matters(number: int, position: int, digit: str) -> None:
    old = {0: A, 3: C}[number]
    new = old[:position] + digit + old[position + 1 :]
    assert (identity(artifact(number, sha256=new)) == identity(VERSION)) == (new == old)


@pytest.mark.parametrize(
    "fields",
    [{"size": 2}, {"md5": "2" * 32}, {"description": "x"}, {"metadata": {"a": 1}}, {"media_type": "a/b"},
     {"external_id": "x"}, {"name": "weights"}, {"role": "checkpoint"}],
    ids=lambda f: next(iter(f)),
)  # fmt: skip
def test_storage_and_words_of_an_artifact_do_not_matter(fields: dict[str, JSON]) -> None:
    assert identity(artifact(0, **fields)) == identity(VERSION)


@pytest.mark.parametrize(
    "other",
    [
        artifact(0, path="other.bin"),
        artifact(0, role="document"),
        artifact(1, sha256=A),
        artifact(2, etag="e2"),
        artifact(2, uri="s3://b/other"),
        artifact(2, sha256=A),
        {**VERSION, "framework": {"type": "transformers", "version": "4.46.1"}},
        {**VERSION, "framework": {"type": "pytorch"}},
        {**VERSION, "environment": {"python_version": "3.11"}},
        {**VERSION, "parameters": {"k": 2, "temperature": 0.7}},
        {**VERSION, "parameters": {}},
    ],
)
def test_what_can_change_outputs_matters(other: dict[str, JSON]) -> None:
    assert identity(other) != identity(VERSION)


def test_a_lock_file_stands_for_the_packages() -> None:
    environment: JSON = {"python_version": "3.12", "pip_packages": ["x"], "lock": "lock"}
    assert identity({**VERSION, "environment": environment}) == identity(VERSION)


def test_without_a_lock_file_packages_matter_and_their_order_does_not() -> None:
    def of(*packages: str) -> str:
        listed: list[JSON] = [*packages]
        return identity({**VERSION, "environment": {"pip_packages": listed}})

    assert of("a", "b") == of("b", "a")
    assert of("a", "b") != of("a", "c")


def test_a_lock_that_names_no_stored_artifact_is_passed_over() -> None:
    def of(python: str) -> str:
        return identity({**VERSION, "environment": {"python_version": python, "lock": "base"}})

    assert of("3.11") != of("3.12")


def test_one_number_has_one_form() -> None:
    whole, fraction = {"k": 1, "temperature": 0.7}, {"k": 1.0, "temperature": 0.7}
    assert identity({**VERSION, "parameters": {**whole}}) == identity(
        {**VERSION, "parameters": {**fraction}}
    )


def test_an_encrypted_version_has_the_identity_of_its_plaintext() -> None:
    plain: dict[str, JSON] = {
        "framework": {"type": "custom"},
        "environment": {"lock": "lock"},
        "artifacts": [
            {"name": "model", "role": "model", "path": "a.bin", "sha256": "1" * 64},
            {"name": "lock", "role": "document", "path": "lock.txt", "sha256": "2" * 64},
        ],
    }

    def sealed(entry: dict[str, JSON], digit: str) -> dict[str, JSON]:
        inner: dict[str, JSON] = {
            "path": entry["path"],
            "sha256": entry["sha256"],
            "recipient": digit,
        }
        return {**entry, "path": f"{entry['path']}.age", "sha256": digit * 64, "encryption": inner}

    artifacts = plain["artifacts"]
    assert isinstance(artifacts, list)
    for digit in "89":
        made: list[JSON] = [sealed(one, digit) for one in artifacts if isinstance(one, dict)]
        assert identity({**plain, "artifacts": made}) == identity(plain)


def test_two_artifacts_with_the_same_bytes_are_not_one() -> None:
    artifacts = VERSION["artifacts"]
    assert isinstance(artifacts, list)
    assert identity({**VERSION, "artifacts": [*artifacts, artifacts[0]]}) != identity(VERSION)


def test_a_number_without_canonical_form_is_refused_with_a_remedy() -> None:
    with pytest.raises(InvalidManifestError, match="no identity") as caught:
        identity({**VERSION, "parameters": {"seed": 2**60}})
    assert "as text" in caught.value.remedy


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["\x7f", "\x1f", "\u2028", "ü", '"\\', 1e-4, 9.9e-5, 1e15, 0.1, -0.0, 1e21]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=600)
@given(value=_plain)
def test_the_quick_canonical_form_is_that_of_rfc_8785(value: JSON) -> None:
    assert _canonical(value) == rfc8785.dumps(value)


def test_the_quick_form_is_taken_for_common_parameters() -> None:
    assert _is_common(
        {"seed": 7, "rate": 0.001, "name": "a", "layers": [1, 2], "on": True, "none": None}
    )
    assert not _is_common({"ü": 1})
    assert not _is_common(1.0)
