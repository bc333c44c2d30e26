"""Who is the same person."""

from __future__ import annotations

import pytest

from registry_tool.promotion.gates.approvals import fold_person, is_person, parse_address


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("Ada L <Ada@Example.org>", "Ada@Example.org"),
        ("<ada@example.org>", "ada@example.org"),
        (" ada@example.org ", "ada@example.org"),
        ("@acme/speech", "@acme/speech"),
        ("A <x> <ada@example.org>", "ada@example.org"),
        ("A <>", ""),
        ("", ""),
    ],
)
def test_address(said: str, address: str) -> None:
    assert parse_address(said) == address
    assert fold_person(said) == address.lower()


def test_case_does_not_make_two_people() -> None:
    assert fold_person("Ada <ADA@example.org>") == fold_person("a <ada@EXAMPLE.org>")


@pytest.mark.parametrize(
    ("said", "expected"),
    [("ada@example.org", True), ("*@example.org", False), ("ad?@example.org", False), ("!ada@example.org", False), ("A <>", False), ("", False)],
)  # fmt: skip
def test_a_pattern_is_nobody(said: str, *, expected: bool) -> None:
    assert is_person(said) is expected
