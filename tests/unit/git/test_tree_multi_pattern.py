"""Many strings are found where each of them would have been found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry_tool.git.tree import MultiPattern

_few = st.lists(st.text("ab:\n", min_size=1, max_size=4), max_size=5)
_many = st.lists(st.text("ab", max_size=5).map("sha:".__add__), min_size=16, max_size=40)
_data = st.text("shab:\n", max_size=60).map(str.encode)


@given(_few, _data)
def test_a_few(words: list[str], data: bytes) -> None:
    assert MultiPattern(words).are_in(data) == any(word.encode() in data for word in words)


@given(_many, _data)
def test_many_that_begin_alike(words: list[str], data: bytes) -> None:
    assert MultiPattern(words).are_in(data) == any(word.encode() in data for word in words)


def test_a_beginning_is_shared_by_many_words_only() -> None:
    digests = [f"sha256:{number:064x}" for number in range(20)]
    assert MultiPattern(digests).beginning.startswith(b"sha256:")
    assert MultiPattern(digests[:3]).beginning == b""
    assert MultiPattern([*digests, "shard"]).beginning == b""  # too short to be seldom
    assert MultiPattern([*digests, "other"]).beginning == b""
    assert MultiPattern([*digests, "sha256:\n"]).beginning == b""
    assert MultiPattern([]).words == ()


def test_words_that_are_no_utf_8_are_looked_for_all_the_same() -> None:
    assert MultiPattern(["\udcff"]).are_in(b"a\xffb")
