"""Streams through the encryption and back, by the real package."""

from __future__ import annotations

import io

import pytest

from registry_tool.crypto.age import decrypt_stream, encrypt_stream, new_key
from registry_tool.errors import RefusedError

pytest.importorskip("pyrage")


class BrokenError(Exception):
    pass


class BreaksReading:
    def read(self, _: int, /) -> bytes:
        raise BrokenError


class BreaksWriting:
    def write(self, _: bytes, /) -> int:
        raise BrokenError

    def flush(self) -> None:
        pass


def test_streams() -> None:
    key, out, back = new_key(), io.BytesIO(), io.BytesIO()
    plain = bytes(range(256)) * 1000
    encrypt_stream(io.BytesIO(plain), out, key.recipient)
    assert plain[:64] not in out.getvalue()
    decrypt_stream(io.BytesIO(out.getvalue()), back, key)
    assert back.getvalue() == plain


def test_errors_of_streams_stay_what_they_are() -> None:
    key, out = new_key(), io.BytesIO()
    encrypt_stream(io.BytesIO(b"x"), out, key.recipient)
    with pytest.raises(BrokenError):
        encrypt_stream(BreaksReading(), io.BytesIO(), key.recipient)
    with pytest.raises(BrokenError):
        encrypt_stream(io.BytesIO(b"x"), BreaksWriting(), key.recipient)
    with pytest.raises(BrokenError):
        decrypt_stream(BreaksReading(), io.BytesIO(), key)
    with pytest.raises(BrokenError):
        decrypt_stream(io.BytesIO(out.getvalue()), BreaksWriting(), key)


@pytest.mark.parametrize("at", [0, 30, 150, -1])
def test_a_wrong_byte_is_noticed(at: int) -> None:
    key, out = new_key(), io.BytesIO()
    encrypt_stream(io.BytesIO(b"x" * 100_000), out, key.recipient)
    data = bytearray(out.getvalue())
    data[at] ^= 1
    with pytest.raises(RefusedError, match=r"does not decrypt|is not an age file"):
        decrypt_stream(io.BytesIO(bytes(data)), io.BytesIO(), key)


def test_a_cut_payload_is_noticed() -> None:
    key, out = new_key(), io.BytesIO()
    encrypt_stream(io.BytesIO(b"x" * 200_000), out, key.recipient)
    for size in (0, 100, 70_000, len(out.getvalue()) - 1):
        with pytest.raises(RefusedError):
            decrypt_stream(io.BytesIO(out.getvalue()[:size]), io.BytesIO(), key)
    with pytest.raises(RefusedError):
        decrypt_stream(io.BytesIO(out.getvalue()), io.BytesIO(), new_key())
