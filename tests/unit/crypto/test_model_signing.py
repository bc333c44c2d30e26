"""Bundles of Model Signing, read without any package."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.crypto.model_signing import LIMIT, NotABundleError, parse

DIGEST = "0" * 64


def statement(**fields: object) -> dict[str, object]:
    predicate = {
        "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
        "resources": [{"name": "a", "algorithm": "sha256", "digest": DIGEST}],
    }
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "folder", "digest": {"sha256": DIGEST}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": predicate | fields,
    }


def bundle(payload: object, **fields: object) -> dict[str, object]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "ab"}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(raw).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": "AAAA", "keyid": ""}],
        },
    } | fields


def test_what_a_bundle_says() -> None:
    found = parse(json.dumps(bundle(statement())))
    assert (found.hint, found.subject, found.signature) == ("ab", "folder", "AAAA")
    assert (found.files, dict(found.digests)) == (frozenset({"a"}), {"a": DIGEST})
    assert (found.hash_type, found.shard_size) == ("sha256", None)


def test_only_what_was_read_is_handed_on() -> None:
    """A second reading cannot find anything else, such as the same field under another name."""
    text = json.dumps(bundle(statement(), dsse_envelope={"payload": ""}, more=[1]))
    found = parse(text)
    again = json.loads(found.render_for("cd"))
    assert again == bundle(statement()) | {
        "verificationMaterial": {"publicKey": {"hint": "cd"}, "tlogEntries": []}
    }
    assert parse(found.render_for("ab")) == found


def test_shards_are_of_files() -> None:
    shards = [f"a b:{n}:{n + (1 << 20)}" for n in (0, 1 << 20)]
    found = parse(
        json.dumps(
            bundle(
                statement(
                    serialization={"method": "shards", "hash_type": "sha256", "shard_size": 1048576.0},
                    resources=[
                        {"name": name, "algorithm": f"sha256-sharded-{1 << 20}", "digest": DIGEST}
                        for name in shards
                    ],
                )
            )
        )
    )  # fmt: skip
    assert (found.files, found.shard_size) == (frozenset({"a b"}), 1 << 20)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mediaType": "text/plain"}, "its mediaType is 'text/plain'"),
        ({"verificationMaterial": []}, "its verificationMaterial is not an object"),
        ({"verificationMaterial": {"certificate": {}}}, "with a certificate or an identity"),
        ({"verificationMaterial": {"publicKey": {"hint": 1}}}, "its hint is not text"),
        ({"dsseEnvelope": None}, "its dsseEnvelope is not an object"),
    ],
)
def test_what_is_no_bundle(fields: dict[str, object], words: str) -> None:
    with pytest.raises(NotABundleError, match=words):
        parse(json.dumps(bundle(statement(), **fields)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"serialization": {"method": "files", "hash_type": "md5"}}, "its hash_type is 'md5'"),
        ({"serialization": {"method": "tensors", "hash_type": "sha256"}}, "its method is"),
        (
            {"serialization": {"method": "shards", "hash_type": "sha256", "shard_size": 1}},
            "shards are smaller than",
        ),
        ({"resources": {}}, "its list of resources is not a list"),
        ({"resources": [1]}, "its resource is not an object"),
        ({"resources": [{"name": "a", "algorithm": "blake3"}]}, "algorithm of a resource is"),
        (
            {"resources": [{"name": "a", "algorithm": "sha256", "digest": DIGEST}] * 2},
            "it names 'a' twice",
        ),
    ],
)
def test_statements_that_are_not_read(fields: dict[str, object], words: str) -> None:
    with pytest.raises(NotABundleError, match=words):
        parse(json.dumps(bundle(statement(**fields))))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its text is not JSON"),
        ("[]", "its text is not an object"),
        ("[" * 100_000, "its text is not JSON"),
        (json.dumps(bundle(b"[" * 100_000)), "its payload is not JSON"),
        (json.dumps(bundle(b"\xff")), "its payload is not JSON"),
        (json.dumps(bundle({})), "its statement is 'None'"),
    ],
    ids=["nothing", "list", "deep", "deep payload", "bytes", "no statement"],
)
def test_hostile_text(text: str, words: str) -> None:
    with pytest.raises(NotABundleError, match=words):
        parse(text)


def test_a_bundle_is_bounded() -> None:
    with pytest.raises(NotABundleError, match="is larger than"):
        parse(" " * (LIMIT + 1))


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    where=st.sampled_from(
        ["mediaType", "verificationMaterial", "dsseEnvelope", "subject", "predicate", "resources"]
    ),
    value=JSONS,
)
def test_no_text_is_more_than_no_bundle(where: str, value: object) -> None:
    inner = statement()
    if where in inner:
        inner[where] = value
    elif where == "resources":
        inner = statement(resources=value)
    outer = bundle(inner)
    if where in outer:
        outer[where] = value
    with contextlib.suppress(NotABundleError):
        assert parse(json.dumps(outer)).subject == "folder"
