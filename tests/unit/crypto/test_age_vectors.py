"""The public test vectors of age: what the vector says is what happens here."""

from __future__ import annotations

import hashlib
import io
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry_tool.crypto.age import (
    Key,
    decrypt_stream,
    open_with_passphrase,
    open_wrap,
    read_identities,
)
from registry_tool.errors import RefusedError, UsageError
from registry_tool.scanning.age_header import NotAgeError, decode_armour, read_header

pyrage = pytest.importorskip("pyrage")
FOLDER = Path(__file__).parents[2] / "data" / "age"
# scrypt with a work factor of 23 is no error of form.
PARSES = {"stream_no_nonce", "stream_short_nonce", "scrypt_work_factor_23"}
# The package must find these itself: they take arithmetic on the curve, or a key.
NEEDS_THE_KEY = {
    "x25519_identity", "x25519_low_order", "hybrid_identity", "hybrid_low_order", "hybrid_currupted_enc_mlkem",
}  # fmt: skip


@dataclass(frozen=True)
class Vector:
    """One file: what should happen, and the age file."""

    name: str
    said: dict[str, list[str]]
    data: bytes

    @property
    def expected(self) -> str:
        return self.said["expect"][0]

    @property
    def is_armoured(self) -> bool:
        return "armored" in self.said

    def is_payload(self, data: bytes) -> bool:
        return hashlib.sha256(data).hexdigest() == self.said["payload"][0]


def _read(path: Path) -> Vector:
    head, _, data = path.read_bytes().partition(b"\n\n")
    said: dict[str, list[str]] = {}
    for line in head.decode().split("\n"):
        key, _, value = line.partition(": ")
        said.setdefault(key, []).append(value)
    return Vector(path.name, said, zlib.decompress(data) if "compressed" in said else data)


VECTORS = [_read(path) for path in sorted(FOLDER.iterdir()) if "." not in path.name]
POST_QUANTUM = [v for v in VECTORS if any("-PQ-" in one for one in v.said.get("identity", []))]
WITH_KEYS = [v for v in VECTORS if "identity" in v.said and v not in POST_QUANTUM]
WITH_PASSPHRASES = [v for v in VECTORS if "passphrase" in v.said]


def _called(vector: Vector) -> str:
    return vector.name


def test_there_are_all() -> None:
    assert len(VECTORS) == 143
    sorted_out = {v.name for v in (*POST_QUANTUM, *WITH_KEYS, *WITH_PASSPHRASES)}
    assert sorted_out | {"empty", "armor_empty", "version_unsupported"} >= {v.name for v in VECTORS}


@pytest.mark.parametrize("vector", WITH_KEYS, ids=_called)
def test_a_stream(vector: Vector) -> None:
    out, opened = io.BytesIO(), False
    for secret in vector.said["identity"]:
        out = io.BytesIO()
        try:
            decrypt_stream(io.BytesIO(vector.data), out, Key(secret))
        except RefusedError:
            continue
        opened = True
        break
    assert opened == (vector.expected == "success")
    if opened:
        assert vector.is_payload(out.getvalue())


@pytest.mark.parametrize("vector", VECTORS, ids=_called)
def test_a_header(vector: Vector) -> None:
    """Read without a key: what is malformed is said, and what is not malformed is read."""
    try:
        read_header(
            decode_armour(vector.data.decode("latin-1")) if vector.is_armoured else vector.data
        )
        read = True
    except NotAgeError:
        read = False
    wrong = vector.expected in {"header failure", "armor failure"}
    if vector.name in PARSES:
        wrong = False
    if vector.name not in NEEDS_THE_KEY:
        assert read != wrong


@pytest.mark.parametrize("vector", WITH_PASSPHRASES, ids=_called)
def test_a_passphrase(vector: Vector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrap holds a key; these hold a text, which stands for one here."""
    seen: list[bytes] = []

    def key_of(text: str) -> Key:
        seen.append(text.encode())
        raise RefusedError("not a key")

    monkeypatch.setattr("registry_tool.crypto.age.Key", key_of)
    armour = vector.data.decode("latin-1") if vector.is_armoured else _armoured(vector.data)
    for passphrase in vector.said["passphrase"]:
        with suppress(RefusedError):
            open_with_passphrase(armour, passphrase)
    assert bool(seen) == (vector.expected == "success")
    if seen:
        assert vector.is_payload(seen[0])


def _armoured(data: bytes) -> str:
    from base64 import b64encode

    text = b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(
        ["-----BEGIN AGE ENCRYPTED FILE-----", *lines, "-----END AGE ENCRYPTED FILE-----", ""]
    )


@pytest.mark.parametrize("vector", POST_QUANTUM, ids=_called)
def test_post_quantum_keys_are_refused_in_words(vector: Vector, tmp_path: Path) -> None:
    place = tmp_path / "key.txt"
    for secret in vector.said["identity"]:
        if "-PQ-" in secret:
            place.write_text(f"{secret}\n")
            with pytest.raises(UsageError, match="post-quantum keys of age are not supported"):
                read_identities(place)


def test_an_armour_with_cr_lf_is_a_wrap() -> None:
    (vector,) = [v for v in VECTORS if v.name == "armor_crlf"]
    assert b"\r\n" in vector.data
    with pytest.raises(
        RefusedError, match="the wrapped key is not an age key"
    ):  # it opens, and contains text
        open_wrap(vector.data.decode(), [Key(vector.said["identity"][0]).identity])
