"""The quick look at a requirement takes nothing that the library refuses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement

from registry_tool.checks.rules.versions import _PINNED

_pieces = st.sampled_from(
    [
        "a",
        "A1",
        "numpy",
        "-",
        "_",
        ".",
        "==",
        ">=",
        "<=",
        "~=",
        "=",
        "1",
        "0",
        "1.2",
        ".",
        ".*",
        " ",
        ",",
        ";",
        "+cu1",
        "rc1",
    ]
)


def _is_requirement(text: str) -> bool:
    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return True


@settings(max_examples=500)
@given(text=st.lists(_pieces, max_size=6).map("".join))
def test_what_is_plain_is_a_requirement(text: str) -> None:
    if _PINNED.fullmatch(text):
        assert _is_requirement(text)


def test_what_pip_freeze_prints_is_plain() -> None:
    assert _PINNED.fullmatch("scikit-learn==1.5.2")
    assert not _PINNED.fullmatch("scikit-learn=1.5")
    assert not _PINNED.fullmatch("torch==2.5.1+cu121")
