"""Version schemes: what they admit, and in which order."""

from __future__ import annotations

import random

import pytest

from registry_tool.versioning import (
    SCHEMES,
    admits,
    is_prerelease,
    looks_like_version,
    next_version,
    order_key,
)

# Lowest first; for SemVer the example of its specification, section 11.
ORDERED = {
    "integer": ["1", "2", "9", "10", "100"],
    "semver": [
        "0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
        "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0-0", "2.0.0",
    ],
    "calver": ["2025.12", "2026.1", "2026.2-rc1", "2026.2-rc2", "2026.2", "2026.2.1", "2026.10", "2026.11"],
}  # fmt: skip


@pytest.mark.parametrize("scheme", ORDERED)
def test_order(scheme: str) -> None:
    shuffled = ORDERED[scheme].copy()
    random.Random(7).shuffle(shuffled)
    assert sorted(shuffled, key=lambda version: order_key(scheme, version)) == ORDERED[scheme]


def test_free_versions_stand_in_the_order_of_time() -> None:
    times = {"b": "2026-01-01T00:00:00.000Z", "a": "2026-01-01T00:00:00.001Z", "c": ""}
    assert sorted(times, key=lambda v: order_key("free", v, times[v])) == ["c", "b", "a"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_two_versions_can_be_compared(scheme: str) -> None:
    odd = [
        "1",
        "x",
        "1.0.0",
        "1.0.0-a",
        "1.0.0-1",
        "2026.01",
        "2026-rc1",
        "v1",
        "0",
        "01",
        "a.b",
        "1.0.0+b",
    ]
    keys = {version: order_key(scheme, version) for version in odd}
    assert len(sorted(odd, key=keys.__getitem__)) == len(set(keys.values())) == len(odd)


@pytest.mark.parametrize(
    ("scheme", "good", "bad"),
    [
        ("integer", ["1", "10", "9" * 18], ["0", "01", "-1", "1.0", "v1", "9" * 19, "", "1 "]),
        ("semver", ["0.0.0", "1.2.3", "1.2.3-rc.1", "1.2.3+b.7", "1.2.3-a-b.0+c"],
         ["1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "v1.2.3", "1.2.3+", "1.2.3-a..b", "1.2.3\n", "\u0661.\u0662.\u0663"]),
        ("calver", ["2026", "2026.11", "2026.11.3", "2026-11-21", "20261121", "2026.11rc1", "2026.11-rc1"],
         ["26.11", "2026.", "v2026.11", "2026.11-x", "2026.11.3.4.5.6", ""]),
        ("free", ["anything", "1", "v1.2+x"], []),
    ],
)  # fmt: skip
def test_what_a_scheme_admits(scheme: str, good: list[str], bad: list[str]) -> None:
    assert [version for version in good if not admits(scheme, version)] == []
    assert [version for version in bad if admits(scheme, version)] == []


@pytest.mark.parametrize(
    ("scheme", "version", "said"),
    [
        ("semver", "1.0.0-rc.1", True), ("semver", "1.0.0+rc.1", False), ("semver", "1.0.0", False),
        ("calver", "2026.11-rc1", True), ("calver", "2026.11b2", True), ("calver", "2026.11", False),
        ("integer", "1", False), ("free", "1.0.0-rc.1", False), ("free", "beta", False),
    ],
)  # fmt: skip
def test_prereleases(scheme: str, version: str, said: bool) -> None:  # noqa: FBT001 (a table)
    assert is_prerelease(scheme, version) is said


def test_the_next_version_is_one_more_than_the_highest_and_never_reused() -> None:
    assert next_version("integer", []) == "1"
    assert next_version("integer", ["1", "7", "3"]) == "8"
    assert next_version("integer", ["x", "01", "1.0", "9", "10"]) == "11"
    for scheme in ("semver", "calver", "free"):
        assert next_version(scheme, ["1"]) is None


def test_the_next_number_passes_over_names_that_are_taken() -> None:
    assert next_version("integer", ["1", "2"], ["3", "4", "6", "v5"]) == "5"
    assert next_version("integer", [], ["1"]) == "2"
    assert next_version("semver", ["1.0.0"], ["3"]) is None


@pytest.mark.parametrize(
    ("scheme", "like", "unlike"),
    [
        ("integer", ["1", "007", "0", "9" * 30], ["v1", "1.0", "\u0661", "", "1a"]),
        ("semver", ["1.4.0", "1.4.0-rc.1"], ["1.4", "v1.4.0", "4", ""]),
        ("calver", ["2026", "2026-11", "2026.11-rc1"], ["release-2026-11", "11", ""]),
        ("free", [], ["1", "1.4.0", "2026"]),
    ],
)
def test_what_looks_like_a_version(scheme: str, like: list[str], unlike: list[str]) -> None:
    assert [name for name in [*like, *unlike] if looks_like_version(scheme, name)] == like
